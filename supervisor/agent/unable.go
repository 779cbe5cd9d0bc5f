package agent

import (
	"context"
	"errors"
	"fmt"
	"time"
)

type unableError struct{ error }

func (e unableError) Unwrap() error { return e.error }

// Unable marks a handler's error as the fault of the machine that the agent runs on:
// the work could not start, and another agent may be able to do it. A program is
// missing or cannot be executed, or there are no processes or files left. The mission
// returns to the queue without using up an attempt. The agent claims nothing for a
// second, and for twice as long each time it happens again, up to half a minute; after
// 8 times in a row it goes offline, and [Run] returns the error. Unable(nil) is nil.
func Unable(err error) error {
	if err == nil {
		return nil
	}
	return unableError{err}
}

// maxSetbacks is after how many setbacks in a row the agent goes offline. With restAfter,
// that is a minute and a half after the first.
const maxSetbacks = 8

// restAfter returns how long the agent claims nothing after the nth setback in a row.
func restAfter(n int) time.Duration {
	return min(time.Second<<(n-1), 30*time.Second)
}

// setbacks counts how often in a row the agent was unable to begin missions. Missions that
// were claimed between two setbacks are one round: several that fail at once are one
// setback.
type setbacks struct {
	round   int
	inARow  int
	resting bool
	until   time.Time
}

// setback records that the agent was unable to begin a mission, and stops claiming for a
// while. When it returns, no parked claim of the agent is left to get the mission back.
func (r *runner) setback(t *Task, err error) {
	r.mu.Lock()
	if t.round != r.setbacks.round {
		r.mu.Unlock()
		return
	}
	r.setbacks.round++
	r.setbacks.inARow++
	n := r.setbacks.inARow
	wait := r.cfg.rest(n)
	r.setbacks.resting, r.setbacks.until = true, time.Now().Add(wait)
	r.mu.Unlock()
	if n >= maxSetbacks {
		r.stop(fmt.Errorf("the agent could not start missions %d times in a row; the last error: %w", n, err))
	} else {
		r.log.Error("cannot start a mission, but another agent may be able to; claiming no missions for a while",
			"error", err, "wait", wait, "in_a_row", n, "offline_after", maxSetbacks)
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(t.ctx), t.leaseEnd())
	defer cancel()
	r.beatOnce(ctx) // the supervisor ends the claims of an agent that drains
}

// couldBegin records that the agent was able to begin a mission.
func (r *runner) couldBegin(t *Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.round == r.setbacks.round {
		r.setbacks.inARow = 0
	}
}

func (r *runner) isResting() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.setbacks.resting
}

// rest waits until the agent may claim again after a setback. It returns false if ctx
// ends first.
func (r *runner) rest(ctx context.Context) bool {
	rested := false
	for {
		r.mu.Lock()
		left := time.Until(r.setbacks.until)
		if left <= 0 {
			r.setbacks.resting = false
		}
		r.mu.Unlock()
		if left <= 0 {
			break
		}
		rested = true
		if !sleep(ctx, left) {
			return false
		}
	}
	if rested {
		r.beatOnce(ctx) // the supervisor gives an agent that drains nothing
	}
	return ctx.Err() == nil
}

// IsUnable reports whether an error is marked by [Unable].
func IsUnable(err error) bool {
	var unable unableError
	return errors.As(err, &unable)
}
