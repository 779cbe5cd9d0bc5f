package agent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Parking is what a handler returns as its error to have the mission wait. See [Park].
type Parking struct {
	after   []missions.Condition
	atMost  time.Duration
	prefers missions.Preference
}

// Park hands the mission back until all conditions, at most 100, are met. It costs no
// attempt, and nothing while the mission waits: no lease and no slot. Then an agent claims
// the mission again, with the latest checkpoint, the signals and the inputs, and with a
// [Task.Turn] that is one higher: nothing is replayed. If a condition can no longer be met,
// the mission's on_unmet decides. Without conditions, and without [Parking.For], the
// mission can be claimed again at once.
//
//	return nil, agent.Park(agent.AfterSignal("approved", "Deploy to production?", "yes", "no")).For(24 * time.Hour)
func Park(conditions ...missions.Condition) *Parking {
	return &Parking{after: slices.Clone(conditions)}
}

// For returns p with a limit of its wait, at most ten years. Once that has passed, the
// mission can be claimed, and its [Task.TimedOut] is true. Without conditions, the mission
// just waits that long.
func (p *Parking) For(atMost time.Duration) *Parking {
	limited := *p
	limited.atMost = atMost
	return &limited
}

// PreferSelf returns p with the wish that other agents leave the mission to this one, to the agent that parks it, for up
// to a day once it can be claimed again, while this agent is online. Use it if the agent keeps something that the next
// turn needs, such as a checkout. It replaces a preference that the mission has, for good.
func (p *Parking) PreferSelf(atMost time.Duration) *Parking {
	preferring := *p
	preferring.prefers.PreferSeconds = min(atMost.Seconds(), missions.MaxPreferSeconds)
	return &preferring
}

// Error says what the mission waits for.
func (p *Parking) Error() string {
	var waits []string
	for i := range p.after {
		waits = append(waits, p.after[i].String())
	}
	text := "parked"
	if len(waits) > 0 {
		text += " until " + strings.Join(waits, ", ")
	}
	if p.atMost > 0 {
		text += " for " + p.atMost.String()
	}
	return text
}

// AfterMission is met when the mission with this id has completed; see [Ended]. Its outcome
// is then in [Task.Inputs].
func AfterMission(id string) missions.Condition { return missions.Condition{Mission: id} }

// AfterBatch is met when the batch with this id has ended and all its missions have
// completed; see [Ended]. Its outcome is then in [Task.Inputs].
func AfterBatch(id string) missions.Condition { return missions.Condition{Batch: id} }

// AfterSignal is met when a signal of this name arrives, or has arrived and no agent has
// taken it. It is then among [Task.Signals]. prompt says what people are asked, at most 4 KiB.
// If there are choices, at most 20, the signal's data must be one of them, a JSON string.
func AfterSignal(name, prompt string, choices ...string) missions.Condition {
	return missions.Condition{Signal: name, Prompt: prompt, Choices: choices}
}

// Ended returns an [AfterMission] or [AfterBatch] that is met however the mission, or the
// missions of the batch, end.
func Ended(c missions.Condition) missions.Condition {
	c.When = missions.WhenEnded
	return c
}

// park has the mission wait. If the supervisor refuses that, the mission has failed.
func (t *Task) park(p *Parking) {
	t.acknowledge(true)
	prefers := p.prefers
	if prefers.PreferSeconds > 0 {
		prefers.PreferAgent = t.runner.cfg.ID
	}
	err := t.report(func(report api.Report) error {
		ctx, cancel := t.whileLeased()
		defer cancel()
		return t.runner.requests.Park(ctx, api.Release{LeaseRef: t.lease(), After: p.after, AfterTimeoutSeconds: p.atMost.Seconds(), Preference: prefers, Report: report})
	})
	if refused(err) {
		t.fail(Permanent(fmt.Errorf("the mission cannot wait: %w", err)))
	}
}

// asParking returns the parking that a handler's error is or wraps, or nil.
func asParking(err error) *Parking {
	var p *Parking
	if !errors.As(err, &p) {
		return nil
	}
	if p == nil { // a variable that nothing was assigned to
		p = Park()
	}
	return p
}
