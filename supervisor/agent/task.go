package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// Task is one mission that a handler works on. Its methods may be called concurrently.
type Task struct {
	Mission missions.Mission

	runner *runner
	ctx    context.Context
	cancel context.CancelCauseFunc
	round  int // of setbacks, in which it was claimed

	mu   sync.Mutex
	ends time.Time // when the lease ends, by this machine's clock
}

// newTask returns a task whose context has the values of values. What ends it is the runner,
// which has a list of the tasks.
func newTask(values context.Context, r *runner, m *missions.Mission) *Task {
	ctx, cancel := context.WithCancelCause(api.WithTrace(values, m.Traceparent))
	r.mu.Lock()
	defer r.mu.Unlock()
	return &Task{Mission: *m, runner: r, ctx: ctx, cancel: cancel, round: r.setbacks.round, ends: time.Now().Add(r.pace.lease)}
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

// Progress reports the progress of the mission, from 0 to 100 percent, and what is
// being done. The caller may ignore the error, which is [ErrLeaseLost] or one of the
// request.
func (t *Task) Progress(percent float64, message string) error {
	return t.check(t.runner.requests.Progress(t.ctx, api.ProgressRequest{
		LeaseRef: t.lease(), Percent: &percent, Message: message,
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

type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks a handler's error as one that a retry cannot fix: the mission fails
// at once. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return permanentError{err}
}

// work runs the handler and reports the outcome.
func (t *Task) work() {
	span := t.trace()
	result, err := t.handle()
	span.End(err)
	if !IsUnable(err) {
		t.runner.couldBegin(t)
	}
	switch cause := context.Cause(t.ctx); {
	case errors.Is(cause, ErrCancelled), errors.Is(cause, ErrLeaseLost):
		t.runner.log.Info("stopped working on a mission", "mission", t.Mission.ID, "reason", cause)
		return
	case errors.Is(cause, ErrStopping), errors.Is(err, ErrStopping):
		t.release()
		return
	case IsUnable(err):
		t.runner.setback(t, err)
		t.release()
		return
	case err == nil:
		var raw json.RawMessage
		if raw, err = encode(result); err == nil {
			err = t.report(func() error {
				return t.runner.complete(t, api.Completion{LeaseRef: t.lease(), Result: raw})
			})
			if !refused(err) {
				return
			}
		}
		err = Permanent(fmt.Errorf("the result was refused: %w", err))
	}
	var permanent permanentError
	retryable := !errors.As(err, &permanent)
	_ = t.report(func() error { // report has logged it
		ctx, cancel := t.whileLeased()
		defer cancel()
		return t.runner.requests.Fail(ctx, api.Failure{LeaseRef: t.lease(), Error: text(err), Retryable: &retryable})
	})
}

// trace begins the span of the handler, if there is a tracer.
func (t *Task) trace() tracing.Span {
	tracer := t.runner.cfg.Tracer
	if tracer == nil {
		return tracing.Span{}
	}
	ctx, span := tracer.Start(t.ctx, "work on "+t.Mission.Type, tracing.Consumer)
	span.About("missioncontrol.mission.id", t.Mission.ID)
	span.About("missioncontrol.agent.id", t.runner.cfg.ID)
	t.ctx = ctx // nothing else uses it yet
	return span
}

// release returns the mission to the queue.
func (t *Task) release() {
	_ = t.report(func() error { // report has logged it
		ctx, cancel := t.whileLeased()
		defer cancel()
		return t.runner.requests.Release(ctx, t.lease())
	})
}

// handle calls the handler. A panic is a failure like any other.
func (t *Task) handle() (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.runner.log.Error("a handler panicked", "mission", t.Mission.ID, "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return t.runner.cfg.Handler(t.ctx, t)
}

// encode encodes a handler's result as JSON. Invalid JSON would break the report that
// it shares with other results.
func encode(result any) (json.RawMessage, error) {
	if raw, ok := result.(json.RawMessage); ok {
		if raw != nil && !jsontext.Value(raw).IsValid() {
			return nil, errNoJSON
		}
		return raw, nil
	}
	if result == nil {
		return nil, nil
	}
	return json.Marshal(result)
}

var errNoJSON = errors.New("the raw message is not valid JSON")

// text makes an error's text fit into a failure.
func text(err error) string {
	s := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", "�"), "�")
	if s == "" {
		return "failed without an error message"
	}
	if len(s) > missions.MaxErrorBytes {
		s = strings.ToValidUTF8(s[:missions.MaxErrorBytes-3], "") + "…"
	}
	return s
}

// refused reports whether the supervisor refused a report because of its content, or
// the broker would not carry it.
func refused(err error) bool {
	return errors.Is(err, api.ErrInvalid) || errors.Is(err, api.ErrTooLarge) || errors.Is(err, nats.ErrMaxPayload)
}

// report sends the outcome of a mission until the supervisor has answered or the lease
// has ended. The same report may be sent twice, so a lost reply does no harm.
func (t *Task) report(send func() error) error {
	for {
		err := send()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, api.ErrLeaseLost), errors.Is(err, api.ErrNotFound), refused(err):
			t.runner.log.Warn("the report on a mission was refused", "mission", t.Mission.ID, "error", err)
			return err
		case time.Now().After(t.leaseEnd()):
			t.runner.log.Warn("cannot report a mission before its lease expires", "mission", t.Mission.ID, "error", err)
			return err
		}
		sleep(context.Background(), pause/5)
	}
}

// whileLeased returns a context that ends when the lease has ended. Heartbeats renew the
// lease while a report is on its way.
func (t *Task) whileLeased() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.ctx))
	go func() { // ends with ctx
		for left := time.Until(t.leaseEnd()); left > 0 && sleep(ctx, left); left = time.Until(t.leaseEnd()) {
		}
		cancel()
	}()
	return ctx, cancel
}
