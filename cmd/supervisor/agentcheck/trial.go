package agentcheck

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/supervisor/api"
)

// trial is one run of the agent under test against one script.
type trial struct {
	*script
	ctx     context.Context
	pulse   *pulse
	program *program
	carrier transport
	nats    *natsTransport // nil over HTTP
	http    *httpTransport // nil over NATS
	begun   time.Time

	// patience is how long the agent may take for what the protocol sets no time for, such as
	// starting, and until it sends a request again that was not answered.
	patience time.Duration

	mayEnd bool // the program is expected to end
}

// await waits until seen returns true, which it is asked, with the script locked, after
// everything that happens. expected says what for.
func (t *trial) await(expected string, seen func() bool) error {
	return t.awaitWithin(t.patience, expected, seen)
}

func (t *trial) awaitWithin(limit time.Duration, expected string, seen func() bool) error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	over := timer(ctx, limit)
	for {
		t.mu.Lock()
		changed, done := t.changed, seen()
		t.mu.Unlock()
		if done {
			return nil
		}
		if how, ended := t.program.hasEnded(); ended && !t.mayEnd {
			return fail("the program ended (%s) and there was no %s%s", how, expected, t.program.output.last())
		}
		select {
		case <-changed:
		case <-t.program.ended:
			if t.mayEnd { // what has been sent may still arrive
				if err := sleep(t.ctx, tick); err != nil {
					return err
				}
			}
		case <-over:
			return fail("no %s within %s; %s", expected, limit, t.recap())
		case <-t.ctx.Done():
			return t.ctx.Err()
		}
	}
}

// recap says what the agent has sent last.
func (t *trial) recap() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.requests) == 0 {
		return "it has sent nothing" + t.program.output.last()
	}
	var last []string
	for _, r := range t.requests[max(0, len(t.requests)-3):] {
		last = append(last, r.String())
	}
	return "its last requests: " + strings.Join(last, "; ")
}

// pass lets time pass, by the beats of this process, while the agent must not end.
func (t *trial) pass(d time.Duration) error {
	ctx, cancel := context.WithCancel(t.ctx)
	defer cancel()
	select {
	case <-timer(ctx, d):
		return nil
	case <-t.program.ended:
		how, _ := t.program.hasEnded()
		return fail("the program ended: %s%s", how, t.program.output.last())
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

// registered waits until the agent has registered.
func (t *trial) registered() error {
	return t.await("registration", func() bool { return t.known })
}

// start offers a mission and waits until the agent has it.
func (t *trial) start(data work) (*mission, error) {
	m := t.offer(data)[0]
	return m, t.await("claim", func() bool { return m.given(1) })
}

// listed waits until a heartbeat that was answered has listed a mission.
func (t *trial) listed(m *mission) error {
	return t.await("heartbeat that lists the mission", func() bool {
		return slices.ContainsFunc(t.requests, func(r *request) bool {
			lease := r.holds(m.id)
			return lease == m.lease() && r.answer == nil && !r.lost
		})
	})
}

// report waits for a mission's report.
func (t *trial) report(m *mission) (first reported, err error) {
	err = t.await("report on a mission", func() bool {
		if len(m.outcomes) == 0 {
			return false
		}
		first = m.outcomes[0]
		return true
	})
	return first, err
}

// completes offers a mission, and waits until the agent has completed it.
func (t *trial) completes(why string) error {
	m := t.offer(work{Result: "done"})[0]
	return t.await("completion of the mission that it was offered "+why, func() bool {
		return slices.ContainsFunc(m.outcomes, func(o reported) bool { return o.verb == api.AgentComplete && o.Lease == m.lease() })
	})
}

// beats are the heartbeats after a time. The script is locked.
func (t *trial) beats(after time.Time) (beats []*request) {
	for _, r := range t.requests {
		if r.heartbeat != nil && r.at.After(after) {
			beats = append(beats, r)
		}
	}
	return beats
}

// awaitBeats waits for so many heartbeats after a time.
func (t *trial) awaitBeats(n int, after time.Time) error {
	return t.await(fmt.Sprintf("heartbeat (%d of them)", n), func() bool { return len(t.beats(after)) >= n })
}

// seconds is a number of heartbeat intervals as a mission's data have it.
func (t *trial) seconds(intervals float64) float64 { return intervals * t.pace.heartbeat.Seconds() }

// invalid returns the requests that a supervisor refuses because they break a rule.
func (t *trial) invalid() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.requests {
		if r.answer != nil && (errors.Is(r.answer, api.ErrInvalid) || errors.Is(r.answer, api.ErrTooLarge)) {
			return fail("the request %s is refused: %s", r, r.answer.Message)
		}
	}
	return nil
}
