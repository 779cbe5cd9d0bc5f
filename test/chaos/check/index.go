package check

import (
	"encoding/json"
	"math"
)

// step is one mission's part of a call: batches are split.
type step struct {
	*Call
	mission   string
	outcome   Outcome // of this part
	code      string  // of its refusal
	asked     Mission // of a create
	published Mission // the mission in the answer
	created   bool    // whether the answer to a create says created

	lease     int64 // in agents' reports on missions they hold
	result    json.RawMessage
	error     string
	retryable bool
	message   string
}

// by returns the time before which a step was carried out, if it was.
func (s *step) by() int64 {
	if s.outcome == Unknown {
		return math.MaxInt64 // the request may still be on its way
	}
	return s.Told
}

// index is the evidence, by mission.
type index struct {
	*Evidence
	steps    map[string][]*step  // by mission, in no order
	byOp     map[string][]*step  // by operation
	claims   map[string][]*step  // by mission: what agents were told that they hold
	events   map[string][]*Event // by mission, in the stream's order
	problems []Violation
}

func (x *index) violated(guarantee int, mission, what string) {
	x.problems = append(x.problems, Violation{Guarantee: guarantee, Mission: mission, What: what})
}

func newIndex(e *Evidence) *index {
	x := &index{Evidence: e, steps: map[string][]*step{}, byOp: map[string][]*step{},
		claims: map[string][]*step{}, events: map[string][]*Event{}}
	for i := range e.Calls {
		for _, s := range steps(&e.Calls[i]) {
			x.byOp[s.Op] = append(x.byOp[s.Op], s)
			if s.mission != "" {
				x.steps[s.mission] = append(x.steps[s.mission], s)
				if s.Op == "agent.claim" {
					x.claims[s.mission] = append(x.claims[s.mission], s)
				}
			}
		}
	}
	for i := range e.Events {
		if id := e.Events[i].Payload.MissionID; id != "" {
			x.events[id] = append(x.events[id], &e.Events[i])
		}
	}
	return x
}

// of returns a mission's steps of one operation.
func (x *index) of(mission, op string) (some []*step) {
	for _, s := range x.steps[mission] {
		if s.Op == op {
			some = append(some, s)
		}
	}
	return some
}

// item is one request of a batch, or the only one.
type item struct {
	Mission

	MissionID string `json:"mission_id"`
	Retryable *bool  `json:"retryable"`
	Message   string `json:"message"`
}

// answer is one answer of a batch, or the only one.
type answer struct {
	Mission *Mission `json:"mission"`
	Created bool     `json:"created"`
	Error   *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// steps splits a call.
func steps(c *Call) []*step {
	switch c.Op {
	case "agent.claim":
		return claimed(c)
	case "agent.register", "agent.heartbeat", "agent.leave", "health", "status", "agents", "missions.list", "missions.stats":
		return []*step{{Call: c, outcome: c.Outcome, code: c.Code}}
	}
	var request struct {
		item
		Missions []item `json:"missions"`
		Results  []item `json:"results"`
	}
	if json.Unmarshal(c.Request, &request) != nil {
		return nil
	}
	items := append(request.Missions, request.Results...)
	batch := len(items) > 0
	if !batch {
		items = []item{request.item}
	}
	var reply struct {
		answer
		Results []answer `json:"results"`
	}
	_ = json.Unmarshal(c.Reply, &reply) // a call without an answer has none
	all := make([]*step, len(items))
	for i, it := range items {
		replied := reply.answer
		if batch {
			replied = answer{}
			if i < len(reply.Results) {
				replied = reply.Results[i]
			}
		}
		all[i] = newStep(c, &it, &replied)
	}
	return all
}

func newStep(c *Call, it *item, replied *answer) *step {
	s := &step{Call: c, mission: it.MissionID, outcome: c.Outcome, code: c.Code, asked: it.Mission, created: replied.Created,
		lease: it.Lease, result: it.Result, error: it.Error, retryable: it.Retryable == nil || *it.Retryable, message: it.Message}
	if s.mission == "" {
		s.mission = it.ID
	}
	if replied.Mission != nil {
		s.published = *replied.Mission
	}
	if c.Outcome == OK && replied.Error != nil {
		s.outcome, s.code = Refused, replied.Error.Code
		if s.code == "unavailable" || s.code == "internal" {
			s.outcome = Unknown
		}
	}
	return s
}

// claimed returns the missions that a claim's answer contains, or the claim alone.
func claimed(c *Call) []*step {
	var reply struct {
		Missions []Mission `json:"missions"`
	}
	_ = json.Unmarshal(c.Reply, &reply)
	all := []*step{}
	for _, m := range reply.Missions {
		all = append(all, &step{Call: c, mission: m.ID, outcome: c.Outcome, published: m, lease: m.Lease})
	}
	if len(all) == 0 {
		all = append(all, &step{Call: c, outcome: c.Outcome, code: c.Code})
	}
	return all
}

// possible returns the steps of one operation that may have been carried out.
func (x *index) possible(mission, op string) (some []*step) {
	for _, s := range x.of(mission, op) {
		if s.outcome != Refused {
			some = append(some, s)
		}
	}
	return some
}

// confirmed returns the steps of one operation that an answer confirmed.
func (x *index) confirmed(mission, op string) (some []*step) {
	for _, s := range x.of(mission, op) {
		if s.outcome == OK {
			some = append(some, s)
		}
	}
	return some
}

// lives returns how many times a mission was created, according to its events. Only
// a deleted mission can be created again, by a late request.
func (x *index) lives(mission string) (n int) {
	for _, e := range x.events[mission] {
		if e.Type == missionCreated {
			n++
		}
	}
	return n
}
