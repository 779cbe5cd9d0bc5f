package streamtest

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// storedWait is how long Stored waits for the next message before it tries another
// replica.
const storedWait = 3 * time.Second

// Stored reads everything in a stream, according to its leader. In a cluster a
// request may get no response during an election, and a consumer on a lagging
// replica may deliver nothing. Stored therefore starts again until it has
// everything or ctx ends.
func Stored(ctx context.Context, js jetstream.JetStream, stream string) ([]*jetstream.RawStreamMsg, error) {
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		out, err := storedOnce(ctx, js, stream)
		if err == nil {
			return out, nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

func storedOnce(ctx context.Context, js jetstream.JetStream, name string) (out []*jetstream.RawStreamMsg, err error) {
	once, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	stream, err := js.Stream(once, name)
	if err != nil {
		return nil, err
	}
	count := stream.CachedInfo().State.Msgs
	if count == 0 {
		return nil, nil
	}
	consumer, err := stream.OrderedConsumer(once, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	msgs, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer msgs.Stop()
	for uint64(len(out)) < count {
		msg, err := next(ctx, msgs)
		if err != nil {
			return nil, err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return nil, err
		}
		out = append(out, &jetstream.RawStreamMsg{
			Subject: msg.Subject(), Sequence: meta.Sequence.Stream, Header: msg.Headers(), Data: msg.Data(), Time: meta.Timestamp,
		})
	}
	return out, nil
}

func next(ctx context.Context, msgs jetstream.MessagesContext) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, storedWait)
	defer cancel()
	return msgs.Next(jetstream.NextContext(ctx))
}
