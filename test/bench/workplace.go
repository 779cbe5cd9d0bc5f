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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// workplace is what the rows' processes and files stand in; close ends them all.
type workplace struct {
	settings
	dir    string
	closes []func()
	shared map[string]any

	supervisors int // that were started on empty stores
}

// once makes something that several rows use when the first of them does.
func once[T any](w *workplace, name string, make func() (T, error)) (T, error) {
	if made, ok := w.shared[name]; ok {
		return made.(T), nil
	}
	made, err := make()
	if err == nil {
		w.shared[name] = made
	}
	return made, err
}

func newWorkplace(s settings) (*workplace, error) {
	dir, err := os.MkdirTemp("", "missioncontrol-bench")
	if err != nil {
		return nil, err
	}
	w := &workplace{settings: s, dir: dir, shared: map[string]any{}}
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

// timeout bounds the start and the end of a process.
const timeout = 5 * time.Minute

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
	case <-time.After(timeout):
		return "", nil, errors.New(name + " does not start")
	}
}

// end stops a process, politely at first. PostgreSQL waits for its clients to leave
// when it is asked with SIGTERM, and does not with SIGINT, which the others take too.
func end(cmd *exec.Cmd) {
	_ = cmd.Process.Signal(syscall.SIGINT)
	timer := time.AfterFunc(timeout, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
}

var brokerLine = regexp.MustCompile(`Broker: (nats://[0-9.:]+)`)

// place is a supervisor with its embedded broker, and its store.
type place struct {
	url, redis string // redis is an address, "" on SQLite
	args       []string
	cmd        *exec.Cmd
}

// supervised starts a supervisor on an empty store; fsync is that of its Redis.
func (w *workplace) supervised(store, fsync string) (p place, err error) {
	w.supervisors++
	p.args = []string{"serve", "--data-dir", w.path("data-" + strconv.Itoa(w.supervisors)), "--listen", "127.0.0.1:0", "--http", "off"}
	if store == "Redis" {
		if p.redis, err = w.redis(fsync); err != nil {
			return p, err
		}
		p.args = append(p.args, "--store", "redis://"+p.redis)
	}
	return w.again(p)
}

// again starts a supervisor on what it left behind.
func (w *workplace) again(p place) (_ place, err error) {
	p.url, p.cmd, err = w.start(brokerLine, w.binary, p.args...)
	return p, err
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
