package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream/embedded"
	"missioncontrol/test/output"
)

// testTimeout limits every wait; no test should come near it.
const testTimeout = time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, cfg embedded.Config) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(testContext(t), cfg)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func portOf(t *testing.T, s *embedded.Server) int {
	t.Helper()
	u, err := url.Parse(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestStartIsReadyForJetStream(t *testing.T) {
	t.Parallel()
	s := start(t, embedded.Config{StoreDir: t.TempDir()})
	js := connect(t, s.ClientURL())
	ctx := testContext(t)
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatalf("first request after Start: %v", err)
	}
	ack, err := js.Publish(ctx, "s.a", []byte("x"))
	if err != nil || ack.Sequence != 1 {
		t.Fatalf("publish: %+v, %v", ack, err)
	}
	if host, _, err := net.SplitHostPort(s.Addr()); err != nil || host != "127.0.0.1" {
		t.Errorf("Addr() = %q, want the loopback address by default", s.Addr())
	}
	if got := js.Conn().MaxPayload(); got != 8<<20 {
		t.Errorf("max payload = %d, want 8 MiB", got)
	}
}

func TestStreamsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), testContext(t)
	first := start(t, embedded.Config{StoreDir: dir})
	js := connect(t, first.ClientURL())
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "s.a", []byte("kept")); err != nil {
		t.Fatal(err)
	}
	stop(t, first)

	second := start(t, embedded.Config{StoreDir: dir})
	if got := stored(t, second); got != "kept" {
		t.Errorf("after the restart the stream holds %q, want %q", got, "kept")
	}
}

// stored returns the first message of stream S.
func stored(t *testing.T, s *embedded.Server) string {
	t.Helper()
	stream, err := connect(t, s.ClientURL()).Stream(testContext(t), "S")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(testContext(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	return string(msg.Data)
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	dir := t.TempDir()

	_, err = embedded.Start(testContext(t), embedded.Config{StoreDir: dir, Port: port})
	if !errors.Is(err, embedded.ErrPortTaken) {
		t.Fatalf("error = %v, want ErrPortTaken", err)
	}
	want := fmt.Sprintf("another process uses port %d on 127.0.0.1; stop it, choose another port with --listen, or, if it is a broker, use it with --server nats://127.0.0.1:%d", port, port)
	if err.Error() != want {
		t.Errorf("error = %q\nwant    %q", err, want)
	}
	start(t, embedded.Config{StoreDir: dir}) // the failed start has unlocked the directory
}

func TestDirNotWritable(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "streams") // below a file nothing can be written, not even by root
	_, err := embedded.Start(testContext(t), embedded.Config{StoreDir: dir})
	if !errors.Is(err, embedded.ErrDirNotWritable) {
		t.Fatalf("error = %v, want ErrDirNotWritable", err)
	}
	if want := "the broker cannot write to its store directory " + dir + ": not a directory; make it writable, or choose another with --data-dir"; err.Error() != want {
		t.Errorf("error = %q\nwant    %q", err, want)
	}
}

func TestDirLocked(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, embedded.Config{StoreDir: dir})

	_, err := embedded.Start(testContext(t), embedded.Config{StoreDir: dir})
	if !errors.Is(err, embedded.ErrDirLocked) {
		t.Fatalf("error = %v, want ErrDirLocked", err)
	}
	want := fmt.Sprintf("another supervisor (pid %d) uses %s; stop it, or choose another directory with --data-dir", os.Getpid(), dir)
	if err.Error() != want {
		t.Errorf("error = %q\nwant    %q", err, want)
	}

	stop(t, first)
	start(t, embedded.Config{StoreDir: dir})
}

// The server library uses Fatalf to report a JetStream that cannot start.
func TestJetStreamThatCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(testContext(t), embedded.Config{StoreDir: dir})
	if !errors.Is(err, embedded.ErrNotReady) {
		t.Fatalf("error = %v, want ErrNotReady", err)
	}
	if !strings.Contains(err.Error(), "storage directory is not a directory") {
		t.Errorf("error = %q, want it to carry the cause", err)
	}
	if err := os.Remove(filepath.Join(dir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	start(t, embedded.Config{StoreDir: dir})
}

func TestStartWithAnEndedContext(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := embedded.Start(ctx, embedded.Config{StoreDir: dir})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("error = %v, want context.Canceled", err)
	}
	start(t, embedded.Config{StoreDir: dir}) // nothing is left running on it
}

func TestConfigIsValidated(t *testing.T) {
	t.Parallel()
	for field, cfg := range map[string]embedded.Config{
		"StoreDir":     {},
		"Port":         {StoreDir: "d", Port: 65536},
		"MaxPayload":   {StoreDir: "d", MaxPayload: 10},
		"SyncInterval": {StoreDir: "d", SyncInterval: time.Millisecond},
	} {
		if _, err := embedded.Start(context.Background(), cfg); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error = %v, want one that names %s", err, field)
		}
	}
}

func TestShutdownIsIdempotentAndEveryCallWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, embedded.Config{StoreDir: dir})
	port := portOf(t, s)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { stop(t, s) })
	}
	wg.Wait()
	stop(t, s)
	start(t, embedded.Config{StoreDir: dir, Port: port}) // port and directory are free
}

func TestLogLinesGoToSlog(t *testing.T) {
	t.Parallel()
	var buf output.Buffer
	log := slog.New(slog.NewTextHandler(&buf, &slog.HandlerOptions{Level: slog.LevelDebug}))
	stop(t, start(t, embedded.Config{StoreDir: t.TempDir(), Logger: log, ServerName: "unit-test"}))
	for _, want := range []string{`level=DEBUG msg="Server is ready"`, "Name:     unit-test"} {
		if !strings.Contains(buf.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, buf.String())
		}
	}
}
