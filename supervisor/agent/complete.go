package agent

import (
	"context"
	"errors"
	"time"

	"missioncontrol/supervisor/api"
)

// completion is one handler's report.
type completion struct {
	api.Completion
	answer chan error // buffered
}

// Limits of a report: how many results it has, and how many bytes its results may have
// before one more is added.
const (
	completionsAtOnce     = 100
	completionBytesAtOnce = 256 << 10
)

var errLeaseEnded = errors.New("the lease ended before the supervisor answered")

// complete reports a mission completed. If the lease ends first, the report may still be
// sent. Most reports are answered soon, so that waiting costs a timer and no goroutine.
func (r *runner) complete(t *Task, done api.Completion) error {
	c := &completion{Completion: done, answer: make(chan error, 1)}
	timer := time.NewTimer(time.Until(t.leaseEnd()))
	defer timer.Stop()
	queue := r.completions
	for {
		select {
		case queue <- c:
			queue = nil
		case err := <-c.answer:
			return err
		case <-timer.C:
			left := time.Until(t.leaseEnd()) // heartbeats renew the lease
			if left <= 0 {
				return errLeaseEnded
			}
			timer.Reset(left)
		}
	}
}

// reportCompletions reports completions until ctx ends. Completions that arrive during
// a report share the next one, so that a busy agent needs few requests, and an idle one
// does not wait.
func (r *runner) reportCompletions(ctx context.Context) {
	for {
		select {
		case first := <-r.completions:
			r.reportTogether(ctx, r.gather(first))
		case <-ctx.Done():
			return
		}
	}
}

// gather adds the waiting completions to a completion.
func (r *runner) gather(first *completion) []*completion {
	all, bytes := []*completion{first}, len(first.Result)
	for len(all) < completionsAtOnce && bytes < completionBytesAtOnce {
		select {
		case next := <-r.completions:
			all, bytes = append(all, next), bytes+len(next.Result)
		default:
			return all
		}
	}
	return all
}

func (r *runner) reportTogether(ctx context.Context, all []*completion) {
	if len(all) == 1 {
		all[0].answer <- r.requests.Complete(ctx, all[0].Completion)
		return
	}
	done := make([]api.Completion, len(all))
	for i, c := range all {
		done[i] = c.Completion
	}
	errs, err := r.requests.CompleteAll(ctx, done)
	for i, c := range all {
		switch {
		case err == nil:
			c.answer <- errs[i]
		case refused(err): // because of one item, or of their total size
			c.answer <- r.requests.Complete(ctx, c.Completion)
		default:
			c.answer <- err
		}
	}
}
