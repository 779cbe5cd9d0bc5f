// Package coalesce lets requests that arrive together share the work of answering them.
package coalesce

import (
	"context"
	"sync"
	"time"
)

// Batcher hands items to Do in batches. Items that are added while Do works form the
// next batch. So no item waits longer than for two batches, and Do begins after the
// items of its batch were added. While there are no items, no goroutine exists. The
// fields must be set before the first Add, which may be called concurrently.
type Batcher[T any] struct {
	// Do handles a batch. It must not keep the slice.
	Do func(batch []T)

	// Start starts run in a goroutine, or returns false to refuse the item. It is
	// called with a lock held, and must not wait. Default: run always starts.
	Start func(run func()) bool

	// Limit is how many items may wait; 0 for any number.
	Limit int

	mu      sync.Mutex
	waiting []T
	spare   []T // the last batch; its memory is reused
	busy    bool
}

// Add adds an item to the next batch. It returns false if too many items wait or Start
// refuses.
func (b *Batcher[T]) Add(item T) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Limit > 0 && len(b.waiting) >= b.Limit || !b.busy && !b.start() {
		return false
	}
	b.busy = true
	b.waiting = append(b.waiting, item)
	return true
}

func (b *Batcher[T]) start() bool {
	if b.Start != nil {
		return b.Start(b.run)
	}
	go b.run()
	return true
}

// run handles batches as long as there are items, and then returns.
func (b *Batcher[T]) run() {
	for {
		b.mu.Lock()
		batch := b.waiting
		if len(batch) == 0 {
			b.busy = false
			b.mu.Unlock()
			return
		}
		b.waiting, b.spare = b.spare, nil
		b.mu.Unlock()
		b.Do(batch)
		clear(batch)
		b.mu.Lock()
		b.spare = batch[:0]
		b.mu.Unlock()
	}
}

// Read lets many requests share one read. A request that arrives during a read shares
// the next one, so no answer is older than the request it goes to.
type Read[T any] struct {
	read    func(context.Context) (T, error)
	timeout time.Duration
	batches Batcher[*call[T]]
}

// call is one request of a [Read].
type call[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// NewRead returns a shared read. The timeout bounds each read, which belongs to no
// single request.
func NewRead[T any](read func(context.Context) (T, error), timeout time.Duration) *Read[T] {
	r := &Read[T]{read: read, timeout: timeout}
	r.batches.Do = r.answer
	return r
}

func (r *Read[T]) answer(batch []*call[T]) {
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	value, err := r.read(ctx)
	for _, c := range batch {
		c.value, c.err = value, err
		close(c.done)
	}
}

// Get returns a value that was read after the call began. It may be called
// concurrently.
func (r *Read[T]) Get(ctx context.Context) (T, error) {
	c := &call[T]{done: make(chan struct{})}
	r.batches.Add(c)
	select {
	case <-c.done:
		return c.value, c.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}
