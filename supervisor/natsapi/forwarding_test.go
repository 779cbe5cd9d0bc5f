package natsapi_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions/leader"
	"missioncontrol/supervisor/natsapi"
)

// forwards connects a supervisor to a broker, for messages of others.
func forwards(t *testing.T, url, self string, answer func(context.Context, []byte) ([]byte, error)) *natsapi.Forwarding {
	t.Helper()
	nc, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(nc.Close)
	f, err := natsapi.Forward(nc, self, answer, slog.New(slog.DiscardHandler))
	must(t, err)
	t.Cleanup(f.Stop)
	must(t, nc.Flush()) // from now on, it is reached
	return f
}

// TestMessagesBetweenSupervisors sends messages of any size, many at once, and to nobody.
func TestMessagesBetweenSupervisors(t *testing.T) {
	t.Parallel()
	broker := streamtest.StartBroker(t, streamtest.FreePorts(t, 1)[0], "")
	var answered atomic.Int64
	echo := func(_ context.Context, message []byte) ([]byte, error) {
		answered.Add(1)
		if string(message) == "refuse" {
			return nil, errors.New("not from here")
		}
		return append([]byte("re: "), message...), nil
	}
	from := forwards(t, broker.ClientURL(), "host.example-1", echo)
	forwards(t, broker.ClientURL(), "host.example-2", echo)
	var all sync.WaitGroup
	for _, size := range []int{0, 1, 1 << 10, 1 << 20, 5 << 20} {
		for i := range 4 {
			all.Go(func() {
				message := bytes.Repeat([]byte{byte(i)}, size)
				answer, err := from.Send(t.Context(), "host.example-2", message)
				if err != nil || !bytes.Equal(answer, append([]byte("re: "), message...)) {
					t.Errorf("a message of %d bytes is answered with %d bytes, %v", size, len(answer), err)
				}
			})
		}
	}
	all.Wait()
	if _, err := from.Send(t.Context(), "nobody", []byte("hello")); !errors.Is(err, leader.ErrNotDelivered) {
		t.Errorf("a message to nobody: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := from.Send(ctx, "host.example-2", []byte("refuse")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a message that is not answered: %v", err)
	}
}

// TestPartsOfOthersAreHarmless: what no supervisor sends is no message.
func TestPartsOfOthersAreHarmless(t *testing.T) {
	t.Parallel()
	broker := streamtest.StartBroker(t, streamtest.FreePorts(t, 1)[0], "")
	var messages atomic.Int64
	f := forwards(t, broker.ClientURL(), "s", func(_ context.Context, message []byte) ([]byte, error) {
		messages.Add(1)
		return message, nil
	})
	attacker, err := nats.Connect(broker.ClientURL())
	must(t, err)
	t.Cleanup(attacker.Close)
	head := bytes.Repeat([]byte{7}, 16)
	for _, data := range map[string][]byte{
		"nothing":             {},
		"a head cut short":    head,
		"no such part":        append(bytes.Clone(head), 0, 0, 0, 2, 0, 0, 0, 2),
		"no parts":            append(bytes.Clone(head), 0, 0, 0, 0, 0, 0, 0, 0),
		"parts without end":   append(bytes.Clone(head), 0, 0, 0, 0, 255, 255, 255, 255),
		"a part of a message": append(bytes.Clone(head), 0, 0, 0, 0, 0, 0, 0, 2, 'x'),
		"the same part again": append(bytes.Clone(head), 0, 0, 0, 0, 0, 0, 0, 2, 'y'),
		"another count":       append(bytes.Clone(head), 0, 0, 0, 1, 0, 0, 0, 3, 'z'),
	} {
		must(t, attacker.PublishRequest("supervisor.peers.forward.s", "anywhere", data))
	}
	must(t, attacker.Flush())
	if _, err := f.Send(t.Context(), "s", []byte("still there")); err != nil { // to itself
		t.Error(err)
	}
	if n := messages.Load(); n != 1 {
		t.Errorf("%d messages arrived, want 1", n)
	}
}
