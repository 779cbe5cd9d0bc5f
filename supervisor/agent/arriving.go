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
	claiming atomic.Bool // a claim's reply is awaited
	pinging  atomic.Bool
	pings    sync.WaitGroup
}

// maxArriving bounds how long a claim's reply may take to arrive.
const maxArriving = time.Minute

// pending returns whether a claim's reply may be arriving: the ping of the heartbeat before
// has not been answered. It sends the next one.
func (a *arrivals) pending(ctx context.Context) bool {
	if !a.claiming.Load() {
		return false
	}
	if !a.pinging.CompareAndSwap(false, true) {
		return true
	}
	a.pings.Go(func() {
		defer a.pinging.Store(false)
		a.wait(ctx)
	})
	return false
}

// wait waits until what the broker has sent so far has arrived, or will not.
func (a *arrivals) wait(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, maxArriving)
	defer cancel()
	_ = a.nc.FlushWithContext(ctx) // an error means that nothing more will arrive
}
