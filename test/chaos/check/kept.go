package check

import (
	"fmt"
	"math"
)

// kept checks guarantee 11 for what agents are given with a mission: its checkpoint, its turn and what
// it waited for.
func (x *index) kept() {
	for id, claims := range x.claims {
		if x.lives(id) > 1 {
			continue
		}
		for _, c := range claims {
			x.checkpointIsTheLast(id, c)
			x.inputsAreReal(id, c)
		}
		x.turnsCount(id)
	}
}

// report is something that may have set a checkpoint.
type report struct {
	*step
	checkpoint string // "" if it clears it
}

// checkpointReports returns what may have set the checkpoint of a mission before a lease was given.
func (x *index) checkpointReports(id string, c *step) (all []report) {
	for _, op := range []string{"agent.progress", "agent.fail", "agent.release"} {
		for _, s := range x.possible(id, op) {
			if !empty(s.asked.Checkpoint) && s.lease < c.lease && s.Asked < c.Told {
				all = append(all, report{s, string(s.asked.Checkpoint)})
			}
		}
	}
	for _, s := range x.possible(id, "missions.retry") {
		if s.fresh && s.Asked < c.Told {
			all = append(all, report{s, ""})
		}
	}
	return all
}

// checkpointIsTheLast: an agent is given the checkpoint that was confirmed last. Only what was asked
// later, or has no answer, may have replaced it.
func (x *index) checkpointIsTheLast(id string, c *step) {
	all := x.checkpointReports(id, c)
	given := ""
	if !empty(c.published.Checkpoint) {
		given = string(c.published.Checkpoint)
	}
	none := true // whether it may have none
	for _, r := range all {
		last := true
		for _, later := range all {
			if later.outcome == OK && later.Told < c.Asked && r.by() < later.Asked {
				last = false
			}
		}
		if last && (r.checkpoint == given || r.checkpoint != "" && given != "" && same(r.asked.Checkpoint, c.published.Checkpoint)) {
			return
		}
		none = none && !(r.outcome == OK && r.Told < c.Asked && r.checkpoint != "")
	}
	if given == "" && none {
		return
	}
	if given == "" {
		given = "none"
	}
	x.violated(11, id, fmt.Sprintf("agent %s was given lease %d of mission %s with the checkpoint %s, which is not the last", c.Who, c.lease, id, short([]byte(given))))
}

// turnsCount: a turn is the number of times that a mission was claimed.
func (x *index) turnsCount(id string) {
	claims := x.claims[id]
	for _, c := range claims {
		known := 0 // up to this one
		for _, other := range claims {
			if other.lease <= c.lease {
				known++
			}
			if other.lease < c.lease && other.published.Turn >= c.published.Turn {
				x.violated(11, id, fmt.Sprintf("leases %d and %d of mission %s are its turns %d and %d", other.lease, c.lease, id, other.published.Turn, c.published.Turn))
			}
		}
		if c.published.Turn < known {
			x.violated(11, id, fmt.Sprintf("lease %d of mission %s is its turn %d, and it was given %d times by then", c.lease, id, c.published.Turn, known))
		}
	}
	stored, there := x.Missions[id]
	if !there {
		return
	}
	turns := 0
	for _, e := range x.events[id] {
		if e.Type == statusChanged && e.Payload.NewStatus == running {
			turns++
		}
	}
	if stored.Turn != turns {
		x.violated(11, id, fmt.Sprintf("mission %s has had %d turns, and the stream has %d claims", id, stored.Turn, turns))
	}
}

// inputsAreReal: an agent is told how the sources of a mission ended.
func (x *index) inputsAreReal(id string, c *step) {
	for source, in := range c.published.Inputs {
		if len(x.events[source]) == 0 || x.lives(source) > 1 { // a batch
			continue
		}
		real := false
		for _, e := range x.ends(source, 0, theEnd) {
			real = real || e.Payload.NewStatus == in.Status
		}
		if !real {
			x.violated(11, id, fmt.Sprintf("lease %d of mission %s has the input %s, which is %s, and that never was", c.lease, id, source, in.Status))
		}
		stored, there := x.Missions[source]
		if there && in.Status == completed && !empty(in.Result) && !same(in.Result, stored.Result) {
			x.violated(11, id, fmt.Sprintf("lease %d of mission %s has the result %s of mission %s, which has the result %s", c.lease, id, in.Result, source, stored.Result))
		}
	}
}

// spent checks guarantee 11 for usage: the sum over the turns of what was reported last.
func (x *index) spent() {
	least, most := map[string]float64{}, map[string]float64{}
	for id := range x.steps {
		low, high := x.used(id, math.MaxInt64)
		for unit := range high {
			least[unit] += low[unit]
			most[unit] += high[unit]
		}
		if stored, there := x.Missions[id]; there && x.lives(id) == 1 {
			for _, unit := range units(high, stored.Usage) {
				if n := stored.Usage[unit]; n < low[unit]-rounding || n > high[unit]+rounding {
					x.violated(11, id, fmt.Sprintf("mission %s has used %g %s, and between %g and %g were reported", id, n, unit, low[unit], high[unit]))
				}
			}
		}
		x.stopsWhenExceeded(id)
	}
	if x.Usage == nil {
		return
	}
	for _, unit := range units(most, x.Usage) {
		if n := x.Usage[unit]; n < least[unit]-rounding || n > most[unit]+rounding {
			x.violated(11, "", fmt.Sprintf("the statistics count %g %s, and between %g and %g were reported", n, unit, least[unit], most[unit]))
		}
	}
}

// rounding is how much sums of amounts may differ.
const rounding = 1e-6

func units(a, b map[string]float64) (all []string) {
	for unit := range a {
		all = append(all, unit)
	}
	for unit := range b {
		if _, there := a[unit]; !there {
			all = append(all, unit)
		}
	}
	return all
}

// used returns what a mission has used, under leases up to one, at least and at most.
func (x *index) used(id string, upTo int64) (least, most map[string]float64) {
	type turn struct {
		lease int64
		unit  string
	}
	low, high := map[turn]float64{}, map[turn]float64{}
	for _, op := range []string{"agent.progress", "agent.complete", "agent.fail", "agent.release"} {
		for _, s := range x.possible(id, op) {
			for unit, n := range s.asked.Usage {
				if t := (turn{s.lease, unit}); s.lease <= upTo {
					high[t] = max(high[t], n)
					if s.outcome == OK {
						low[t] = max(low[t], n)
					}
				}
			}
		}
	}
	least, most = map[string]float64{}, map[string]float64{}
	for t, n := range low {
		least[t.unit] += n
	}
	for t, n := range high {
		most[t.unit] += n
	}
	return least, most
}

// maximum returns what a mission may use, if no answer can have raised that.
func (x *index) maximum(id string) (most map[string]float64, ask bool) {
	for _, s := range x.possible(id, "missions.create") {
		most, ask = s.asked.MaxUsage, s.asked.OnExceeded == exceededAsk
	}
	for _, s := range x.possible(id, "missions.signal") {
		if s.asked.Name == "budget" {
			return nil, ask
		}
	}
	return most, ask
}

// stopsWhenExceeded: the report that exceeds the maximum ends the attempt.
func (x *index) stopsWhenExceeded(id string) {
	most, _ := x.maximum(id)
	if len(most) == 0 || x.lives(id) != 1 {
		return
	}
	for _, s := range x.confirmed(id, "agent.progress") {
		before, _ := x.used(id, s.lease-1)
		exceeds := false
		for unit, n := range s.asked.Usage {
			limit, there := most[unit]
			exceeds = exceeds || there && before[unit]+n > limit+rounding
		}
		if exceeds {
			x.nothingAfter(id, s)
		}
	}
}

// nothingAfter: a report ended the attempt.
func (x *index) nothingAfter(id string, s *step) {
	for _, op := range underLease {
		for _, later := range x.confirmed(id, op) {
			if later.lease == s.lease && later.Asked > s.Told {
				x.violated(11, id, fmt.Sprintf("%s under lease %d of mission %s was accepted after it had used more than its maximum", op, s.lease, id))
			}
		}
	}
}

// mayHaveExceeded reports whether a mission may have used more than its maximum.
func (x *index) mayHaveExceeded(m *Mission) bool {
	limit := m.MaxUsage
	if m.OnExceeded == exceededAsk {
		return false
	}
	_, most := x.used(m.ID, math.MaxInt64)
	for unit, n := range limit {
		if most[unit] > n-rounding {
			return true
		}
	}
	return false
}
