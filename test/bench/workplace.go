package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// workplace is what a row's processes and files stand in; close ends them all.
type workplace struct {
	settings
	dir    string
	closes []func()
}

func newWorkplace(s settings) (*workplace, error) {
	dir, err := os.MkdirTemp("", "missioncontrol-bench")
	if err != nil {
		return nil, err
	}
	w := &workplace{settings: s, dir: dir}
	w.onClose(func() { _ = os.RemoveAll(dir) })
	return w, nil
}

func (w *workplace) onClose(f func()) { w.closes = append(w.closes, f) }

func (w *workplace) close() {
	for i := len(w.closes) - 1; i >= 0; i-- {
		w.closes[i]()
	}
	w.closes = nil
}

// path returns a place for files of a name.
func (w *workplace) path(name string) string { return filepath.Join(w.dir, name) }

// patience bounds the start and the end of a process.
const patience = 5 * time.Minute

// start starts a process and waits for a line of its output that matches; it
// returns what the expression's group found.
func (w *workplace) start(ready *regexp.Regexp, name string, args ...string) (string, *exec.Cmd, error) {
	cmd := exec.Command(name, args...) //nolint:gosec // our own
	out, in, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	_ = in.Close() // the process has it
	w.onClose(func() { end(cmd); _ = out.Close() })
	found := make(chan string, 1)
	go func() {
		defer close(found)
		var seen strings.Builder
		scan := bufio.NewScanner(out)
		for scan.Scan() {
			_, _ = fmt.Fprintln(&seen, scan.Text())
			if m := ready.FindStringSubmatch(scan.Text()); m != nil {
				found <- m[len(m)-1]
				_, _ = io.Copy(io.Discard, out)
				return
			}
		}
		fmt.Fprint(os.Stderr, seen.String())
	}()
	select {
	case text, ok := <-found:
		if !ok {
			return "", nil, fmt.Errorf("%s ended", name)
		}
		return text, cmd, nil
	case <-time.After(patience):
		return "", nil, errors.New(name + " does not start")
	}
}

// end stops a process, politely at first. PostgreSQL waits for its clients to leave
// when it is asked with SIGTERM, and does not with SIGINT, which the others take too.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGINT)
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
}

var brokerLine = regexp.MustCompile(`Broker: (nats://[0-9.:]+)`)

// supervisor starts a supervisor with its embedded broker and returns its URL.
func (w *workplace) supervisor(dir string, args ...string) (string, *exec.Cmd, error) {
	args = append([]string{"serve", "--data-dir", dir, "--listen", "127.0.0.1:0", "--http", "off"}, args...)
	return w.start(brokerLine, w.binary, args...)
}

func (w *workplace) connect(url string) (*nats.Conn, error) {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err == nil {
		w.onClose(nc.Close)
	}
	return nc, err
}

// freePort returns a port that nobody listens on now.
func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "0"
	}
	defer func() { _ = l.Close() }() // nothing was sent
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// redis starts a Redis and returns its address. fsync is always, everysec or no.
func (w *workplace) redis(fsync string) (string, error) {
	port := freePort()
	dir := w.path("redis-" + port)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	_, _, err := w.start(regexp.MustCompile("(Ready to accept connections)"), "redis-server", "--port", port, "--bind", "127.0.0.1",
		"--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", fsync)
	return "127.0.0.1:" + port, err
}
