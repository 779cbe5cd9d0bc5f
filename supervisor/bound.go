package supervisor

import (
	"context"
	"sync/atomic"

	"missioncontrol/missions"
)

// Bound limits what is under way of one kind of request at one door. What exceeds it is
// refused at once as overloaded and takes no memory, so that a flood of one kind neither
// fills the process nor takes anything from the other kinds. Methods may be called
// concurrently.
type Bound struct {
	mostRequests, mostBytes int64
	requests, bytes         atomic.Int64
	turns                   chan struct{} // nil: all may be at work at once
	large                   chan struct{} // those with a large body have turns in any case
}

const (
	maxInFlight   = 1024     // requests of one kind under way
	maxWaiting    = 2 << 14  // the same for those that may park
	maxWatching   = 128      // the same for those that last until somebody ends them
	maxBodyBytes  = 64 << 20 // of the bodies of one kind
	pagesAtOnce   = 8        // of those whose replies may be as large as the broker carries
	singlesAtOnce = 64       // of those whose replies have one mission
	largeAtOnce   = 2        // of those with a large body
	largeBody     = 256 << 10
)

// BoundBrief is for requests whose replies are small.
func BoundBrief() *Bound { return newBound(maxInFlight) }

// BoundParking is for requests that may wait for as long as they say.
func BoundParking() *Bound { return newBound(maxWaiting) }

// BoundWatching is for requests that last for as long as the one who asks stays.
func BoundWatching() *Bound { return newBound(maxWatching) }

// BoundSingle is for requests for one mission.
func BoundSingle() *Bound { return BoundBrief().atOnce(singlesAtOnce) }

// BoundPage is for requests for pages. Only a few are at work at once, since their
// replies are in memory until they are on their way; the others have their turn later.
func BoundPage() *Bound { return BoundBrief().atOnce(pagesAtOnce) }

func newBound(requests int64) *Bound {
	return &Bound{mostRequests: requests, mostBytes: maxBodyBytes, large: make(chan struct{}, largeAtOnce)}
}

func (b *Bound) atOnce(n int) *Bound {
	b.turns = make(chan struct{}, n)
	return b
}

// Enter admits a request with a body of so many bytes, until leave is called, or
// returns an [api.ErrOverloaded]. It never waits.
func (b *Bound) Enter(bytes int64) (leave func(), err error) {
	requests, held := b.requests.Add(1), b.bytes.Add(bytes)
	leave = func() { b.requests.Add(-1); b.bytes.Add(-bytes) }
	if requests > b.mostRequests || held > b.mostBytes && requests > 1 {
		leave()
		return nil, &missions.Error{Code: missions.CodeOverloaded,
			Message: "too many requests of this kind are under way; try again later"}
	}
	return leave, nil
}

// Turn waits until an admitted request with a body of so many bytes may work, which it
// does until done is called. Few large bodies are read at once: what reads the broker's
// connection has to find a processor soon, or the broker cuts it off.
func (b *Bound) Turn(ctx context.Context, bytes int64) (done func(), err error) {
	turns := b.turns
	if bytes > largeBody {
		turns = b.large
	}
	if turns == nil {
		return func() {}, nil
	}
	select {
	case turns <- struct{}{}:
		return func() { <-turns }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// UnderWay returns how many requests are admitted.
func (b *Bound) UnderWay() int64 { return b.requests.Load() }
