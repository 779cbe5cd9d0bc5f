package eventstream

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What a [Reader] waits for; see source and backoff.
const (
	readerLimit    = 5 * time.Second
	readerWait     = 3 * time.Second
	readerRetry    = 100 * time.Millisecond
	readerRetryMax = 2 * time.Second
	readerRelease  = time.Second
)

// Reader reads the stored events of a stream on a connection of the caller's, which
// reconnects by itself. It only needs permissions to look up the stream and its
// messages, and to create consumers. All methods may be called concurrently.
type Reader struct {
	nc *nats.Conn
	source
}

// NewReader returns a reader of a stream. It does no I/O.
func NewReader(nc *nats.Conn, stream string) (*Reader, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	return &Reader{nc: nc, source: source{
		js: js, stream: stream, limit: readerLimit, wait: readerWait, debug: func(string, ...any) {},
		find: func(ctx context.Context, which messageRequest) (Stored, error) {
			ctx, cancel := context.WithTimeout(ctx, readerLimit)
			defer cancel()
			return storedMessage(ctx, nc, stream, which)
		},
	}}, nil
}

// End is [Stream.End].
func (r *Reader) End(ctx context.Context) (uint64, error) { return r.end(ctx) }

// Read is [Stream.Read], but once it has started, it waits through outages of the
// broker.
func (r *Reader) Read(ctx context.Context, filter []string, within Range, handle func(Stored) error) error {
	if err := validateFilters(filter); err != nil {
		return err
	}
	if within.Until <= within.After {
		return nil
	}
	c, err := newCursor(ctx, r.source, filter, within)
	if err != nil {
		return err
	}
	return r.persist(ctx, c, func(error) {}, func(ctx context.Context) error { return c.read(ctx, handle) })
}

// Follow is [Stream.Follow], but the broker must be available when it starts. The error
// is the cause of ctx's end, or the reason why it could not start.
func (r *Reader) Follow(ctx context.Context, f Follower) error {
	if err := validateFilters(f.Filter); err != nil {
		return err
	}
	c := &cursor{source: r.source, filter: f.Filter, since: f.Since}
	c.asked = f.asked
	return r.persist(ctx, c, f.interrupted, func(ctx context.Context) error { return c.follow(ctx, &f) })
}

// persist repeats an attempt to read until it succeeds, ctx ends or the function that gets
// the events fails. If it could not even begin, it gives up. It passes the errors after
// which it goes on to interrupted.
func (r *Reader) persist(ctx context.Context, c *cursor, interrupted func(error), attempt func(context.Context) error) error {
	defer r.release(ctx, c)
	wait := backoff{first: readerRetry, most: readerRetryMax}
	for {
		since := time.Now()
		err := r.untilDisconnected(ctx, attempt)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !c.begun || c.rejected || r.nc.IsClosed():
			return err
		}
		interrupted(err)
		if time.Since(since) > wait.most {
			wait.reset()
		}
		wait.sleep(ctx, nil)
	}
}

// untilDisconnected runs a function, and ends it when the connection is lost: what was on its
// way is lost, too, and would not be missed before the next event.
func (r *Reader) untilDisconnected(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	lost := r.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-lost
		cancel()
	}()
	defer func() {
		r.nc.RemoveStatusListener(lost) // closes it
		<-ended
	}()
	return do(ctx)
}

// release deletes the last consumer. The broker deletes it anyway a little later, and not
// everybody may, so a failure does not matter.
func (r *Reader) release(ctx context.Context, c *cursor) {
	if c.consumer == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readerRelease)
	defer cancel()
	_ = r.js.DeleteConsumer(ctx, r.stream, c.consumer.CachedInfo().Name)
}

// Tail repeatedly reads the newest events of a stream, for example for a page that
// shows them. It is not safe for concurrent use.
type Tail struct {
	cursor
	reach uint64
	most  int
}

// Tail returns a tail of the events that match a filter. It begins at most reach events
// before the stream's end. A call of Next returns at most most events; if more than that are
// left after it, the older ones are skipped, as at the beginning.
func (r *Reader) Tail(filter []string, reach uint64, most int) *Tail {
	return &Tail{cursor: cursor{source: r.source, filter: filter}, reach: reach, most: most}
}

// Next returns what was stored since the last call, oldest first, without waiting for
// more. After an error, the next call continues after the events that were returned
// with it.
func (t *Tail) Next(ctx context.Context) (events []Stored, err error) {
	if t.consumer == nil {
		if err := t.locate(ctx, t.reach); err != nil {
			return nil, err
		}
		if err := t.attach(ctx); err != nil {
			return nil, err
		}
	}
	batch, err := t.consumer.FetchNoWait(t.most)
	if err != nil {
		t.consumer = nil
		return nil, err
	}
	for msg := range batch.Messages() {
		e, err := t.accept(msg)
		if err != nil {
			t.consumer = nil // the next call has the rest
			return events, err
		}
		events = append(events, e)
	}
	if err = batch.Error(); err != nil {
		t.consumer = nil
	} else if len(events) > 0 && t.pending > uint64(t.most) {
		t.consumer, t.known = nil, false // begins again, near the end
	}
	return events, err
}
