package redisstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
)

// outage is that a partition other than the first cannot be used. Nobody waits for it: while it
// lasts, whatever needs the partition has an error at once, and one goroutine tries every second
// whether it is over.
//
// Methods may be called concurrently, and by a nil outage, which never begins.
type outage struct {
	of      *partition
	changed *atomic.Bool // set when an outage begins or ends
	catchUp func(context.Context) error
	full    atomic.Bool // there is no memory for new missions

	mu     sync.Mutex
	cause  error // what callers are told; nil while the partition can be used
	lost   bool  // it cannot be used because it lacks commits
	tried  time.Time
	trying bool
	stop   context.CancelFunc // nil before the first try
	closed bool
	tries  sync.WaitGroup
}

// tryPause is the time between two tries.
const tryPause = time.Second

// err returns what a caller is told while the outage lasts.
func (o *outage) err() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cause != nil && !o.lost && !o.trying && !o.closed && time.Since(o.tried) >= tryPause {
		ctx, stop := context.WithCancel(context.Background())
		o.trying, o.stop = true, stop
		o.tries.Go(func() { o.try(ctx) })
	}
	return o.cause
}

// try ends the outage if the partition can be brought up to date.
func (o *outage) try(ctx context.Context) {
	err := o.catchUp(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stop()
	o.trying, o.tried = false, time.Now()
	if o.cause == nil {
		return
	}
	o.lost = errors.Is(err, errLostCommits)
	if err == nil {
		o.over()
	}
	if err == nil || o.lost { // the next term mends it
		o.changed.Store(true)
	}
}

// over ends the outage; o.mu is held.
func (o *outage) over() {
	if o.cause != nil {
		o.cause, o.lost = nil, false
		o.of.log.Info("a partition of the store can be used again", "partition", o.of.number)
	}
}

// note begins or ends an outage without telling anybody.
func (o *outage) note(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil {
		o.over()
		return
	}
	if o.cause == nil {
		o.of.log.Error("a partition of the store cannot be used", "partition", o.of.number, "error", err)
	}
	o.cause, o.lost = toldOf(err), errors.Is(err, errLostCommits)
}

// lacksCommits reports whether the partition cannot be used because it lacks commits.
func (o *outage) lacksCommits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// begin begins an outage if an error says that the partition cannot be used. It returns what the
// caller of a read may know.
func (o *outage) begin(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return ctx.Err()
	case errors.Is(err, redis.ErrClosed):
		return errClosed
	}
	switch tell(err) {
	case toldUnreachable, toldRefused, toldUnknown, toldForbidden:
		o.note(err)
		o.changed.Store(true)
	}
	return toldOf(err)
}

// toldOf is what the caller of a read in a partition may know of an error.
func toldOf(err error) error {
	switch said := tell(err); said {
	case toldForbidden, toldForeign, toldFull:
		return missions.Refused(said, err)
	}
	return missions.Refused(toldAway, err)
}

// close ends a try that is under way, and waits for it.
func (o *outage) close() {
	o.mu.Lock()
	o.closed = true
	if o.stop != nil {
		o.stop()
	}
	o.mu.Unlock()
	o.tries.Wait()
}
