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

// workplace is a run: its settings, what it knows about the machine, and the large stores
// that several rows use.
type workplace struct {
	settings
	dir     string
	spinner spinner
	stocks  map[string]*stock
	sites   int // made so far
}

func newWorkplace(s settings) (*workplace, error) {
	dir, err := os.MkdirTemp("", "missioncontrol-bench")
	if err != nil {
		return nil, err
	}
	// PostgreSQL runs as another user, who has to get in.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // see above
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return &workplace{settings: s, dir: dir, stocks: map[string]*stock{}}, nil
}

func (w *workplace) close() {
	w.release(nil)
	_ = os.RemoveAll(w.dir)
}

// site is where processes run that belong together. Closing it ends them and removes
// their files.
type site struct {
	*workplace
	dir         string
	closes      []func()
	supervisors int // started on empty stores
}

func (w *workplace) site() (*site, error) {
	w.sites++
	dir := filepath.Join(w.dir, "site-"+strconv.Itoa(w.sites))
	return &site{workplace: w, dir: dir}, os.Mkdir(dir, 0o755) //nolint:gosec // see newWorkplace
}

func (s *site) onClose(f func()) { s.closes = append(s.closes, f) }

func (s *site) close() {
	for i := len(s.closes) - 1; i >= 0; i-- {
		s.closes[i]()
	}
	s.closes = nil
	_ = os.RemoveAll(s.dir)
	syscall.Sync() // what is still unwritten would be written in the other side's time
}

// path returns a place for files of a name.
func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// timeout bounds the start and the end of a process.
const timeout = 5 * time.Minute

// start starts a process and waits for a line of its output that matches; it
// returns what the expression's group found.
func (s *site) start(ready *regexp.Regexp, name string, args ...string) (string, *exec.Cmd, error) {
	cmd := exec.Command(name, args...) //nolint:gosec // our own
	out, in, err := os.Pipe()
	if err != nil {
		return "", nil, err
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	_ = in.Close() // the process has it
	if err != nil {
		_ = out.Close()
		return "", nil, err
	}
	found, read := make(chan string, 1), make(chan struct{})
	s.onClose(func() { end(cmd); <-read; _ = out.Close() })
	go func() {
		defer close(read)
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

// place is a supervisor with its broker, and its store.
type place struct {
	url, redis string // redis is an address, "" on SQLite
	args       []string
	cmd        *exec.Cmd
}

// supervised starts a supervisor on an empty store; fsync is that of its Redis.
func (s *site) supervised(store, fsync string) (p place, err error) {
	s.supervisors++
	p.args = []string{"serve", "--data-dir", s.path("data-" + strconv.Itoa(s.supervisors)), "--listen", "127.0.0.1:0", "--http", "off"}
	if store == "Redis" {
		if p.redis, err = s.redis(fsync); err != nil {
			return p, err
		}
		p.args = append(p.args, "--store", "redis://"+p.redis)
	}
	return s.again(p)
}

// again starts a supervisor on what it left behind.
func (s *site) again(p place) (_ place, err error) {
	p.url, p.cmd, err = s.start(brokerLine, s.binary, p.args...)
	return p, err
}

func (s *site) connect(url string) (*nats.Conn, error) {
	nc, err := nats.Connect(url, nats.MaxReconnects(-1))
	if err == nil {
		s.onClose(nc.Close)
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
func (s *site) redis(fsync string) (string, error) {
	port := freePort()
	dir := s.path("redis-" + port)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	_, _, err := s.start(regexp.MustCompile("(Ready to accept connections)"), "redis-server", "--port", port, "--bind", "127.0.0.1",
		"--dir", dir, "--save", "", "--appendonly", "yes", "--appendfsync", fsync)
	return "127.0.0.1:" + port, err
}

// self starts this program in another role, in an environment, and returns the URL of its
// broker.
func (s *site) self(role string, env ...string) (string, *exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	return s.start(regexp.MustCompile(`Broker: (nats://\S+)`), "env", append(env, self, role)...)
}
