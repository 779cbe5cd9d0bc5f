package sqlitestore

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// groupTime bounds how long a group of steps is filled before it is committed,
// and with it how long a step may wait for its neighbours.
const groupTime = 10 * time.Millisecond

// step is one atomic step on its way to the disk.
//
// A step writes nothing before it has decided to succeed: one that returns an
// *missions.Error has left the transaction as it found it. Any other error is
// internal and undoes the whole transaction. A step may run more than once, and
// must set, not append to, what it hands to its caller.
type step struct {
	lane    lane
	arrival int64 // its number, once in the queue
	run     func(*tx) error
	done    chan error
	state   atomic.Int32 // waiting, taken or abandoned
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// eachItem runs a change for each item of a batch, all in one step. The items are
// independent of each other: the error of one stands in its own result, and only
// an internal one undoes them all.
func eachItem[Item, Result any](ctx context.Context, s *Store, l lane, batch []Item,
	change func(*tx, *Item) (Result, error)) (results []Result, err error) {
	err = s.write(ctx, l, func(t *tx) (err error) {
		results, err = each(t, batch, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// each runs a change for each item of a batch within a step. The error is internal.
func each[Item, Result any](t *tx, batch []Item, change func(*tx, *Item) (Result, error)) ([]Result, error) {
	results := make([]Result, len(batch))
	for i := range batch {
		result, err := change(t, &batch[i])
		if internal(err) {
			return nil, err
		}
		results[i] = result
	}
	return results, nil
}

// write runs a step and waits until it is on disk. When ctx ends before somebody has
// taken the step, nothing is done and ctx's error returned; afterwards write waits for
// the outcome, so that it is never unknown. A caller that finds nobody writing commits a
// group himself, in which others' steps may be.
func (s *Store) write(ctx context.Context, l lane, run func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	st := &step{lane: l, run: run, done: make(chan error, 1)}
	if !s.queue.push(st) {
		return errClosed
	}
	s.serveIfIdle()
	select {
	case err := <-st.done:
		return err
	case <-ctx.Done():
		if st.state.CompareAndSwap(waiting, abandoned) {
			return ctx.Err()
		}
		return <-st.done
	}
}

var (
	errClosed     = missions.Refused("the store is closed", nil)
	errUnanswered = missions.Unavailable("the store cannot be used", nil)
)

// serveIfIdle commits the next group here and now, unless somebody is writing. Whoever
// has the store to himself then waits for no other goroutine.
func (s *Store) serveIfIdle() {
	select {
	case s.turn <- struct{}{}:
		defer s.endTurn()
		if st := s.queue.pop(); st != nil {
			s.commitFrom(st)
		}
	default: // who has the turn sees to it that everything is served
	}
}

// endTurn lets others write, and the writer if steps wait: those behind them found the
// turn taken.
func (s *Store) endTurn() {
	<-s.turn
	s.queue.wakeIfAny()
}

// runWriter writes for as long as steps wait that no caller has served. Those that arrive
// while a commit is under way share the next one, and so its flush to disk.
func (s *Store) runWriter() {
	defer close(s.closed)
	for {
		select {
		case <-s.queue.wake:
			s.turn <- struct{}{}
			s.serveAll()
			s.endTurn()
		case <-s.closing:
			s.turn <- struct{}{} // for good
			s.serveAll()         // what was handed over before the queue closed
			return
		}
	}
}

func (s *Store) serveAll() {
	for st := s.queue.pop(); st != nil; st = s.queue.pop() {
		s.commitFrom(st)
	}
}

// commitFrom commits first together with the steps that are next.
func (s *Store) commitFrom(first *step) {
	started := time.Now()
	steps := []*step{first}
	defer func() { // nobody waits for ever, not even when the log handler panics
		for _, st := range steps {
			select {
			case st.done <- errUnanswered:
			default: // it has its answer
			}
		}
	}()
	var results []error
	err := s.transact(func(t *tx) error {
		for i := 0; i < len(steps); i++ {
			begun := time.Now()
			result := steps[i].run(t)
			s.queue.charge(steps[i], time.Since(begun))
			if internal(result) {
				return result
			}
			results = append(results, result)
			if st := s.neighbour(started); st != nil {
				steps = append(steps, st)
			}
		}
		return nil
	})
	switch {
	case err == nil:
		for i, st := range steps {
			st.done <- results[i]
		}
	case len(steps) == 1:
		first.done <- s.unavailable(err)
	default:
		// One step's trouble is not its neighbours': each by itself.
		for _, st := range steps {
			st.done <- s.commitAlone(st)
		}
	}
}

// neighbour returns another step for the group that started at a time, or nil
// when none waits or the group is full.
func (s *Store) neighbour(started time.Time) *step {
	if time.Since(started) >= groupTime {
		return nil
	}
	return s.queue.pop()
}

// commitAlone commits one step and returns what its caller is told.
func (s *Store) commitAlone(st *step) (result error) {
	err := s.transact(func(t *tx) error {
		if result = st.run(t); internal(result) {
			return result
		}
		return nil
	})
	if err != nil {
		return s.unavailable(err)
	}
	return result
}

// transact runs body in a transaction and commits it with the tallies it made.
func (s *Store) transact(body func(*tx) error) error {
	err := guarded(func() error {
		if err := s.writer.begin("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		t := s.newTx()
		if err := body(t); err != nil {
			return err
		}
		if err := t.flush(); err != nil {
			return err
		}
		if err := t.exec("COMMIT"); err != nil {
			return err
		}
		s.marks = t.marks
		s.counts.Store(t.with(*s.counts.Load()))
		s.recent.add(t.events)
		return nil
	})
	if err != nil {
		return errors.Join(err, guarded(s.writer.rollback))
	}
	return nil
}

// take claims a step for whoever writes; false when its caller has gone.
func (st *step) take() bool { return st.state.CompareAndSwap(waiting, taken) }

// internal reports whether err is not for the caller but a fault of the store.
func internal(err error) bool {
	var domain *missions.Error
	return err != nil && !errors.As(err, &domain)
}

// unavailable logs a fault and returns what the caller may know of it.
func (s *Store) unavailable(err error) error {
	s.log.Error("the store failed", "error", err)
	if errors.Is(err, sqlite3.FULL) {
		return missions.Refused("the store's disk is full; nothing was done", err)
	}
	return missions.Unavailable("the store cannot be used", err)
}
