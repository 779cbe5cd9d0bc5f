package relay

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/wakeup"
)

// Steps of a batch on its way from the outbox to the stream, in order.
const (
	beforeSend        = "before it is sent"
	duringSend        = "when a half of it is stored"
	afterSend         = "when it is stored, but not acknowledged"
	beforeAcknowledge = "when it is acknowledged, but not in the outbox"
	afterAcknowledge  = "when it is acknowledged in the outbox"
	beforeForget      = "before it leaves the outbox"
	afterForget       = "when it has left the outbox"
)

// halt stops a relay at a step of one of its batches until the test continues it. It is the
// relay's access to its outboxes and its stream.
type halt struct {
	batch   int64 // from 1
	step    string
	fails   bool          // whether the step then reports a failure
	reached chan struct{} // closed at the step
	goOn    chan struct{} // closed by the test

	once    sync.Once
	batches atomic.Int64  // how many have begun
	stored  atomic.Bool   // the batch is
	tried   wakeup.Signal // gets a value whenever the stream has returned from a batch
	dead    atomic.Bool   // the process was killed: nothing succeeds any more
	paused  atomic.Bool   // the outboxes seem empty
}

func newHalt(batch int64, step string, fails bool) *halt {
	return &halt{batch: batch, step: step, fails: fails, reached: make(chan struct{}), goOn: make(chan struct{}), tried: wakeup.New()}
}

// freely lets a relay work.
func freely() *halt { return newHalt(0, "", false) }

var errHalted = errors.New("halted")

// at is called at a step.
func (h *halt) at(step string) (err error) {
	if step == h.step && (h.stored.Load() || step == beforeSend && h.batches.Load() == h.batch) {
		h.once.Do(func() {
			close(h.reached)
			<-h.goOn
			if h.fails {
				err = errHalted
			}
		})
	}
	if h.dead.Load() {
		return errHalted
	}
	return err
}

// Holds and Until are of the relay's right to act.
func (h *halt) Holds() bool    { return !h.dead.Load() }
func (*halt) Until() time.Time { return time.Now().Add(time.Hour) }

type haltedStream struct {
	*eventstream.Stream
	h *halt
}

func (s haltedStream) PublishBatchWhile(ctx context.Context, changed <-chan struct{}, events []charter.Event) (eventstream.BatchAck, error) {
	meant := s.h.batches.Add(1) == s.h.batch
	if err := s.h.at(beforeSend); err != nil {
		return eventstream.BatchAck{}, err
	}
	half := meant && s.h.step == duringSend
	if half {
		events = events[:len(events)/2]
	}
	ack, err := s.Stream.PublishBatchWhile(ctx, changed, events)
	if meant {
		s.h.stored.Store(err == nil)
	}
	s.h.tried.Send()
	if failure := errors.Join(s.h.at(duringSend), s.h.at(afterSend)); failure != nil || half {
		return eventstream.BatchAck{}, errors.Join(err, failure, errHalted)
	}
	return ack, err
}

type haltedOutbox struct {
	missions.Outbox
	h     *halt
	noted wakeup.Signal // gets a value when it may have acknowledgements of more events
}

func (o haltedOutbox) Pending(ctx context.Context, after int64, limit int) ([]missions.Event, error) {
	if o.h.dead.Load() {
		return nil, errHalted
	}
	if o.h.paused.Load() {
		return nil, nil
	}
	return o.Outbox.Pending(ctx, after, limit)
}

func (o haltedOutbox) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	if err := o.h.at(beforeAcknowledge); err != nil {
		return err
	}
	defer o.noted.Send()
	return errors.Join(o.Outbox.Acknowledge(ctx, upTo, mark), o.h.at(afterAcknowledge))
}

func (o haltedOutbox) Forget(ctx context.Context, upTo int64) error {
	if err := o.h.at(beforeForget); err != nil {
		return err
	}
	return errors.Join(o.Outbox.Forget(ctx, upTo), o.h.at(afterForget))
}
