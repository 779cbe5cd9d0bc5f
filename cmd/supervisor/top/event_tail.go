package top

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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

	// tailAbandoned is when the broker deletes an idle tail consumer. Viewers may not
	// delete it themselves.
	tailAbandoned = 30 * time.Second
)

// tailSubjects is what a tail shows: everything except the traces that the tail's own
// requests leave.
var tailSubjects = []string{
	eventstream.Subject("mission.>"), eventstream.Subject("agent.>"),
	eventstream.Subject("supervisor.alert_raised"), eventstream.Subject("supervisor.alert_resolved"),
}

// eventTail reads the latest events, a few per call.
type eventTail struct {
	nc       *nats.Conn
	consumer jetstream.Consumer
}

// next returns the events since the last call, oldest first.
func (t *eventTail) next(ctx context.Context) ([]charter.Event, error) {
	if t.consumer == nil {
		if err := t.begin(ctx); err != nil {
			return nil, err
		}
	}
	batch, err := t.consumer.FetchNoWait(tailMost)
	if err != nil {
		t.consumer = nil
		return nil, err
	}
	var events []charter.Event
	var waiting uint64
	for msg := range batch.Messages() {
		if meta, err := msg.Metadata(); err == nil {
			waiting = meta.NumPending
		}
		if event, err := charter.Decode(msg.Data()); err == nil {
			events = append(events, event)
		}
	}
	if err := batch.Error(); err != nil || waiting > tailMost {
		t.consumer = nil // starts again at the end
		return events, err
	}
	return events, nil
}

// begin finds the stream's end.
func (t *eventTail) begin(ctx context.Context) error {
	stream, err := remote.OpenEvents(ctx, t.nc)
	if err != nil {
		return err
	}
	config := jetstream.ConsumerConfig{
		FilterSubjects: tailSubjects, AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, InactiveThreshold: tailAbandoned,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 1,
	}
	if last := stream.CachedInfo().State.LastSeq; last > tailReach {
		config.OptStartSeq = last - tailReach + 1
	}
	t.consumer, err = stream.CreateConsumer(ctx, config)
	return err
}
