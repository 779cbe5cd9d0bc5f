package engine

import (
	"time"

	"missioncontrol/missions"
)

// maxShifted bounds how many missions in back-off follow a step of the clock.
const maxShifted = 4096

// NeedShift adds what [Engine.Shift] needs.
func (e *Engine) NeedShift(n *Need) {
	if !e.planned.has(maxShifted) {
		n.Planned = maxShifted
		return
	}
	for _, p := range e.planned.list[:min(len(e.planned.list), maxShifted)] {
		e.NeedMissions(n, p.ID)
	}
	e.needShiftKeys(n)
}

// Shift follows a step of the clock: what lasts for some time lasts as long as before, which
// is leases, timeouts, stall limits, the silence of agents, back-offs, for_seconds of unique keys and prefer_seconds. What is due at a
// time of day, such as deadline and not_before, stays where it is. The batch has the time
// after the step. It needs what NeedShift says.
func (e *Engine) Shift(by time.Duration) {
	e.receipts.shift(e.now, by)
	e.shiftKeys(by)
	e.wakesFrom, e.dueFrom = 0, 0 // they are looked at again
	e.shiftLimits(by)
	for _, l := range e.leases {
		shifted := *l
		for _, at := range []*missions.Time{&shifted.ExpiresAt, &shifted.EndsAt, &shifted.StallsAt} {
			if *at != 0 {
				*at = at.Add(by)
			}
		}
		e.hold(shifted)
	}
	for id, known := range e.agents {
		if known.State != missions.Offline {
			a := e.editAgent(id)
			a.LastHeartbeat = a.LastHeartbeat.Add(by)
			e.silent.set(id, a.due())
		}
	}
	var waiting []string
	for _, p := range e.planned.list[:min(len(e.planned.list), maxShifted)] {
		if r := e.records.get(p.ID); r != nil && (r.NextAttemptAt != 0 || r.waits() && r.Flow.Until != 0 || r.withheld()) {
			waiting = append(waiting, p.ID)
		}
	}
	for _, id := range waiting {
		r := e.records.edit(id)
		if r.withheld() {
			e.shiftPreference(r, by)
			continue
		}
		from := r.ReadyAt.Add(by)
		if e.unqueue(r); r.waits() {
			r.Flow.Until = r.Flow.Until.Add(by)
		}
		e.enqueue(r, from)
	}
}
