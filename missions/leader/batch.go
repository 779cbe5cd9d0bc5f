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

// batchBytes bounds how many bytes of missions and replies a batch gathers.
const batchBytes = 8 << 20

// step is one atomic step that waits for its batch. apply may run again in another batch if
// nothing was stored: it sets what it returns to its caller, and never appends to it.
type step struct {
	lane    lane
	arrival int64                              // its number in the queue
	need    func(*engine.Engine, *engine.Need) // nil if it needs nothing
	apply   func(*engine.Engine)
	done    chan error
	state   atomic.Int32 // waiting, taken or abandoned
}

const (
	waiting int32 = iota
	taken
	abandoned
)

// take claims a step for whoever computes a batch; false if its caller has gone.
func (st *step) take() bool { return st.state.CompareAndSwap(waiting, taken) }

var errUnanswered = missions.Unavailable("the store cannot be used", nil)

// do runs a step and waits until it is stored. If ctx ends before the step was taken, nothing
// is done and the error is ctx's; after that, do waits for the outcome. A caller that finds
// nobody at it computes a batch itself, in which others' steps may be.
func (s *Store) do(ctx context.Context, l lane, need func(*engine.Engine, *engine.Need), apply func(*engine.Engine)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	st := &step{lane: l, need: need, apply: apply, done: make(chan error, 1)}
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

// serveIfIdle serves the next step here and now, unless somebody is at it.
func (s *Store) serveIfIdle() {
	select {
	case s.turn <- struct{}{}:
		defer s.endTurn()
		if st := s.pop(); st != nil {
			s.next = s.batch(st)
		}
	default: // who has the turn sees to it that everything is served
	}
}

// endTurn lets others have the turn, and the store's goroutine if steps wait: those who
// brought them found the turn taken.
func (s *Store) endTurn() {
	left := s.next != nil
	if <-s.turn; left {
		s.queue.wake.Send()
	} else {
		s.queue.wakeIfAny()
	}
}

// pop returns the step that has to begin the next batch, or else one that waits; nil if there
// is none.
func (s *Store) pop() (st *step) {
	if st, s.next = s.next, nil; st == nil {
		st = s.queue.pop()
	}
	return st
}

// run serves steps that no caller has served, until the store is closed.
func (s *Store) run() {
	defer close(s.closed)
	for {
		select {
		case <-s.queue.wake:
			s.turn <- struct{}{}
			s.serveAll()
			s.endTurn()
		case <-s.closing:
			s.turn <- struct{}{} // for good
			s.serveAll()         // what came before the queue was closed
			return
		}
	}
}

func (s *Store) serveAll() {
	for st := s.pop(); st != nil; st = s.pop() {
		s.next = s.batch(st)
	}
}

// batch computes a batch and commits it. It returns a step that has to begin the next batch:
// one that needs what can only be loaded when everything is committed.
func (s *Store) batch(first *step) (next *step) {
	ctx, begun := context.Background(), time.Now()
	steps := []*step{first}
	whole := false
	defer func() { // nobody waits for ever, not even if the log handler panics
		if !whole {
			s.engine = nil // it may be ahead of what is stored
		}
		unanswered(steps, next)
	}()
	if !s.readyFor(ctx, first) {
		return nil
	}
	s.engine.Begin(s.now(), s.cfg.Seed())
	applied := 0 // steps before this one have been applied
	for at := begun; ; {
		st := steps[applied]
		again, err := s.prepare(ctx, st, applied == 0)
		if again {
			steps, next = steps[:applied], st
			break
		}
		switch {
		case engine.IsStale(err):
			s.engine = nil
			s.oneByOne(steps)
			return nil
		case err != nil:
			st.done <- nothingDone(s.public(err))
			steps = steps[:applied]
		case s.apply(st):
			applied++
		default: // the others are computed without it
			steps = steps[:applied]
			s.oneByOne(steps)
			whole = s.engine != nil
			return nil
		}
		now := time.Now()
		s.queue.charge(st, now.Sub(at))
		at = now
		another := s.neighbour(begun, now)
		if another == nil {
			break
		}
		steps = append(steps, another)
	}
	err := s.commit(ctx)
	whole = true
	s.answer(steps, err)
	return next
}

// answer answers the steps of a batch with the outcome of its commit, or computes them again if
// the term has ended and nothing was stored.
func (s *Store) answer(steps []*step, err error) {
	if replaced(err) && !s.deposed.Load() {
		s.oneByOne(steps)
		return
	}
	for _, st := range steps {
		st.done <- err
	}
}

// unanswered answers steps that have no answer, but for the one that is to be in the next batch.
func unanswered(steps []*step, next *step) {
	for _, st := range steps {
		if st == next {
			continue
		}
		select {
		case st.done <- errUnanswered:
		default: // it has its answer
		}
	}
}

// apply applies a step. If it panics, it is refused, and the term ends.
func (s *Store) apply(st *step) (applied bool) {
	panicked := guarded(func() { st.apply(s.engine) })
	if panicked == nil {
		return true
	}
	s.engine = nil
	st.done <- missions.Refused("the request failed; nothing was done", panicked)
	s.log.Error("a step failed; nothing of it is stored", "error", panicked)
	return false
}

// readyFor sees to it that there is a term, and that durations follow the clock. If it cannot, a
// step has the error.
func (s *Store) readyFor(ctx context.Context, first *step) bool {
	if s.cfg.Stale != nil && s.cfg.Stale() {
		s.engine = nil
	}
	if s.engine == nil {
		if err := s.begin(ctx); err != nil {
			first.done <- nothingDone(s.public(err))
			return false
		}
	}
	if err := s.followClock(ctx); err != nil { // what is due would be wrong
		first.done <- err
		return false
	}
	return true
}

// nothingDone says of the error of a step that it was not applied.
func nothingDone(err error) error {
	var domain *missions.Error
	if errors.As(err, &domain) && domain.Code == missions.CodeUnavailable {
		if domain.NothingDone {
			return err
		}
		return missions.Refused("the store cannot be used at present; nothing was done", domain.Err)
	}
	return err
}

// neighbour returns another step for the batch that was begun at a time, or nil.
func (s *Store) neighbour(begun, now time.Time) *step {
	if now.Sub(begun) >= batchTime || s.engine.BatchBytes() >= batchBytes {
		return nil
	}
	return s.queue.pop()
}

// oneByOne computes each step in a batch of its own, after a step of their batch panicked, or the
// term ended before anything was stored.
func (s *Store) oneByOne(steps []*step) {
	for _, st := range steps {
		s.serveAlone(context.Background(), st)
	}
}

// mostTerms is how often a step is computed in another term, if terms end before it is stored.
const mostTerms = 5

// serveAlone computes a batch of one step.
func (s *Store) serveAlone(ctx context.Context, st *step) {
	for range mostTerms - 1 {
		if s.tryAlone(ctx, st, false) {
			return
		}
	}
	s.tryAlone(ctx, st, true)
}

// tryAlone computes a batch of one step. false says that nothing was done, and that it can be tried
// again in another term.
func (s *Store) tryAlone(ctx context.Context, st *step, last bool) (answered bool) {
	if s.engine == nil {
		if err := s.begin(ctx); err != nil {
			st.done <- nothingDone(s.public(err))
			return true
		}
	}
	s.engine.Begin(s.now(), s.cfg.Seed())
	if _, err := s.prepare(ctx, st, true); engine.IsStale(err) && !last {
		s.engine = nil
		return false
	} else if err != nil {
		st.done <- nothingDone(s.public(err))
		return true
	}
	if !s.apply(st) {
		return true
	}
	err := s.commit(ctx)
	if replaced(err) && !s.deposed.Load() && !last {
		return false
	}
	st.done <- err
	return true
}

// maxAhead is for how many of the steps that wait records are loaded at once.
const maxAhead = 256

// needIDs adds the missions whose records the step needs.
func (st *step) needIDs(e *engine.Engine, n *engine.Need) {
	if st.need == nil {
		return
	}
	var own engine.Need
	st.need(e, &own)
	n.IDs, n.Docs = append(n.IDs, own.IDs...), append(n.Docs, own.Docs...)
}

// mostLoads bounds how often something is loaded for one step: what is loaded may show that more is needed, but a step that
// never has enough would hold up everybody.
const mostLoads = 10_000

var errEndless = errors.New("a step needs again and again what was loaded")

// prepare loads what a step needs, and the records that steps behind it need. again says that
// this has to wait for a commit.
func (s *Store) prepare(ctx context.Context, st *step, committed bool) (again bool, err error) {
	if st.need == nil {
		return false, nil
	}
	for round := 0; ; round++ {
		var need engine.Need
		st.need(s.engine, &need)
		switch {
		case need.None():
			return false, nil
		case round == mostLoads:
			s.log.Error("a step needs again what was loaded; it is refused")
			return false, missions.Refused("the request failed; nothing was done", errEndless)
		case need.Ranged() && !committed:
			return true, nil
		}
		if len(need.IDs) > 0 {
			s.queue.ahead(maxAhead, func(next *step) { next.needIDs(s.engine, &need) })
		}
		if err := s.engine.Load(ctx, s.backend, &need); err != nil {
			return false, err
		}
	}
}

// replaced reports whether an error says that the term has ended, and with it nothing was stored.
func replaced(err error) bool {
	return engine.IsNotLeader(err) || engine.IsGone(err) || engine.IsStale(err)
}

// commit stores what the batch has changed. If it is unknown whether it was stored, or if
// it was not, the term ends.
func (s *Store) commit(ctx context.Context) error {
	changes := s.engine.End()
	if changes == nil {
		return nil
	}
	if err := s.backend.Commit(ctx, s.epoch, changes); err != nil {
		s.engine = nil
		s.view.Store(nil) // what is stored may be newer
		s.noteTerm(err)
		return s.public(err)
	}
	s.publish()
	if s.engine.DueNow() {
		s.cfg.DueNow.Send()
	}
	return nil
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
