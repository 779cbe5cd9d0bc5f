package top

import (
	"context"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/eventstream"
)

const (
	// tailReach is how far back in the stream a tail begins.
	tailReach = 300

	// tailMost is how many events are read at once. If more are waiting, the older ones
	// are skipped: nobody could read them that fast.
	tailMost = 500
)

// tailTypes is what a tail shows: everything except the traces that the tail's own requests
// leave.
var tailTypes = []string{"mission.>", "agent.>", "supervisor.alert_raised", "supervisor.alert_resolved"}

// eventTail reads the latest events, a few per call.
type eventTail struct {
	nc    *nats.Conn
	tail  *eventstream.Tail
	found bool // whether the stream is there
}

// next returns the events since the last call, oldest first.
func (t *eventTail) next(ctx context.Context) ([]charter.Event, error) {
	if !t.found {
		if _, err := remote.OpenEvents(ctx, t.nc); err != nil { // says what is missing
			return nil, err
		}
	}
	if t.tail == nil {
		reader, err := eventstream.NewReader(t.nc, eventstream.DefaultStreamName)
		if err != nil {
			return nil, err
		}
		t.tail = reader.Tail(tailTypes, tailReach, tailMost)
	}
	stored, err := t.tail.Next(ctx)
	t.found = err == nil
	var events []charter.Event
	for _, e := range stored {
		if event, err := charter.Decode(e.Data); err == nil {
			events = append(events, event)
		}
	}
	return events, err
}
