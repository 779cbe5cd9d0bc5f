package agent

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/wakeup"
)

// usageDelay is how long usage waits for more, or for another report to go with.
const usageDelay = 500 * time.Millisecond

// spending is what a task has used in this turn.
type spending struct {
	mu      sync.Mutex
	total   missions.Usage
	told    missions.Usage // what the supervisor has been told
	refused bool           // the supervisor does not take it
	added   wakeup.Signal  // nil until something is used
}

// Usage adds to what the mission has used: amount, at least 0, of a unit such as usd or
// input_tokens, named with 1 to 32 of a-z, 0-9 and _. A mission has at most 8 units. Call
// it whenever something was used: the sums of this turn go with the next report, and half a
// second later at the latest. If they exceed the mission's max_usage, the handler's context
// ends with [ErrCancelled]. The error, which the caller may ignore, says that the unit or
// the amount breaks a rule; nothing is added then.
func (t *Task) Usage(unit string, amount float64) error {
	s := &t.spending
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := missions.CheckUsage("usage", missions.Usage{unit: amount}); err != nil {
		return api.FromError(err)
	}
	total := missions.Usage{}
	maps.Copy(total, s.total)
	total[unit] += amount
	units := maps.Clone(total) // with those of earlier turns
	maps.Copy(units, t.Mission.Flow.Usage)
	units[unit] = total[unit]
	if err := missions.CheckUsage("usage", units); err != nil {
		return api.FromError(err)
	}
	s.total = total
	if s.added == nil {
		s.added = wakeup.New()
		t.help(func(ctx context.Context) { t.reportUsage(ctx, s.added) })
	}
	s.added.Send()
	return nil
}

// reportUsage reports what is used, if no other report does, until ctx ends.
func (t *Task) reportUsage(ctx context.Context, added wakeup.Signal) {
	for {
		select {
		case <-added:
		case <-ctx.Done():
			return
		}
		if !sleep(ctx, usageDelay) {
			return
		}
		err := t.insist(ctx, func() error {
			return t.withUsage(func(report api.Report) error {
				if report.Usage == nil {
					return nil
				}
				return t.runner.requests.Progress(ctx, api.ProgressRequest{LeaseRef: t.lease(), Report: report})
			})
		})
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrLeaseLost) {
			t.runner.log.Warn("cannot report what a mission uses", "mission", t.Mission.ID, "error", err)
		}
	}
}

// withUsage sends a report with the usage that has not been reported. Usage that the
// supervisor refuses does not spoil the report.
func (t *Task) withUsage(send func(api.Report) error) error {
	used := t.spending.untold()
	err := send(api.Report{Usage: used})
	if used == nil {
		return err
	}
	if err == nil {
		t.spending.tell(used)
		return nil
	}
	var refusal *api.Error
	if errors.As(err, &refusal) && refused(err) && strings.Contains(refusal.Field, "usage") {
		t.runner.log.Warn("the supervisor refuses what a mission has used; reporting without it", "mission", t.Mission.ID, "error", err)
		t.spending.refuse()
		return send(api.Report{})
	}
	return err
}

// untold returns the sums, nil if the supervisor knows them.
func (s *spending) untold() missions.Usage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused || maps.Equal(s.total, s.told) {
		return nil
	}
	return maps.Clone(s.total)
}

func (s *spending) tell(used missions.Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = used
}

func (s *spending) refuse() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = true
}
