package main

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/serve"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// refusing is a broker's authentication that refuses everybody.
type refusing struct{ refused chan struct{} }

func (r refusing) Check(server.ClientAuthentication) bool {
	select {
	case r.refused <- struct{}{}:
	default:
	}
	return false
}

// An agent whose sign-in is refused for a while, as when users are reloaded in two steps,
// goes on trying, and says so once.
func TestAgentRunOutlivesRefusedSignIns(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	refusals := refusing{make(chan struct{}, 100)}
	refuser := guardedBroker(t, &server.Options{CustomClientAuthentication: refusals})
	proxy := streamtest.NewProxy(t, strings.TrimPrefix(b.url, "nats://"))
	c := newCall(nil).start(t, "agent", "run", "-s", proxy.URL(), "--type", "t", "--id", "w1", "--", "echo", "1")
	b.create(t, api.MissionSpec{ID: "before"})
	equal(t, "status before", b.ended(t, "before").Status, missions.Completed)
	proxy.SetTarget(strings.TrimPrefix(refuser, "nats://"))
	proxy.Cut()
	for range 10 { // five for each of its two connections
		select {
		case <-refusals.refused:
		case <-c.done:
			t.Fatalf("the agent gave up:\n%s", c.err)
		}
	}
	proxy.SetTarget(strings.TrimPrefix(b.url, "nats://"))
	several := 5 // the reply to a claim that was parked when the connection ended may be lost
	b.create(t, api.MissionSpec{ID: "after", MaxAttempts: &several})
	equal(t, "status after", b.ended(t, "after").Status, missions.Completed)
	equal(t, "lines about it", strings.Count(c.err.String(), "authorization violation"), 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

// rudeBroker speaks NATS until it is told to end its connections with an error that
// clients do not know, after which they give up.
type rudeBroker struct {
	listener net.Listener
	rude     chan struct{}
}

func newRudeBroker(t *testing.T) *rudeBroker {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b := &rudeBroker{listener, make(chan struct{})}
	t.Cleanup(func() { must(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go b.serve(conn)
		}
	}()
	return b
}

func (b *rudeBroker) serve(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // the connection is over
	_, _ = conn.Write([]byte(`INFO {"server_id":"rude","version":"2.12.0","proto":1,"headers":true,"max_payload":1048576}` + "\r\n"))
	go func() {
		<-b.rude
		_, _ = conn.Write([]byte("-ERR 'Go Away'\r\n"))
	}()
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if lines.Text() == "PING" {
			_, _ = conn.Write([]byte("PONG\r\n"))
		}
	}
}

// A supervisor whose connection is closed for good ends, and says why.
func TestASupervisorWhoseConnectionIsClosedForGoodEnds(t *testing.T) {
	t.Parallel()
	b := newRudeBroker(t)
	ready, ended := make(chan serve.Info, 1), make(chan error, 1)
	go func() {
		ended <- serve.Run(context.Background(), config.Config{
			Server: "nats://" + b.listener.Addr().String(), HTTP: "off", DataDir: t.TempDir(), OutboxLimit: 10_000, Replicas: 1,
		}, quiet, func(info serve.Info) { ready <- info })
	}()
	select {
	case <-ready:
		close(b.rude)
	case err := <-ended:
		close(b.rude)
		t.Fatalf("the supervisor did not start: %v", err)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "closed for good: nats: Go Away") {
		t.Errorf("the supervisor ended with %v", err)
	}
}
