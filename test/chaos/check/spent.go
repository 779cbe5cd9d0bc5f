package check

import (
	"fmt"
	"math"
)

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
