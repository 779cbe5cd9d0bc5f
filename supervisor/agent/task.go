package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Task is one mission that a handler works on. Its methods may be called concurrently.
type Task struct {
	Mission missions.Mission // its Flow is never nil, so that fields such as Mission.ParentID can be read

	runner *runner
	ctx    context.Context
	cancel context.CancelCauseFunc
	round  int // of setbacks, in which it was claimed

	saving   sync.Mutex // held while a checkpoint is stored
	spending spending
	inbox    inbox

	mu      sync.Mutex
	ends    time.Time       // when the lease ends, by this machine's clock
	attempt context.Context // of what helps the handler; ends when it has returned
	over    bool            // it has
	helpers sync.WaitGroup
}

// newTask returns a task whose context has the values of values. What ends it is the runner,
// which has a list of the tasks.
func newTask(values context.Context, r *runner, m *missions.Mission) *Task {
	ctx, cancel := context.WithCancelCause(api.WithTrace(values, m.Traceparent))
	mission := *m
	if mission.Flow == nil {
		mission.Flow = &missions.Flow{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Task{Mission: mission, runner: r, ctx: ctx, cancel: cancel, round: r.setbacks.round, ends: time.Now().Add(r.pace.lease)}
}

func (t *Task) lease() api.LeaseRef {
	return api.LeaseRef{MissionID: t.Mission.ID, Lease: t.Mission.Lease}
}

func (t *Task) leaseEnd() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ends
}

func (t *Task) renewed(until time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ends = until
}

// end ends the handler's context. The first cause counts.
func (t *Task) end(cause error) { t.cancel(cause) }

// lost returns why the mission is no longer this task's, nil if it is or that is not known.
func (t *Task) lost() error {
	if cause := context.Cause(t.ctx); errors.Is(cause, ErrCancelled) || errors.Is(cause, ErrLeaseLost) {
		return cause
	}
	return nil
}

// help runs f beside the handler until the context that it gets ends, which is when the
// handler has returned. It returns false if it has.
func (t *Task) help(f func(ctx context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	t.helpers.Go(func() { f(t.attempt) })
	return true
}

// Progress reports the progress of the mission, from 0 to 100 percent, and what is
// being done. The caller may ignore the error, which is [ErrLeaseLost] or one of the
// request.
func (t *Task) Progress(percent float64, message string) error {
	return t.check(t.withUsage(func(report api.Report) error {
		return t.runner.requests.Progress(t.ctx, api.ProgressRequest{
			LeaseRef: t.lease(), Percent: &percent, Message: message, Report: report,
		})
	}))
}

// Log appends a line of at most 8 KiB to the mission's log. level is a word such as
// "info", and data is anything that JSON can hold, or nil. Errors are those of
// Progress.
func (t *Task) Log(level, message string, data any) error {
	var raw json.RawMessage
	if data != nil {
		var err error
		if raw, err = json.Marshal(data); err != nil {
			return fmt.Errorf("encode the data of a log line: %w", err)
		}
	}
	return t.check(t.runner.requests.Log(t.ctx, api.LogAppendRequest{
		LeaseRef: t.lease(), Level: level, Message: message, Data: raw,
	}))
}

// check ends the handler if a reply shows that its lease is lost.
func (t *Task) check(err error) error {
	if errors.Is(err, api.ErrLeaseLost) {
		t.runner.beatNow.Send() // the reply says whether the mission was cancelled
		return fmt.Errorf("%w: %w", ErrLeaseLost, err)
	}
	return err
}
