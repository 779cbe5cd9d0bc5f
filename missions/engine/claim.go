package engine

import (
	"fmt"
	"slices"

	"missioncontrol/missions"
)

// Claim gives an agent missions. See [missions.Leases]. It needs what NeedClaims says.
func (e *Engine) Claim(q *missions.ClaimRequest) missions.ClaimResult {
	if err := e.claimer(q); err != nil {
		return missions.ClaimResult{Err: err}
	}
	if q.Alive {
		e.signOfLife(e.editAgent(q.AgentID), "claimed again")
	}
	result := missions.ClaimResult{Types: e.typesOf(q), Missions: []missions.Mission{}}
	if e.hasTurns(result.Types) {
		e.claimByTurn(q, &result)
		return result
	}
	most := min(max(q.Max, 0), maxHeads)
	candidates := e.candidates(result.Types, most)
	size := 0
	for i, head := range candidates {
		r := e.records.get(head.ID)
		if r != nil && e.leases[r.Seq] != nil { // what is stored is older than its lease
			result.More = true
			continue
		}
		if r == nil && e.records.absent[head.ID] || r != nil && !r.Ready { // a commit was broken off halfway
			e.misplaced(result.Types, head)
			result.More = true
			continue
		}
		if size += head.Size; q.MaxBytes > 0 && size > q.MaxBytes && i > 0 || r == nil || !e.complete(r) {
			result.More = true
			break
		}
		result.Missions = append(result.Missions, e.give(e.records.edit(head.ID), q))
	}
	for _, missionType := range result.Types { // claims before it in the step took what was loaded
		result.More = result.More || len(result.Missions) < most && !e.queue(missionType).all
	}
	return result
}

// misplaced takes a mission out of a queue in which it should not be, whichever of some types'
// that is.
func (e *Engine) misplaced(types []string, head Head) {
	for _, missionType := range types {
		if q := e.queue(missionType); slices.Contains(q.list, head) {
			q.remove(head)
			e.changes.Misplaced = append(e.changes.Misplaced, Misplaced{Queue: missionType, Rank: head.Rank, Seq: head.Seq, ID: head.ID})
		}
	}
}

// claimer returns why an agent may not claim.
func (e *Engine) claimer(q *missions.ClaimRequest) error {
	a := e.agents[q.AgentID]
	switch {
	case a == nil:
		return missions.NotFound("registered agent", q.AgentID)
	case a.Left:
		return missions.Conflict("agent %q has left; it must register to come back", q.AgentID)
	case a.State == missions.Draining:
		return missions.Conflict("agent %q is draining and takes no more missions", q.AgentID)
	}
	return nil
}

func (e *Engine) typesOf(q *missions.ClaimRequest) []string {
	if len(q.Types) > 0 {
		return q.Types
	}
	return e.agents[q.AgentID].Types
}

// candidates returns the best claimable missions of several types, in order.
func (e *Engine) candidates(types []string, most int) []Head {
	var all []Head
	for _, missionType := range types {
		list := e.queue(missionType).list
		all = append(all, list[:min(len(list), most)]...)
	}
	if len(types) > 1 {
		slices.SortFunc(all, compareHeads)
		all = slices.Compact(all) // a type may be named twice
	}
	return all[:min(len(all), most)]
}

// give makes an agent the holder of a claimable mission.
func (e *Engine) give(r *Record, q *missions.ClaimRequest) missions.Mission {
	e.tookQueue(r.Type, e.now.Sub(r.ReadyAt))
	e.started(e.limitsOf(r.Type, r.limits()))
	if r.Flow != nil && r.Flow.Queued {
		e.leaveLane(r, true)
	}
	e.unqueue(r)
	e.marks.Token++
	r.Token = e.marks.Token
	r.Attempt++
	r.AgentID = missions.Text(q.AgentID)
	r.StartedAt, r.NextAttemptAt = e.now, 0
	reason := fmt.Sprintf("claimed by agent %s, attempt %d of %d", q.AgentID, r.Attempt, r.MaxAttempts)
	if err := e.move(r, missions.Claim, reason); err != nil {
		panic(fmt.Sprintf("mission %q is in a queue: %v", r.ID, err))
	}
	e.hold(Lease{
		Seq: r.Seq, MissionID: r.ID, Type: r.Type, AgentID: q.AgentID, Token: r.Token,
		ExpiresAt: e.now.Add(q.Lease), EndsAt: after(e.now, r.Timeout()), StallsAt: after(e.now, r.Stall()),
		Key: r.key(), Limits: r.limits(), Signal: r.Flow.unseen(),
	})
	m := e.output(r)
	m.Lease = r.Token
	if m.Flow != nil {
		m.Flow.Signals = slices.DeleteFunc(m.Flow.Signals, func(s missions.Signal) bool { return s.SeenAt != 0 })
	}
	return m
}
