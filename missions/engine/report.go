package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"missioncontrol/missions"
)

// checkReport returns why a report is refused.
func (r *Record) checkReport(p *missions.Report) error {
	if len(p.Usage) == 0 || r.Flow == nil {
		return nil
	}
	if units := len(r.Flow.used().Plus(p.Usage)); units > missions.MaxUnits {
		return missions.TooLarge("usage", "would have %d units with those reported before; the most is %d", units, missions.MaxUnits)
	}
	return nil
}

// report stores what a holder reports, and returns why that exceeds the mission's maximum.
func (e *Engine) report(r *Record, p *missions.Report) (exceeded string) {
	if p.Checkpoint != nil {
		flowOf(r).Checkpoint = slices.Clone(p.Checkpoint)
	}
	if len(p.Usage) == 0 {
		return ""
	}
	f := flowOf(r)
	latest := make(missions.Usage, len(f.TurnUsage)+len(p.Usage))
	maps.Copy(latest, f.TurnUsage)
	for _, unit := range slices.Sorted(maps.Keys(p.Usage)) {
		if n := p.Usage[unit]; n >= latest[unit] { // reports may overtake each other
			e.spent(r.Type, unit, n-latest[unit])
			e.spentOf(r, unit, n-latest[unit])
			latest[unit] = n
		}
	}
	f.TurnUsage = latest
	return f.exceeds()
}

// exceeds returns which maximum the usage is above, "" if it is above none.
func (f *Flow) exceeds() string {
	used := f.used()
	for _, unit := range slices.Sorted(maps.Keys(f.MaxUsage)) {
		if used[unit] > f.MaxUsage[unit] {
			return fmt.Sprintf("its usage of %s %s is above its maximum of %s", amount(used[unit]), unit, amount(f.MaxUsage[unit]))
		}
	}
	return ""
}

// amount returns an amount as a person reads it, without what sums of fractions leave.
func amount(n float64) string { return strconv.FormatFloat(math.Round(n*1e6)/1e6, 'f', -1, 64) }

// exceeded ends an attempt whose usage is above the maximum.
func (e *Engine) exceeded(r *Record, reason string, also *missions.Park) {
	f := flowOf(r)
	f.Stopped = r.Token
	if f.OnExceeded == missions.ExceededAsk && r.turn() < missions.MaxTurns {
		conditions := []missions.Condition{{Signal: missions.BudgetSignal, Prompt: reason + ". A new maximum?"}}
		timeout := 0.0
		if also != nil {
			timeout = also.TimeoutSeconds
			for _, c := range also.After {
				if c.Signal != missions.BudgetSignal && len(conditions) < missions.MaxConditions {
					conditions = append(conditions, c)
				}
			}
		}
		uncount(r)
		e.park(r, reason, conditions, timeout)
		return
	}
	r.Error, r.Report = missions.Text(reason), Report{}
	e.endHeld(r, missions.GiveUp, reason)
}

// asksForBudget reports whether the mission waits for a new maximum.
func (f *Flow) asksForBudget() bool {
	return f.OnExceeded == missions.ExceededAsk && f.exceeds() != ""
}

// newBudget returns the maximum that an answer gives.
func (f *Flow) newBudget(data json.RawMessage) (missions.Usage, error) {
	var budget missions.Usage
	if json.Unmarshal(data, &budget) != nil || len(budget) == 0 {
		return nil, missions.Invalid("data", `must be a new max_usage, such as {"usd":10}`)
	}
	if err := missions.CheckUsage("data", budget); err != nil {
		return nil, err
	}
	used := f.used()
	for _, unit := range slices.Sorted(maps.Keys(budget)) {
		if used[unit] > budget[unit] {
			return nil, missions.Invalid("data."+unit, "is less than the %s that were used", amount(used[unit]))
		}
	}
	return budget, nil
}

// park returns a RUNNING mission to PENDING, where it waits.
func (e *Engine) park(r *Record, reason string, conditions []missions.Condition, timeout float64) {
	e.mustMove(r, missions.GiveBack, reason)
	e.release(r.Seq)
	r.AgentID, r.StartedAt, r.Progress = "", 0, nil
	e.wait(r, conditions, timeout, true)
	e.enqueue(r, e.now)
}

// spent counts usage.
func (e *Engine) spent(missionType, unit string, n float64) {
	if n == 0 {
		return
	}
	for _, name := range []string{missionType, ""} {
		t := e.totals(name)
		if t.Usage = counted(t.Usage, unit, n); t.Usage[unit] == 0 {
			continue
		}
		e.point(PointKey{Minutes, name, minuteOf(e.now)}, func(p *Point) { p.Usage = counted(p.Usage, unit, n) })
	}
}

// counted returns usage with more of a unit, as far as units are counted. The one given stays as it is.
func counted(u missions.Usage, unit string, n float64) missions.Usage {
	if _, known := u[unit]; !known && len(u) >= missions.MaxCountedUnits {
		return u
	}
	more := make(missions.Usage, len(u)+1)
	maps.Copy(more, u)
	more[unit] += n
	return more
}
