package redisstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/wakeup"
)

// outage is that a partition other than the first cannot be used. Nobody waits for it: while it
// lasts, whatever needs the partition has an error at once. See watch.
//
// Methods may be called concurrently, and by a nil outage, which never begins.
type outage struct {
	of      *partition
	changed *atomic.Bool  // set when an outage begins or ends
	look    wakeup.Signal // at the partition, now
	full    atomic.Bool   // there is no memory for new missions
	doubted atomic.Bool   // it did not answer somebody in time

	mu    sync.Mutex
	cause error // what callers are told; nil while the partition can be used
	lost  bool  // it lacks commits: the next term sees to it
}

// err returns what a caller is told while the outage lasts.
func (o *outage) err() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cause
}

// note begins or ends an outage, and reports whether that is news.
func (o *outage) note(err error) (news bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lost := errors.Is(err, errLostCommits) || redis.HasErrorPrefix(err, "NODATASET")
	switch {
	case err == nil && o.cause != nil:
		o.of.log.Info("a partition of the store can be used again", "partition", o.of.number)
	case err != nil && o.cause == nil:
		o.of.log.Error("a partition of the store cannot be used", "partition", o.of.number, "error", err)
		o.look.Send()
	}
	news = (err == nil) != (o.cause == nil) || lost != o.lost
	if o.cause, o.lost = nil, lost; err != nil {
		o.cause = toldOf(err)
	}
	return news
}

// tell notes an outage or its end, and has the leader begin another term if that is news.
func (o *outage) tell(err error) {
	if o.note(err) {
		o.changed.Store(true)
	}
}

// lacksCommits reports whether the partition cannot be used because it lacks commits.
func (o *outage) lacksCommits() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// failed begins an outage if an error says that the partition cannot be used. It returns what the
// caller of a read may know.
func (o *outage) failed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)):
		return ctx.Err()
	case errors.Is(err, redis.ErrClosed):
		return errClosed
	}
	switch tell(err) {
	case toldUnreachable, toldRefused, toldForbidden:
		if !errors.Is(err, redis.ErrPoolTimeout) {
			o.tell(err)
		}
	case toldUnknown: // perhaps it was only a slow answer
		o.doubted.Store(true)
		o.look.Send()
	case toldBroken:
		if redis.HasErrorPrefix(err, "NODATASET") {
			o.tell(err)
			return engine.ErrStale
		}
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

// watchPause is the time between two looks at a partition.
const watchPause = time.Second

// watch looks at a partition now and then until ctx ends: whether an outage is over, and whether
// what it had is still there.
func (b *Backend) watch(ctx context.Context, p *partition) {
	tick := time.NewTicker(watchPause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-p.outage.look:
		case <-ctx.Done():
			return
		}
		if doubted := p.outage.doubted.Swap(false); doubted || p.outage.err() != nil {
			b.tryAgain(ctx, p)
		} else if p.acked.Load() > 0 {
			p.verify(ctx)
		}
	}
}

// tryAgain ends an outage if the partition can be brought up to date. If it lacks commits, another
// term sees to it, unless other partitions cannot be used.
func (b *Backend) tryAgain(ctx context.Context, p *partition) {
	err := b.catchUp(ctx, p)
	if home := (*homeError)(nil); ctx.Err() != nil || errors.As(err, &home) {
		return
	}
	p.outage.tell(p.explain(ctx, err))
	if !p.outage.lacksCommits() {
		return
	}
	for _, other := range b.others {
		if other.outage.err() != nil && !other.outage.lacksCommits() {
			return
		}
	}
	b.stale.Store(true)
}

// verify looks whether a partition has what it had. Whoever leads does this.
func (p *partition) verify(ctx context.Context) {
	s := sight{entry: p.acked.Load(), at: time.Now()}
	var err error
	if p.outage.full.Load() {
		var applied int64
		if applied, err = p.look(ctx); err == nil && applied < s.entry {
			p.outage.tell(&lostCommits{p.number, applied, s.entry})
			return
		}
	} else {
		_, err = p.eval(ctx, scripts.applied, []any{s.entry})
	}
	if err != nil {
		_ = p.refused(ctx, "verify", err) // whoever needs the partition is told
		return
	}
	p.seen.Store(&s)
}

// sight is that a partition was seen to have an entry of the journal.
type sight struct {
	entry int64
	at    time.Time
}

// had reports whether the partition was seen to have an entry, at a time or later.
func (p *partition) had(entry int64, at time.Time) bool {
	s := p.seen.Load()
	return p.outage.err() == nil && s != nil && s.entry >= entry && !s.at.Before(at)
}
