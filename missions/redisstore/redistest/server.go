// Package redistest runs real Redis servers for tests: single ones, clusters, and
// masters under Sentinel, as processes of their own that can be killed and stopped.
// It needs redis-server on the path.
package redistest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// timeout bounds every wait; it is only ever used up by a failure.
const timeout = 30 * time.Second

// Server is one redis-server. Its methods end the test when they fail.
type Server struct {
	Addr string

	t       testing.TB
	dir     string
	args    []string
	command []string // in place of all that is usual

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{}
	logs   bytes.Buffer
}

// Start starts a server with an append-only file that is synced with every write,
// in a directory of its own. args are further settings, such as "--maxmemory", "4mb".
// It is stopped when the test ends.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, t.TempDir(), args...)
}

// start tries again when somebody else was faster to take a port that was free.
func start(t testing.TB, dir string, args ...string) *Server {
	t.Helper()
	var s *Server
	for range 5 {
		s = &Server{t: t, Addr: net.JoinHostPort("127.0.0.1", FreePort(t)), dir: dir, args: args}
		if err := s.run(); err == nil {
			t.Cleanup(s.end)
			return s
		}
		s.end()
	}
	t.Fatalf("redis-server does not start:\n%s", s.logs.String())
	return nil
}

// FreePort returns a port that nobody listens on now. It is below those that the
// system gives to outgoing connections, so that a server that was killed finds its own
// free when it comes back.
func FreePort(t testing.TB) string {
	t.Helper()
	for range 1000 {
		port := strconv.Itoa(10_000 + rand.IntN(22_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = l.Close() // nothing was sent
			return port
		}
	}
	t.Fatal("no free port")
	return ""
}

func (s *Server) port() string {
	_, port, _ := net.SplitHostPort(s.Addr)
	return port
}

// run starts the process and waits until it answers.
func (s *Server) run() error {
	args := []string{"--port", s.port(), "--bind", "127.0.0.1", "--dir", s.dir, "--save", "",
		"--appendonly", "yes", "--appendfsync", "always", "--loglevel", "notice"}
	args = append(args, s.args...)
	if s.command != nil {
		args = s.command
	}
	s.mu.Lock()
	s.cmd = exec.Command("redis-server", args...) //nolint:gosec // a test's own arguments
	s.cmd.Stdout, s.cmd.Stderr = &s.logs, &s.logs
	exited := make(chan struct{})
	s.exited = exited
	err := s.cmd.Start()
	cmd := s.cmd
	s.mu.Unlock()
	if err != nil {
		close(exited)
		return err
	}
	go func() {
		_ = cmd.Wait() // killed more often than not
		close(exited)
	}()
	return s.awaitAnswer(exited)
}

// awaitAnswer asks until the server answers, which connecting paces.
func (s *Server) awaitAnswer(exited <-chan struct{}) error {
	client := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
	defer func() { _ = client.Close() }() // nothing is under way
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		err := client.Ping(ctx).Err()
		if err == nil || redis.HasErrorPrefix(err, "NOAUTH") {
			return nil
		}
		select {
		case <-again.C:
		case <-exited:
			return fmt.Errorf("it has ended: %w", err)
		case <-ctx.Done():
			return err
		}
	}
}

// Client returns a client that is closed when the test ends.
func (s *Server) Client() *redis.Client {
	client := redis.NewClient(&redis.Options{Addr: s.Addr})
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// URL is where the server is, as a store wants it.
func (s *Server) URL() string { return "redis://" + s.Addr }

// Kill ends the process at once, as kill -9 does.
func (s *Server) Kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
	<-s.exited
}

// Restart starts the process again, on the same port and data.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.run(); err != nil {
		s.t.Fatalf("redis-server does not start again: %v\n%s", err, s.logs.String())
	}
}

// Freeze stops the process without closing its connections; Thaw lets it go on.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw ends Freeze.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatalf("signal redis-server: %v", err)
	}
}

// end ends the process in whatever state it is.
func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended
	<-s.exited
}

// subdirectory makes a directory for one of several servers.
func subdirectory(t testing.TB, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(path, 0o750); err != nil {
		t.Fatal(err)
	}
	return path
}
