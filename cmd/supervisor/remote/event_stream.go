package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream"
)

// OpenEvents finds the event stream.
func OpenEvents(ctx context.Context, nc *nats.Conn) (jetstream.Stream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, ConnectTimeout)
	defer cancel()
	stream, err := js.Stream(ctx, eventstream.DefaultStreamName)
	shown := nc.ConnectedUrlRedacted()
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, fmt.Errorf("there is no stream %s at %s yet; a supervisor creates it when it starts", eventstream.DefaultStreamName, shown)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount),
		errors.Is(err, nats.ErrNoResponders):
		return nil, fmt.Errorf("the broker at %s has no JetStream for this user, so there are no events; enable JetStream, or use another broker or user", shown)
	case err != nil:
		return nil, fmt.Errorf("cannot read the stream %s at %s: %w", eventstream.DefaultStreamName, shown, err)
	}
	return stream, nil
}
