// Package admission limits the requests in progress at a front end.
package admission

import (
	"context"
	"sync/atomic"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Bound limits the requests of one kind that are in progress at one front end. A
// request beyond the limit is refused at once as overloaded and takes no memory. So a
// flood of one kind neither fills the process nor affects the other kinds. Methods may
// be called concurrently.
type Bound struct {
	mostRequests, mostBytes int64
	requests, bytes         atomic.Int64
	turns                   chan struct{} // nil: all may run at once
	large                   chan struct{} // requests with a large body always take turns
}

const (
	maxInFlight   = 1024     // requests of one kind in progress
	maxWaiting    = 2 << 14  // the same for requests that may park, and for connected agents
	maxWatching   = 256      // the same for requests that last until the client ends them
	maxBodyBytes  = 64 << 20 // bodies of one kind
	pagesAtOnce   = 8        // requests whose replies may be as large as the broker allows
	singlesAtOnce = 64       // requests whose replies have one mission
	largeAtOnce   = 2        // requests with a large body
	largeBody     = 256 << 10

	sharesOfRoom  = 4 // a share of a bound is a quarter of its requests and bytes,
	sharesOfTurns = 2 // and half of its turns
)

// For returns a bound for requests of a kind.
func For(kind api.Kind) *Bound {
	switch kind {
	case api.KindSingle:
		return newBound(maxInFlight).atOnce(singlesAtOnce)
	case api.KindPage:
		// Only a few run at once, since their replies stay in memory until they are
		// sent. The others wait for their turn.
		return newBound(maxInFlight).atOnce(pagesAtOnce)
	case api.KindParking, api.KindConnected:
		return newBound(maxWaiting)
	case api.KindWatching:
		return newBound(maxWatching)
	}
	return newBound(maxInFlight)
}

func newBound(requests int64) *Bound {
	return &Bound{mostRequests: requests, mostBytes: maxBodyBytes, large: make(chan struct{}, largeAtOnce)}
}

func (b *Bound) atOnce(n int) *Bound {
	b.turns = make(chan struct{}, n)
	return b
}

// Share returns a bound for one of the clients that share this one: a quarter of its
// requests and bytes, and half of its turns. The two bounds count separately.
func (b *Bound) Share() *Bound {
	part := &Bound{mostRequests: b.mostRequests / sharesOfRoom, mostBytes: b.mostBytes / sharesOfRoom,
		large: make(chan struct{}, cap(b.large)/sharesOfTurns)}
	if b.turns != nil {
		part.turns = make(chan struct{}, cap(b.turns)/sharesOfTurns)
	}
	return part
}

// Enter admits a request with a body of the given size until leave is called, or
// returns an [api.ErrOverloaded]. It never waits.
func (b *Bound) Enter(bytes int64) (leave func(), err error) {
	requests, held := b.requests.Add(1), b.bytes.Add(bytes)
	leave = func() { b.requests.Add(-1); b.bytes.Add(-bytes) }
	if requests > b.mostRequests || held > b.mostBytes && requests > 1 {
		leave()
		return nil, overloaded("too many requests of this kind are in progress; try again later")
	}
	return leave, nil
}

// Hold counts received body bytes of an admitted request until Release, or returns an
// [api.ErrOverloaded]. It never waits.
func (b *Bound) Hold(bytes int64) error {
	if b.bytes.Add(bytes) > b.mostBytes {
		b.bytes.Add(-bytes)
		return overloaded("too many bytes of requests of this kind are in progress; try again later")
	}
	return nil
}

// Release stops counting bytes.
func (b *Bound) Release(bytes int64) { b.bytes.Add(-bytes) }

func overloaded(message string) error {
	return &missions.Error{Code: missions.CodeOverloaded, Message: message}
}

// Turn waits until an admitted request with a body of the given size may run, until
// done is called. Few large bodies are read at once: the goroutine that reads the
// broker's connection must soon get a processor, or the broker disconnects it.
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
