package engine

import (
	"fmt"
	"slices"
	"strconv"

	"missioncontrol/missions"
)

// asks returns the member of a mission of the set of those that wait for a signal, "" for none.
func (r *Record) asks() string {
	if r == nil || !r.waits() || r.kinds()&(1<<slices.Index(missions.WaitKinds(), missions.WaitSignal)) == 0 {
		return ""
	}
	return inOrder(int64(r.Flow.Since), r.ID)
}

// nearMaximum returns the member of a living mission of the set of those that have a maximum and have
// used some of it, "" for none.
func (r *Record) nearMaximum() string {
	if r == nil || r.Flow == nil || len(r.Flow.MaxUsage) == 0 || r.Status.Terminal() {
		return ""
	}
	used, highest := r.Flow.used(), 0.0
	for unit, most := range r.Flow.MaxUsage {
		if used[unit] > 0 {
			highest = max(highest, used[unit]/max(most, 1e-9))
		}
	}
	if highest == 0 {
		return ""
	}
	return fmt.Sprintf("%04x:%s", mostRatio-int(min(100*highest, mostRatio)), r.ID)
}

// mostRatio is the highest ratio that is told from higher ones, in hundredths.
const mostRatio = 0xffff

// fromSets takes from the sets the oldest wait for a signal, and the highest ratio of a usage.
func (h *History) fromSets(asks, budgets []string, now missions.Time) {
	if len(asks) > 0 {
		if since, err := strconv.ParseInt(asks[0][:16], 16, 64); err == nil {
			waited := max(0, now.Sub(missions.Time(since)).Seconds())
			h.SignalWait = &waited
		}
	}
	if len(budgets) > 0 {
		if n, err := strconv.ParseInt(budgets[0][:4], 16, 64); err == nil {
			ratio := float64(mostRatio-n) / 100
			h.UsageRatio, h.UsageMission = &ratio, budgets[0][5:]
		}
	}
}

// SetsOfStatistics are what statistics of all missions need of sets.
func SetsOfStatistics() []Range {
	return []Range{{Set: setAsks, Limit: 1}, {Set: setBudgets, Limit: 1}}
}
