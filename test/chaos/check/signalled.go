package check

import (
	"encoding/json"
	"fmt"
)

// signalled checks guarantee 11 for signals: each that was accepted is stored once, in order, and stays
// until an agent has seen it or the mission begins anew.
func (x *index) signalled() {
	for id := range x.steps {
		if x.lives(id) > 1 {
			continue
		}
		x.signalsCount(id)
		x.acceptedIsTold(id)
		x.signalsAreOnce(id)
		x.signalsAreStored(id)
	}
	seen := x.acknowledgements()
	for id, claims := range x.claims {
		for _, c := range claims {
			x.unseenAreGiven(id, c, seen[id])
		}
		x.unseenAreRead(id)
		x.seenIsSaid(id, seen[id])
	}
}

// signalsCount: the events of a mission's signals count from 1, and each is seen at most once; a
// retried mission begins anew.
func (x *index) signalsCount(id string) {
	last := 0
	seen := map[int]bool{}
	for _, e := range x.events[id] {
		p := &e.Payload
		switch {
		case e.Type == statusChanged && terminal(p.OldStatus):
			last = 0
			clear(seen)
		case e.Type == missionSignalled:
			if p.Seq != last+1 {
				x.violated(11, id, fmt.Sprintf("message %d: signal %d of mission %s comes after signal %d", e.Seq, p.Seq, id, last))
			}
			last = p.Seq
		case e.Type == signalSeen:
			if p.Seq > last || seen[p.Seq] {
				x.violated(11, id, fmt.Sprintf("message %d: signal %d of mission %s is seen, which has %d (seen before: %v)", e.Seq, p.Seq, id, last, seen[p.Seq]))
			}
			seen[p.Seq] = true
		}
	}
}

// acceptedIsTold: an accepted signal has its event.
func (x *index) acceptedIsTold(id string) {
	type signal struct {
		seq  int
		name string
	}
	told := map[signal]int{}
	names := map[string]int{}
	for _, e := range x.events[id] {
		if e.Type == missionSignalled {
			told[signal{e.Payload.Seq, e.Payload.Name}]++
			names[e.Payload.Name]++
		}
	}
	for _, s := range x.confirmed(id, "missions.signal") {
		if told[signal{s.seq, s.asked.Name}] == 0 {
			x.violated(11, id, fmt.Sprintf("signal %q of mission %s was accepted as its signal %d, and no event tells so", s.asked.Name, id, s.seq))
		}
	}
	if x.retried(id) {
		return // the same signal_id is accepted again
	}
	asked := map[string]int{}
	ids := map[string]bool{}
	for _, s := range x.possible(id, "missions.signal") {
		if s.signalID == "" || !ids[s.signalID] {
			asked[s.asked.Name]++
			ids[s.signalID] = true
		}
	}
	for name, n := range names {
		if n > asked[name] {
			x.violated(11, id, fmt.Sprintf("mission %s has %d signals %q, and %d were sent", id, n, name, asked[name]))
		}
	}
}

func (x *index) retried(id string) bool {
	for _, e := range x.events[id] {
		if e.Type == statusChanged && terminal(e.Payload.OldStatus) {
			return true
		}
	}
	return false
}

// signalsAreOnce: signals are numbered in the order of their requests, a repeated request is not
// another signal, and another one is.
func (x *index) signalsAreOnce(id string) {
	if x.retried(id) {
		return
	}
	all := x.confirmed(id, "missions.signal")
	for i, s := range all {
		for _, other := range all[:i] {
			again := s.signalID != "" && s.signalID == other.signalID
			switch {
			case again != (s.seq == other.seq):
				x.violated(11, id, fmt.Sprintf("the signals %q and %q of mission %s were accepted as its signals %d and %d", s.signalID, other.signalID, id, s.seq, other.seq))
			case !again && (s.Told < other.Asked && s.seq > other.seq && !x.repeats(other) || other.Told < s.Asked && other.seq > s.seq && !x.repeats(s)):
				x.violated(11, id, fmt.Sprintf("signals %d and %d of mission %s were accepted in another order", s.seq, other.seq, id))
			}
		}
	}
}

// repeats reports whether a signal may have been sent before.
func (x *index) repeats(s *step) bool {
	for _, other := range x.possible(s.mission, "missions.signal") {
		if other != s && s.signalID != "" && other.signalID == s.signalID {
			return true
		}
	}
	return false
}

// signalsAreStored: in the end a mission has the signals that were accepted.
func (x *index) signalsAreStored(id string) {
	stored, there := x.Missions[id]
	if !there || x.retried(id) {
		return
	}
	for i := range stored.Signals {
		if stored.Signals[i].Seq != i+1 {
			x.violated(11, id, fmt.Sprintf("signal %d of mission %s is in the place of signal %d", stored.Signals[i].Seq, id, i+1))
			return
		}
	}
	for _, s := range x.confirmed(id, "missions.signal") {
		if s.seq < 1 || s.seq > len(stored.Signals) {
			x.violated(11, id, fmt.Sprintf("signal %d (%q) of mission %s was accepted, and it is not there", s.seq, s.asked.Name, id))
			continue
		}
		is := &stored.Signals[s.seq-1]
		if is.Name != s.asked.Name || !empty(is.Data) && !same(is.Data, s.asked.Data) {
			x.violated(11, id, fmt.Sprintf("signal %d of mission %s was accepted as %q %s, and is %q %s", s.seq, id, s.asked.Name, s.asked.Data, is.Name, is.Data))
		}
	}
}

// seenBy is an acknowledgement of the signals of a mission up to one.
type seenBy struct {
	*step
	lease int64
	upTo  int
}

// acknowledgements returns what agents' heartbeats acknowledge, by mission.
func (x *index) acknowledgements() map[string][]seenBy {
	all := map[string][]seenBy{}
	for _, s := range x.byOp["agent.heartbeat"] {
		var request struct {
			Running []struct {
				Mission string `json:"mission_id"`
				Lease   int64  `json:"lease"`
				Seen    int    `json:"seen"`
			} `json:"running"`
		}
		_ = json.Unmarshal(s.Request, &request) // none
		for _, h := range request.Running {
			if h.Seen > 0 && s.outcome != Refused {
				all[h.Mission] = append(all[h.Mission], seenBy{s, h.Lease, h.Seen})
			}
		}
	}
	return all
}

// unseenAreGiven: a claimed mission carries the signals that no agent has acknowledged.
func (x *index) unseenAreGiven(id string, c *step, seen []seenBy) {
	if x.lives(id) != 1 || x.retried(id) {
		return
	}
	given := map[int]bool{}
	for _, s := range c.published.Signals {
		given[s.Seq] = true
	}
	for _, s := range x.confirmed(id, "missions.signal") {
		may := s.Told >= c.Asked || given[s.seq]
		for _, h := range seen {
			may = may || h.upTo >= s.seq && h.Asked < c.Told
		}
		if !may {
			x.violated(11, id, fmt.Sprintf("agent %s was given lease %d of mission %s without signal %d, which no agent has acknowledged", c.Who, c.lease, id, s.seq))
		}
	}
}

// unseenAreRead: who reads the signals of a mission gets those that were accepted before.
func (x *index) unseenAreRead(id string) {
	if x.lives(id) != 1 || x.retried(id) {
		return
	}
	for _, read := range x.confirmed(id, "agent.signals") {
		var request struct {
			After int `json:"after"`
		}
		var reply struct {
			Signals []Signal `json:"signals"`
			More    bool     `json:"more"`
		}
		_ = json.Unmarshal(read.Request, &request) // from the first
		_ = json.Unmarshal(read.Reply, &reply)     // none
		last := request.After
		for _, s := range reply.Signals {
			if s.Seq != last+1 {
				x.violated(11, id, fmt.Sprintf("the signals of mission %s are read with %d after %d", id, s.Seq, last))
			}
			last = s.Seq
		}
		for _, s := range x.confirmed(id, "missions.signal") {
			if s.Told < read.Asked && s.seq > last && !reply.More {
				x.violated(11, id, fmt.Sprintf("signal %d of mission %s was accepted, and is not among those that agent %s reads", s.seq, id, read.Who))
			}
		}
	}
}

// seenIsSaid: a signal counts as seen if the agent has acknowledged it while it held the mission.
func (x *index) seenIsSaid(id string, seen []seenBy) {
	for _, e := range x.events[id] {
		if e.Type != signalSeen {
			continue
		}
		said := false
		for _, h := range seen {
			said = said || h.Who == e.Payload.AgentID && h.upTo >= e.Payload.Seq
		}
		if !said {
			x.violated(11, id, fmt.Sprintf("message %d: agent %s is said to have seen signal %d of mission %s, and never said so", e.Seq, e.Payload.AgentID, e.Payload.Seq, id))
		}
	}
	stored, there := x.Missions[id]
	if !there || x.retried(id) {
		return
	}
	created := int64(0) // the ID of a deleted mission may be used again
	for _, e := range x.events[id] {
		if e.Type == missionCreated {
			created = max(created, e.Position)
		}
	}
	told := map[int]bool{}
	for _, e := range x.events[id] {
		if e.Type == signalSeen && e.Position > created {
			told[e.Payload.Seq] = true
		}
	}
	for _, s := range stored.Signals {
		if told[s.Seq] != (s.SeenAt != 0) {
			x.violated(11, id, fmt.Sprintf("signal %d of mission %s was seen at %f, and by its events: %v", s.Seq, id, s.SeenAt, told[s.Seq]))
		}
	}
}
