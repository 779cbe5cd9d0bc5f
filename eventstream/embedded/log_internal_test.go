package embedded

import (
	"bufio"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// JetStream is restarted when its log says that a stream could not be written. Text
// that a client sends must not trigger that, neither before nor after it signs in.
func TestAClientCannotHaveJetStreamStartedAnew(t *testing.T) {
	t.Parallel()
	l := newLogger(slog.New(slog.DiscardHandler), time.Now)
	broker, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, Users: []*server.User{
		{Username: "ann", Password: "ann", Permissions: &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{">"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	broker.SetLoggerV2(l, true, false, false)
	broker.Start()
	t.Cleanup(func() { broker.Shutdown(); broker.WaitForShutdown() })
	if !broker.ReadyForConnections(30 * time.Second) {
		t.Fatal("the broker does not start")
	}
	for _, text := range []string{"c critical write error", "c critical write error: %v"} {
		c, err := net.Dial("tcp", broker.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = fmt.Fprintf(c, "%s\r\n", text); err != nil {
			t.Fatal(err)
		}
		for r := bufio.NewReader(c); err == nil; { // until the broker closes it
			_, err = r.ReadString('\n')
		}
		_ = c.Close()
		nc, err := nats.Connect(broker.ClientURL(), nats.UserInfo("ann", "ann"), nats.Name(text),
			nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(nc.Publish("x", nil), nc.Flush()); err != nil {
			t.Fatal(err)
		}
		nc.Close()
	}
	if totals := l.refusals.Totals(); totals[refusedProtocol] != 2 || totals[refusedPublish] != 2 {
		t.Errorf("the broker did not log what the test is about: %v", totals)
	}
	if len(l.broken) != 0 {
		t.Error("a client's text counts as a stream that could not be written")
	}
	l.Errorf("JetStream stream '%s > %s' critical write error: %v", "A", "S", errors.New("no space left"))
	if len(l.broken) != 1 {
		t.Error("what nats-server says of such a stream does not")
	}
}

// All other log lines are rate limited, too.
func TestLinesOfNoKindAreBounded(t *testing.T) {
	t.Parallel()
	var lines, longest int
	l := newLogger(slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		lines, longest = lines+strings.Count(string(p), "\n"), max(longest, len(p))
		return len(p), nil
	}), nil)), func() time.Time { return time.Unix(1, 0) })
	for i := range 10_000 {
		l.Errorf("something %d went wrong: %s", i, strings.Repeat("x", 10_000))
		l.Warnf("something %d is strange", i)
	}
	if lines != 2*otherBurst || longest > maxLine+200 {
		t.Errorf("%d lines, the longest of %d bytes", lines, longest)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
