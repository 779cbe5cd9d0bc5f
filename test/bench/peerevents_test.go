package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
)

// TestPeersPublishWhatWePublish holds the messages of peers against those of the event
// stream: the same subjects and headers, as many bytes, and a stream that takes each.
func TestPeersPublishWhatWePublish(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	broker, end, err := startBroker(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	stream, err := openStream(broker.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close(ctx) }()
	nc, err := nats.Connect(broker.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	created, running, completed := lifeOf(time.Now())
	for i, event := range []charter.Event{created, running, completed} {
		if _, err := stream.Publish(ctx, event); err != nil {
			t.Fatal(err)
		}
		envelope, err := newEnvelope(event)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := js.PublishMsg(ctx, envelope.message()); err != nil {
			t.Fatal(err)
		}
		ours, theirs := stored(ctx, t, js, 2*i+1), stored(ctx, t, js, 2*i+2)
		if ours.Subject != theirs.Subject || len(ours.Data) != len(theirs.Data) || !slices.Equal(shape(ours.Header), shape(theirs.Header)) {
			t.Errorf("ours is %s %v %s\ntheirs is %s %v %s", ours.Subject, ours.Header, ours.Data, theirs.Subject, theirs.Header, theirs.Data)
		}
		id := theirs.Header.Get(nats.MsgIdHdr)
		if id == ours.Header.Get(nats.MsgIdHdr) || !bytes.Contains(theirs.Data, []byte(id)) {
			t.Errorf("the id %s is not the message's own: %s", id, theirs.Data)
		}
	}
}

func stored(ctx context.Context, t *testing.T, js jetstream.JetStream, sequence int) *jetstream.RawStreamMsg {
	t.Helper()
	stream, err := js.Stream(ctx, "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	msg, err := stream.GetMsg(ctx, uint64(sequence)) //nolint:gosec // small
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// shape is the names in a header that the publisher wrote, each with the length of its
// value.
func shape(h nats.Header) []string {
	var all []string
	for name := range h {
		if strings.HasPrefix(name, "Nats-") && name != nats.MsgIdHdr {
			continue // the broker's, about where the message is stored
		}
		all = append(all, fmt.Sprintf("%s: %d bytes", name, len(h.Get(name))))
	}
	slices.Sort(all)
	return all
}
