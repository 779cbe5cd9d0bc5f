package check

import "fmt"

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
		happened := false
		for _, e := range x.ends(source, 0, theEnd) {
			happened = happened || e.Payload.NewStatus == in.Status
		}
		if !happened {
			x.violated(11, id, fmt.Sprintf("lease %d of mission %s has the input %s, which is %s, and that never was", c.lease, id, source, in.Status))
		}
		stored, there := x.Missions[source]
		if there && in.Status == completed && !empty(in.Result) && !same(in.Result, stored.Result) {
			x.violated(11, id, fmt.Sprintf("lease %d of mission %s has the result %s of mission %s, which has the result %s", c.lease, id, in.Result, source, stored.Result))
		}
	}
}
