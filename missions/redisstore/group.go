package redisstore

import (
	"context"
	"sync"

	"missioncontrol/missions"
)

// group lets concurrent callers share scripts: callers that arrive while a batch is
// under way wait together for the next one.
type group[Item, Result any] struct {
	run func(context.Context, []Item) ([]Result, error)

	mu      sync.Mutex
	waiting []*share[Item, Result]
	busy    int
}

// share is one caller's part of a batch.
type share[Item, Result any] struct {
	items   []Item
	results []Result
	err     error
	done    chan struct{}
}

// batchesAtOnce is one: what waits meanwhile makes the next batch larger, and a
// script costs more for each call than for each item. Two took 1.05 times as long for
// 20,000 missions one by one.
const batchesAtOnce = 1

// do does a caller's items and returns their results in order. A caller whose
// context ends before its items are taken has done nothing; afterwards it waits for
// the outcome, which Redis' time-out bounds.
func (g *group[Item, Result]) do(ctx context.Context, s *scripted, items []Item) ([]Result, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	if len(items) == 0 {
		return []Result{}, nil
	}
	g.mu.Lock()
	if g.busy < batchesAtOnce {
		g.busy++
		g.mu.Unlock()
		defer g.handOver(context.WithoutCancel(ctx), s)
		return g.run(context.WithoutCancel(ctx), items)
	}
	mine := &share[Item, Result]{items: items, done: make(chan struct{})}
	g.waiting = append(g.waiting, mine)
	g.mu.Unlock()
	select {
	case <-mine.done:
		return mine.results, mine.err
	case <-ctx.Done():
		if g.withdraw(mine) {
			return nil, ctx.Err()
		}
		<-mine.done
		return mine.results, mine.err
	}
}

// withdraw takes back a share that no batch has taken yet.
func (g *group[Item, Result]) withdraw(mine *share[Item, Result]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, other := range g.waiting {
		if other == mine {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return true
		}
	}
	return false
}

// handOver has those served who have come while a caller ran a batch of its own.
func (g *group[Item, Result]) handOver(ctx context.Context, s *scripted) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.busy--
		return
	}
	s.calls.Add(1) // beside the caller's own, so that it cannot be the first after Wait
	go func() {
		defer s.calls.Done()
		g.work(ctx)
	}()
}

// work runs batches for as long as anybody waits.
func (g *group[Item, Result]) work(ctx context.Context) {
	for {
		shares, items := g.next()
		if len(shares) == 0 {
			return
		}
		results, err := g.run(ctx, items)
		for _, one := range shares {
			if one.err = err; err == nil {
				one.results, results = results[:len(one.items):len(one.items)], results[len(one.items):]
			}
			close(one.done)
		}
	}
}

// next takes the shares for one batch; none when nobody waits, and then the worker
// is no longer counted.
func (g *group[Item, Result]) next() (shares []*share[Item, Result], items []Item) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.waiting) > 0 && (len(items) == 0 || len(items)+len(g.waiting[0].items) <= missions.MaxBatch) {
		shares, items = append(shares, g.waiting[0]), append(items, g.waiting[0].items...)
		g.waiting = g.waiting[1:]
	}
	if len(shares) == 0 {
		g.busy--
	}
	return shares, items
}
