package leader

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// batchTime bounds how long a batch is filled before it is committed.
const batchTime = 10 * time.Millisecond

// step is one atomic step that waits for its batch. apply may run again in another batch if
// nothing was stored: it sets what it returns to its caller, and never appends to it.
type step struct {
	need  func(*engine.Engine, *engine.Need) // nil if it needs nothing
	apply func(*engine.Engine)
	done  chan error
	state atomic.Int32 // waiting, taken or abandoned
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// do runs a step and waits until it is stored. If ctx ends before the step was taken, nothing
// is done and the error is ctx's; after that, do waits for the outcome.
func (s *Store) do(ctx context.Context, need func(*engine.Engine, *engine.Need), apply func(*engine.Engine)) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	st := &step{need: need, apply: apply, done: make(chan error, 1)}
	select {
	case s.steps <- st:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
	select {
	case err := <-st.done:
		return err
	case <-ctx.Done():
		if st.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return <-st.done
	case <-s.closed:
		select {
		case err := <-st.done:
			return err
		default:
			return errClosed // it came after the last batch
		}
	}
}

// run takes steps until the store is closed.
func (s *Store) run() {
	defer close(s.closed)
	for {
		select {
		case st := <-s.steps:
			s.serve(st)
		case <-s.closing:
			for {
				select {
				case st := <-s.steps:
					s.serve(st)
				default:
					return
				}
			}
		}
	}
}

// serve computes batches, beginning with a step, until no step is left that was taken.
func (s *Store) serve(st *step) {
	if !st.state.CompareAndSwap(waiting, taken) {
		return
	}
	for st != nil {
		st = s.batch(st)
	}
}

// batch computes a batch and commits it. It returns a step that has to begin the next batch:
// one that needs what can only be loaded when everything is committed.
func (s *Store) batch(first *step) (next *step) {
	ctx, begun := context.Background(), time.Now()
	if s.engine == nil {
		if err := s.begin(ctx); err != nil {
			first.done <- s.public(err)
			return nil
		}
	}
	s.engine.Begin(s.now(), s.cfg.Seed())
	steps := []*step{}
	for st := first; st != nil; st = s.neighbour(begun) {
		again, err := s.prepare(ctx, st, len(steps) == 0)
		if again {
			next = st
			break
		}
		if err != nil {
			st.done <- s.public(err)
			continue
		}
		if panicked := guarded(func() { st.apply(s.engine) }); panicked != nil {
			s.log.Error("a step failed; nothing of it is stored", "error", panicked)
			s.engine = nil
			st.done <- missions.Refused("the request failed; nothing was done", panicked)
			s.oneByOne(steps)
			return nil
		}
		steps = append(steps, st)
	}
	answer(steps, s.commit(ctx))
	return next
}

// neighbour returns another step for the batch that was begun at a time, or nil.
func (s *Store) neighbour(begun time.Time) *step {
	for time.Since(begun) < batchTime {
		select {
		case st := <-s.steps:
			if st.state.CompareAndSwap(waiting, taken) {
				return st
			}
		default:
			return nil
		}
	}
	return nil
}

// oneByOne computes each step in a batch of its own, after a step of their batch panicked.
func (s *Store) oneByOne(steps []*step) {
	for _, st := range steps {
		st.state.Store(waiting)
		s.serve(st)
	}
}

// prepare loads what a step needs. again says that this has to wait for a commit.
func (s *Store) prepare(ctx context.Context, st *step, committed bool) (again bool, err error) {
	if st.need == nil {
		return false, nil
	}
	for {
		var need engine.Need
		st.need(s.engine, &need)
		switch {
		case need.None():
			return false, nil
		case need.Ranged() && !committed:
			return true, nil
		}
		if err := s.engine.Load(ctx, s.backend, &need); err != nil {
			return false, err
		}
	}
}

// commit stores what the batch has changed. If it is unknown whether it was stored, or if
// it was not, the term ends.
func (s *Store) commit(ctx context.Context) error {
	changes := s.engine.End()
	if changes == nil {
		return nil
	}
	err := s.backend.Commit(ctx, s.epoch, changes)
	if err != nil {
		s.engine = nil
	}
	return s.public(err)
}

func answer(steps []*step, err error) {
	for _, st := range steps {
		st.done <- err
	}
}

// guarded returns the panic of f as an error.
func guarded(f func()) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = errors.Join(fmt.Errorf("panic: %v", cause), errors.New(string(debug.Stack())))
		}
	}()
	f()
	return nil
}
