package agent

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// arrivals tells whether something that the broker has sent is still on its way to the
// agent: a large reply over a slow link takes longer than two heartbeats. A ping is answered
// behind what the broker sent before.
type arrivals struct {
	nc       *nats.Conn
	claiming atomic.Bool // a claim's reply is awaited, or its missions are not listed yet
	slow     atomic.Bool // that reply has been on its way for longer than a heartbeat
	pinging  atomic.Bool
	pings    sync.WaitGroup
}

// maxArriving bounds how long a claim's reply may take to arrive.
const maxArriving = time.Minute

// begin notes that a claim is sent.
func (a *arrivals) begin() {
	a.slow.Store(false)
	a.claiming.Store(true)
}

// end notes that heartbeats list what the claim has got.
func (a *arrivals) end() { a.claiming.Store(false) }

// pending returns whether a claim's reply may be arriving: a ping of an earlier heartbeat
// has not been answered by the next one. What took long to arrive takes long to be read,
// too. It sends the next ping.
func (a *arrivals) pending(ctx context.Context) bool {
	if !a.claiming.Load() {
		return false
	}
	if !a.pinging.CompareAndSwap(false, true) {
		a.slow.Store(true)
		return true
	}
	a.pings.Go(func() {
		defer a.pinging.Store(false)
		a.wait(ctx)
	})
	return a.slow.Load()
}

// wait waits until what the broker has sent so far has arrived, or will not.
func (a *arrivals) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxArriving)
	defer cancel()
	_ = a.nc.FlushWithContext(ctx) // an error means that nothing more will arrive
}
