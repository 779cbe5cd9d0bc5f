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
	maxWatching   = 256      // the same for those that last until somebody ends them
	maxBodyBytes  = 64 << 20 // of the bodies of one kind
	pagesAtOnce   = 8        // of those whose replies may be as large as the broker carries
	singlesAtOnce = 64       // of those whose replies have one mission
	largeAtOnce   = 2        // of those with a large body
	largeBody     = 256 << 10

	sharesOfRoom  = 4 // a share of a bound is a quarter of its requests and bytes,
	sharesOfTurns = 2 // and half of its turns
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

// Share returns a bound for one of those who share this one: a quarter of its requests and
// bytes, and half of its turns. The two count by themselves.
func (b *Bound) Share() *Bound {
	part := &Bound{mostRequests: b.mostRequests / sharesOfRoom, mostBytes: b.mostBytes / sharesOfRoom,
		large: make(chan struct{}, cap(b.large)/sharesOfTurns)}
	if b.turns != nil {
		part.turns = make(chan struct{}, cap(b.turns)/sharesOfTurns)
	}
	return part
}

// Enter admits a request with a body of so many bytes, until leave is called, or
// returns an [api.ErrOverloaded]. It never waits.
func (b *Bound) Enter(bytes int64) (leave func(), err error) {
	requests, held := b.requests.Add(1), b.bytes.Add(bytes)
	leave = func() { b.requests.Add(-1); b.bytes.Add(-bytes) }
	if requests > b.mostRequests || held > b.mostBytes && requests > 1 {
		leave()
		return nil, overloaded("too many requests of this kind are under way; try again later")
	}
	return leave, nil
}

// Hold counts bytes that have come of the body of an admitted request, until Release, or
// returns an [api.ErrOverloaded]. It never waits.
func (b *Bound) Hold(bytes int64) error {
	if b.bytes.Add(bytes) > b.mostBytes {
		b.bytes.Add(-bytes)
		return overloaded("too many bytes of requests of this kind are under way; try again later")
	}
	return nil
}

// Release stops counting bytes.
func (b *Bound) Release(bytes int64) { b.bytes.Add(-bytes) }

func overloaded(message string) error {
	return &missions.Error{Code: missions.CodeOverloaded, Message: message}
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
