package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

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

// IsPermanent reports whether an error is marked by [Permanent].
func IsPermanent(err error) bool {
	var permanent permanentError
	return errors.As(err, &permanent)
}

type retryError struct {
	error
	after time.Duration
}

func (e retryError) Unwrap() error { return e.error }

// mostRetryAfter is the longest wait that the supervisor accepts.
const mostRetryAfter = 366 * 24 * time.Hour

// RetryAfter marks a handler's error as one after which the mission is to be tried again
// after this time, which is cut to 366 days, rather than after the usual back-off. It uses up an
// attempt like any failure. RetryAfter(nil, d) is nil.
func RetryAfter(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return retryError{err, min(max(0, after), mostRetryAfter)}
}

// work runs the handler and reports the outcome.
func (t *Task) work() {
	endSpan := t.trace()
	result, err := t.handle()
	parking := asParking(err)
	if parking != nil {
		err = nil
	}
	endSpan(err)
	if !IsUnable(err) {
		t.runner.couldBegin(t)
	}
	if cause := t.lost(); cause != nil {
		t.runner.log.Info("stopped working on a mission", "mission", t.Mission.ID, "reason", cause)
		return
	}
	t.acknowledge(false)
	switch {
	case parking != nil:
		t.park(parking)
	case errors.Is(context.Cause(t.ctx), ErrStopping), errors.Is(err, ErrStopping):
		t.release()
	case IsUnable(err):
		t.runner.setback(t, err)
		t.release()
	case err != nil:
		t.fail(err)
	default:
		t.complete(result)
	}
}

// complete reports the result. If that is refused, the mission has failed.
func (t *Task) complete(result any) {
	raw, err := encode(result)
	if err == nil {
		err = t.report(func(report api.Report) error {
			return t.runner.complete(t, api.Completion{LeaseRef: t.lease(), Result: raw, Report: report})
		})
		if !refused(err) {
			return
		}
	}
	t.fail(Permanent(fmt.Errorf("the result was refused: %w", err)))
}

// fail reports a failure.
func (t *Task) fail(err error) {
	retryable := !IsPermanent(err)
	failure := api.Failure{LeaseRef: t.lease(), Error: text(err), Retryable: &retryable}
	if retry := (retryError{}); errors.As(err, &retry) {
		wait := retry.after.Seconds()
		failure.RetryAfterSeconds = &wait
	}
	_ = t.report(func(report api.Report) error { // report has logged it
		ctx, cancel := t.whileLeased()
		defer cancel()
		failure.Report = report
		return t.runner.requests.Fail(ctx, failure)
	})
}

// release returns the mission to the queue.
func (t *Task) release() {
	_ = t.report(func(report api.Report) error { // report has logged it
		ctx, cancel := t.whileLeased()
		defer cancel()
		return t.runner.requests.Park(ctx, api.Release{LeaseRef: t.lease(), Report: report})
	})
}

// handle calls the handler, and waits for what helps it. A panic is a failure like any other.
func (t *Task) handle() (result any, err error) {
	attempt, end := context.WithCancel(t.ctx)
	t.mu.Lock()
	t.attempt = attempt
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		t.over = true
		t.mu.Unlock()
		end()
		t.helpers.Wait()
	}()
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

// report sends the outcome of a mission, and what it has used, until the supervisor has
// answered or the lease has ended. The same report may be sent twice, so a lost reply does no
// harm.
func (t *Task) report(send func(api.Report) error) error {
	for {
		err := t.withUsage(send)
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

// insist sends a request until the supervisor has answered, ctx ends or the lease has ended.
// It can be sent twice.
func (t *Task) insist(ctx context.Context, send func() error) error {
	for tried := 0; ; tried++ {
		err := send()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, api.ErrLeaseLost), errors.Is(err, api.ErrNotFound), errors.Is(err, api.ErrConflict), refused(err):
			return t.check(err)
		}
		if cause := t.lost(); cause != nil {
			return cause
		}
		if tried == 0 {
			t.runner.log.Warn("a request about a mission was not answered; sending it again", "mission", t.Mission.ID, "error", err)
		}
		if time.Now().After(t.leaseEnd()) || !sleep(ctx, pause/5) {
			return err
		}
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
