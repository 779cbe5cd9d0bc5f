package check

import "fmt"

// returned checks guarantee 6: what an agent held when it was killed came back
// without the agent.
func (x *index) returned() {
	for _, f := range x.Faults {
		if f.Kind != KindKillAgent {
			continue
		}
		for id, claims := range x.claims {
			for _, c := range claims {
				if c.Who == f.Target && x.heldAt(c, f.From) {
					x.cameBack(id, c)
				}
			}
		}
	}
}

// heldAt reports whether an agent still held at a time what a claim gave it: it had
// not begun to end it, and no agent had been given it since.
func (x *index) heldAt(c *step, at int64) bool {
	if c.Told == 0 || c.Told > at {
		return false
	}
	for _, op := range []string{"agent.complete", "agent.fail", "agent.release"} {
		for _, s := range x.of(c.mission, op) {
			if s.lease == c.lease && s.Who == c.Who && s.Asked < at {
				return false
			}
		}
	}
	for _, other := range x.claims[c.mission] {
		if other.lease > c.lease && other.Asked < at {
			return false
		}
	}
	return x.lives(c.mission) < 2
}

// cameBack looks for the event that ends the attempt that a claim began.
func (x *index) cameBack(id string, c *step) {
	began := false
	for _, e := range x.events[id] {
		p := &e.Payload
		switch {
		case e.Type != statusChanged:
		case p.NewStatus == running:
			// Released attempts are given again with the same number: the last one
			// counts.
			began = p.AgentID == c.Who && p.Attempt == c.published.Attempt
		case began && p.OldStatus == running:
			if p.NewStatus == completed {
				x.violated(6, id, fmt.Sprintf("agent %s was killed with attempt %d of mission %s, which then was completed", c.Who, c.published.Attempt, id))
			}
			if p.Reason == "" {
				x.violated(6, id, fmt.Sprintf("mission %s came back from agent %s, which was killed, and no reason is given", id, c.Who))
			}
			return
		}
	}
	x.violated(6, id, fmt.Sprintf("agent %s was killed with attempt %d of mission %s, which never came back", c.Who, c.published.Attempt, id))
}
