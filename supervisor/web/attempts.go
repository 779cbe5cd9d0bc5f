package web

import (
	"container/list"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	failuresAtOnce  = 20              // bad tokens that an address may send before it is refused
	failureRefill   = 3 * time.Second // after this time it may send one more
	maxFailing      = 4096            // addresses that are remembered
	failureLogEvery = 10 * time.Second
)

// attempts limits bad tokens by the address that sends them: each address has a token
// bucket. Good tokens are not limited, because behind a proxy all clients have one
// address. Methods may be called concurrently.
type attempts struct {
	log    *slog.Logger
	now    func() time.Time
	failed prometheus.Counter

	mu        sync.Mutex
	addresses map[netip.Addr]*list.Element // elements of order
	order     list.List                    // of *bucket, the most recently used first
	logAt     time.Time                    // when the next line may be logged
	unlogged  int                          // failures since the last line
}

// bucket is a token bucket, stored as the time at which it is full again.
type bucket struct {
	address netip.Addr
	full    time.Time
}

func newAttempts(now func() time.Time, log *slog.Logger) *attempts {
	return &attempts{log: log, now: now, addresses: map[netip.Addr]*list.Element{},
		failed: prometheus.NewCounter(prometheus.CounterOpts{Name: "missioncontrol_http_sign_ins_failed_total",
			Help: "Requests over HTTP with an unknown token in Authorization."})}
}

// fail records a bad token from an address. It returns how long the address must wait
// before it may send another, or 0 if it is within its limit.
func (a *attempts) fail(address netip.Addr) (wait time.Duration) {
	a.failed.Inc()
	now := a.now()
	a.mu.Lock()
	wait, lines := a.bucket(address).take(now), a.line(now)
	a.mu.Unlock()
	if lines > 0 {
		a.log.Warn("clients sent unknown tokens over HTTP", "failures", lines, "last_address", address.String())
	}
	return wait
}

// bucket returns the bucket of an address. If there are too many, the least recently
// used is dropped. The caller holds the lock.
func (a *attempts) bucket(address netip.Addr) *bucket {
	if known, ok := a.addresses[address]; ok {
		a.order.MoveToFront(known)
		return known.Value.(*bucket)
	}
	if last := a.order.Back(); last != nil && len(a.addresses) >= maxFailing {
		delete(a.addresses, a.order.Remove(last).(*bucket).address)
	}
	b := &bucket{address: address}
	a.addresses[address] = a.order.PushFront(b)
	return b
}

// line returns how many failures to log in one line, or 0 for no line now. The caller
// holds the lock.
func (a *attempts) line(now time.Time) (failures int) {
	a.unlogged++
	if now.Before(a.logAt) {
		return 0
	}
	failures, a.unlogged = a.unlogged, 0
	a.logAt = now.Add(failureLogEvery)
	return failures
}

// take takes a token out of the bucket, or returns how long it takes until there is
// one.
func (b *bucket) take(now time.Time) (wait time.Duration) {
	full := b.full
	if full.Before(now) {
		full = now
	}
	full = full.Add(failureRefill)
	if wait = full.Sub(now) - failuresAtOnce*failureRefill; wait > 0 {
		return wait
	}
	b.full = full
	return 0
}
