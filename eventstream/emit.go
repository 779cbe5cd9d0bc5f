package eventstream

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
)

// Telemetry is sent in bursts: most of its cost is per write and per
// acknowledgement, and it is not urgent.
const (
	// emitPause is the time between two bursts, and so the longest an event waits
	// for others.
	emitPause = 5 * time.Millisecond
	// A burst ends after this many events, or bytes of them.
	maxBurstEvents = 256
	maxBurstBytes  = 256 << 10
	// maxBursts limits the unacknowledged bursts, so that a slow broker has no more
	// than it can acknowledge in time.
	maxBursts = 4
)

// emitter sends telemetry in the background. One goroutine does all of its work:
// encoding, waiting for room in the window, writing to the connection.
//
// Only the last event of a burst requests an acknowledgement. The broker handles a
// connection in order, so that acknowledgement also covers the earlier events: they
// have reached the stream. (If the broker rejected one of them, it still counts as
// published; nothing would act on it.)
type emitter struct {
	stream *Stream
	queue  chan charter.Event

	closed atomic.Bool
	inside atomic.Int64 // callers inside emit

	draining chan drainRequest
	// Two, because each event is encoded before the previous one is sent: sending
	// needs to know whether an event is the last.
	encoders [2]*encoder
}

// drainRequest asks the emitter to send what is queued and wait for its
// acknowledgements.
type drainRequest struct {
	ctx  context.Context
	done chan error
}

func newEmitter(s *Stream, buffer int) *emitter {
	return &emitter{
		stream:   s,
		queue:    make(chan charter.Event, buffer),
		draining: make(chan drainRequest),
		encoders: [2]*encoder{newEncoder(), newEncoder()},
	}
}

// emit is on the path of every request. It costs an atomic operation or two, and a
// channel send that never waits.
func (e *emitter) emit(ev charter.Event) {
	e.inside.Add(1)
	defer e.inside.Add(-1)
	if e.stream.live.Load() == nil || e.closed.Load() || e.stream.cfg.ConsumeOnly {
		e.stream.health.dropped.Add(1)
		return
	}
	select {
	case e.queue <- ev:
	default:
		e.stream.health.dropped.Add(1)
	}
}

// run sends until ctx ends, and then counts the rest as dropped.
func (e *emitter) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	queue := e.queue // nil during a pause
	for {
		select {
		case ev := <-queue:
			if full := e.burst(ctx, ev); !full {
				queue = nil
				pause.Reset(emitPause)
			}
		case <-pause.C:
			queue = e.queue
		case req := <-e.draining:
			req.done <- e.flush(ctx, req.ctx)
		case <-ctx.Done():
			e.discard()
			return
		}
	}
}

// burst sends an event and those queued after it, or drops them. It reports whether
// the queue held more than one burst takes.
func (e *emitter) burst(ctx context.Context, ev charter.Event) (full bool) {
	sess, err := e.stream.session()
	if err == nil {
		// The window frees up by itself: acknowledgements arrive, time out, or end
		// with the session.
		err = sess.telemetry.acquire(ctx)
	}
	if err != nil {
		e.stream.health.dropped.Add(1)
		return len(e.queue) > 0 // those would wait for the same
	}
	sess.writing.Lock() // see sendChain
	defer sess.writing.Unlock()
	msg := e.encode(&ev)
	for msg == nil && len(e.queue) > 0 {
		msg = e.encodeNext()
	}
	if msg == nil {
		<-sess.telemetry.tokens
		return false
	}
	for events, size := 1, len(msg.Data); ; events++ {
		var next *nats.Msg
		for next == nil && len(e.queue) > 0 && events < maxBurstEvents && size < maxBurstBytes {
			next = e.encodeNext()
		}
		if next == nil {
			if err := sess.telemetry.send(msg, e, events); err != nil {
				e.drop(events, err)
			}
			return len(e.queue) > 0
		}
		if err := sess.nc.PublishMsg(msg); err != nil {
			<-sess.telemetry.tokens
			e.drop(events+1, publishError(err)) // including next
			return false
		}
		msg, size = next, size+len(next.Data)
	}
}

// encodeNext encodes the head of the queue, which is not empty.
func (e *emitter) encodeNext() *nats.Msg {
	ev := <-e.queue
	return e.encode(&ev)
}

// encode returns the message for an event, valid until the second next call. It
// returns nil if the event is invalid; it is then dropped.
func (e *emitter) encode(ev *charter.Event) *nats.Msg {
	e.encoders[0], e.encoders[1] = e.encoders[1], e.encoders[0]
	msg, err := e.encoders[0].encode(ev)
	if err != nil {
		e.drop(1, err)
		return nil
	}
	return msg
}

// drop counts events that were not stored, or may not have been.
func (e *emitter) drop(events int, err error) {
	e.stream.health.dropped.Add(uint64(events))
	if errors.Is(err, ErrUnpublishable) {
		e.stream.health.failed(err)
	}
}

// settle implements settler for a burst of the given number of events.
func (e *emitter) settle(events int, o outcome) {
	if o.err != nil {
		e.drop(events, o.err)
		return
	}
	e.stream.health.published.Add(uint64(events))
	if o.duplicate {
		e.stream.health.duplicates.Add(1)
	}
}

// drain refuses new events, then sends the queued ones and waits for their
// acknowledgements.
func (e *emitter) drain(ctx context.Context) error {
	e.closed.Store(true)
	for e.inside.Load() > 0 {
		runtime.Gosched() // a caller inside emit leaves it within nanoseconds
	}
	req := drainRequest{ctx: ctx, done: make(chan error, 1)}
	select {
	case e.draining <- req:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-req.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush empties the queue. life is the emitter's context, ctx the request's.
func (e *emitter) flush(life, ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	for {
		select {
		case ev := <-e.queue:
			e.burst(ctx, ev)
		default:
			if sess := e.stream.live.Load(); sess != nil {
				return sess.telemetry.drain(ctx)
			}
			return nil
		}
	}
}

// discard counts what is still queued. Nothing is added any more: the emitter's
// context ends only after drain.
func (e *emitter) discard() {
	for {
		select {
		case <-e.queue:
			e.stream.health.dropped.Add(1)
		default:
			return
		}
	}
}
