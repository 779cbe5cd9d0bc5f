package check

import (
	"fmt"
	"maps"
	"slices"
)

// held checks guarantee 3: only the newest lease changes a running mission.
func (x *index) held() {
	for id := range x.steps {
		x.leasesDiffer(id)
		x.staleIsRefused(id)
		x.givenBackIsRefused(id)
		x.oneResult(id)
	}
	for _, id := range slices.Sorted(maps.Keys(x.events)) {
		x.holderEndsIt(id)
	}
}

// leasesDiffer: no lease is given twice.
func (x *index) leasesDiffer(id string) {
	byLease := map[int64]*step{}
	for _, s := range x.claims[id] {
		if s.lease <= 0 {
			x.violated(3, id, fmt.Sprintf("agent %s was given mission %s without a lease", s.Who, id))
		}
		if other := byLease[s.lease]; other != nil {
			x.violated(3, id, fmt.Sprintf("lease %d of mission %s was given to agent %s and to agent %s", s.lease, id, other.Who, s.Who))
		}
		byLease[s.lease] = s
		for _, other := range x.claims[id] {
			if other.Told < s.Asked && other.lease > s.lease {
				x.violated(3, id, fmt.Sprintf("mission %s was given under lease %d after it had been given under lease %d", id, s.lease, other.lease))
			}
		}
	}
}

// underLease are an agent's requests under a lease.
var underLease = []string{"agent.complete", "agent.fail", "agent.release", "agent.progress", "agent.log", "agent.create", "agent.signals", "agent.inputs"}

// givenBackIsRefused: a lease ends with the release or the failure that is confirmed.
func (x *index) givenBackIsRefused(id string) {
	if x.lives(id) > 1 {
		return
	}
	for _, end := range append(x.confirmed(id, "agent.release"), x.confirmed(id, "agent.fail")...) {
		for _, op := range underLease {
			for _, s := range x.confirmed(id, op) {
				if s.lease == end.lease && s.Who == end.Who && s.Asked > end.Told && !(op == "agent.fail" && s.error == end.error) {
					x.violated(3, id, fmt.Sprintf("%s by agent %s under lease %d of mission %s was accepted, which %s had ended", op, s.Who, s.lease, id, end.Op))
				}
			}
		}
	}
}

// staleIsRefused: an agent's report under a lease is accepted only if the lease is
// its own, and no newer one was given before the agent sent the report.
func (x *index) staleIsRefused(id string) {
	if x.lives(id) > 1 {
		return
	}
	for _, op := range underLease {
		for _, s := range x.confirmed(id, op) {
			mine := false
			for _, c := range x.claims[id] {
				mine = mine || c.Who == s.Who && c.lease == s.lease
				if c.lease > s.lease && (c.Told < s.Asked || op == "agent.complete") && !x.saidBefore(s, c) {
					x.violated(3, id, fmt.Sprintf("%s by agent %s under lease %d of mission %s was accepted, although agent %s held lease %d",
						op, s.Who, s.lease, id, c.Who, c.lease))
				}
			}
			if !mine {
				x.violated(3, id, fmt.Sprintf("%s by agent %s under lease %d of mission %s was accepted, and it never was given that lease", op, s.Who, s.lease, id))
			}
		}
	}
}

// saidBefore reports whether the agent may have sent the same report while it was
// still the holder, so that this is the answer to a repeated request. A completion
// ends a mission: no newer lease is given after it.
func (x *index) saidBefore(s, newer *step) bool {
	if s.Op != "agent.fail" {
		return false
	}
	for _, earlier := range x.possible(s.mission, s.Op) {
		if earlier != s && earlier.Who == s.Who && earlier.lease == s.lease && earlier.error == s.error && earlier.Asked < newer.Told {
			return true
		}
	}
	return false
}

// oneResult: at most one completion is accepted, and its result is the one stored.
func (x *index) oneResult(id string) {
	if x.lives(id) > 1 {
		return
	}
	accepted := x.confirmed(id, "agent.complete")
	for _, s := range accepted {
		first := accepted[0]
		if s.Who != first.Who || s.lease != first.lease || !same(s.result, first.result) {
			x.violated(3, id, fmt.Sprintf("mission %s was completed by agent %s under lease %d with %s, and by agent %s under lease %d with %s",
				id, first.Who, first.lease, first.result, s.Who, s.lease, s.result))
		}
	}
	stored, there := x.Missions[id]
	if !there || stored.Status != completed {
		return
	}
	known := accepted
	if len(known) == 0 {
		known = x.possible(id, "agent.complete")
	}
	for _, s := range known {
		if same(s.result, stored.Result) && s.Who == stored.AgentID {
			x.newestCompleted(id, s)
			return
		}
	}
	x.violated(3, id, fmt.Sprintf("the result %s of agent %q is stored for mission %s, which is none that may have been accepted", stored.Result, stored.AgentID, id))
}

// newestCompleted: a completed mission was completed under its newest lease.
func (x *index) newestCompleted(id string, s *step) {
	for _, c := range x.claims[id] {
		if c.lease > s.lease {
			x.violated(3, id, fmt.Sprintf("the result of lease %d is stored for mission %s, although agent %s was given lease %d", s.lease, id, c.Who, c.lease))
			return
		}
	}
	if row, there := x.Table[id]; there && row.Lease != s.lease {
		x.violated(3, id, fmt.Sprintf("the result of lease %d is stored for mission %s, whose newest lease is %d", s.lease, id, row.Lease))
	}
}

// holderEndsIt: the agent that completes a mission is the one that claimed it last.
func (x *index) holderEndsIt(id string) {
	holder := ""
	for _, e := range x.events[id] {
		switch {
		case e.Type != statusChanged:
		case e.Payload.NewStatus == running:
			holder = e.Payload.AgentID
		case e.Payload.NewStatus == completed && e.Payload.AgentID != holder:
			x.violated(3, id, fmt.Sprintf("the events of mission %s say that agent %q completed what agent %q held", id, e.Payload.AgentID, holder))
		}
	}
}
