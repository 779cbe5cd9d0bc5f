package agent

import (
	"context"

	"missioncontrol/supervisor/api"
)

// completion is what one handler has to report.
type completion struct {
	api.Completion
	answer chan error // buffered
}

// A report has at most so many results, and the next one only if all before have
// together fewer bytes.
const (
	completionsAtOnce     = 100
	completionBytesAtOnce = 256 << 10
)

// complete reports a mission done. When ctx ends first, the report may still be made.
func (r *runner) complete(ctx context.Context, done api.Completion) error {
	c := &completion{Completion: done, answer: make(chan error, 1)}
	select {
	case r.completions <- c:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-c.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// reportCompletions reports what handlers have done until ctx ends: those that come
// while a report is under way share the next one, so that a busy agent needs few
// requests, and an idle one does not wait.
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

// gather adds to a completion those that wait.
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
		case refused(err): // for what one of them holds, or for their size together
			c.answer <- r.requests.Complete(ctx, c.Completion)
		default:
			c.answer <- err
		}
	}
}
