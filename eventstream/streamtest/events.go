package streamtest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
)

// Events returns the events of some types that the stream EVENTS of a broker holds, in
// order. A type may be cut off anywhere: "mission." stands for all events of missions.
func Events(tb testing.TB, url string, types ...string) []charter.Event {
	tb.Helper()
	messages := Messages(tb, url, types...)
	events := make([]charter.Event, len(messages))
	for i, msg := range messages {
		var err error
		if events[i], err = charter.Decode(msg.Data); err != nil {
			tb.Fatal(err)
		}
	}
	return events
}

// Messages returns the messages with those events.
func Messages(tb testing.TB, url string, types ...string) []*jetstream.RawStreamMsg {
	tb.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), Timeout)
	defer cancel()
	messages, err := Stored(ctx, js, "EVENTS")
	if err != nil {
		tb.Fatal(err)
	}
	return slices.DeleteFunc(messages, func(msg *jetstream.RawStreamMsg) bool {
		return !slices.ContainsFunc(types, func(kind string) bool { return strings.HasPrefix(msg.Subject, "events."+kind) })
	})
}
