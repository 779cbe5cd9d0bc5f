package supervisor

import (
	"context"
	"sync"
	"time"
)

// sharedRead lets many requests share one read. A request that arrives during a read
// shares the next one, so no answer is older than the request it goes to. The zero
// value with read set is ready to use.
type sharedRead[T any] struct {
	read func(context.Context) (T, error)

	mu   sync.Mutex
	busy bool
	next *call[T]
}

type call[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// readTimeout bounds a shared read, which belongs to no single request.
const readTimeout = 5 * time.Second

// get returns a value that was read after the call began.
func (s *sharedRead[T]) get(ctx context.Context) (T, error) {
	s.mu.Lock()
	r := s.next
	if r == nil {
		r = &call[T]{done: make(chan struct{})}
		s.next = r
		if !s.busy {
			s.busy = true
			go s.run()
		}
	}
	s.mu.Unlock()
	select {
	case <-r.done:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// run reads as long as requests wait, and then returns.
func (s *sharedRead[T]) run() {
	for {
		s.mu.Lock()
		r := s.next
		s.next = nil
		if r == nil {
			s.busy = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
		r.value, r.err = s.read(ctx)
		cancel()
		close(r.done)
	}
}
