package check

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// step is one mission's part of a call: batches are split.
type step struct {
	*Call
	op        string // its operation; an agent's creation of children counts as a creation
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

	after      []Condition // of a create or a release
	timeout    float64     // seconds, likewise
	signalID   string      // of a signal
	seq        int         // in the answer to a signal
	fresh      bool        // of a retry
	dependents bool        // likewise
	closes     bool        // of a create: closes the batch
	keptFor    string      // of a create that created nothing: the mission that holds its unique key
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
	steps     map[string][]*step         // by mission, in no order
	byOp      map[string][]*step         // by operation
	claims    map[string][]*step         // by mission: what agents were told that they hold
	events    map[string][]*Event        // by mission, in the stream's order
	waiters   map[string]map[string]bool // by mission: those that may wait for it from their creation
	batches   map[string][]string        // by batch: the missions that may be in it
	schedules map[string]bool            // those that somebody may have set
	problems  []Violation
}

func (x *index) violated(guarantee int, mission, what string) {
	x.problems = append(x.problems, Violation{Guarantee: guarantee, Mission: mission, What: what})
}

func newIndex(e *Evidence) *index {
	x := &index{Evidence: e, steps: map[string][]*step{}, byOp: map[string][]*step{},
		claims: map[string][]*step{}, events: map[string][]*Event{},
		waiters: map[string]map[string]bool{}, batches: map[string][]string{}, schedules: map[string]bool{}}
	for i := range e.Calls {
		for _, s := range steps(&e.Calls[i]) {
			if s.op == "" {
				s.op = s.Op
			}
			x.byOp[s.op] = append(x.byOp[s.op], s)
			if s.mission != "" {
				x.steps[s.mission] = append(x.steps[s.mission], s)
				if s.op == "agent.claim" {
					x.claims[s.mission] = append(x.claims[s.mission], s)
				}
			}
		}
	}
	for id := range x.steps {
		for _, s := range x.possible(id, "missions.create") {
			x.member(id, s)
		}
	}
	for i := range e.Events {
		if id := e.Events[i].Payload.MissionID; id != "" {
			x.events[id] = append(x.events[id], &e.Events[i])
		}
	}
	x.addMany()
	for _, s := range x.byOp["schedules.set"] {
		if s.outcome != Refused {
			x.schedules[s.about()] = true
		}
	}
	return x
}

// member notes what the request for a mission says of others.
func (x *index) member(id string, s *step) {
	for i := range s.after {
		if source := s.after[i].Mission; source != "" {
			if x.waiters[source] == nil {
				x.waiters[source] = map[string]bool{}
			}
			x.waiters[source][id] = true
		}
	}
	if b := s.asked.Batch; b != "" && !slices.Contains(x.batches[b], id) {
		x.batches[b] = append(x.batches[b], id)
	}
}

// of returns a mission's steps of one operation.
func (x *index) of(mission, op string) (some []*step) {
	for _, s := range x.steps[mission] {
		if s.op == op {
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

	After      json.RawMessage `json:"after"` // conditions; to some requests it is a position
	Timeout    float64         `json:"after_timeout_seconds"`
	SignalID   string          `json:"signal_id"`
	Fresh      bool            `json:"fresh"`
	Dependents bool            `json:"dependents"`
}

// answer is one answer of a batch, or the only one.
type answer struct {
	Mission *Mission `json:"mission"`
	Created bool     `json:"created"`
	Seq     int      `json:"seq"`
	Error   *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// steps splits a call.
func steps(c *Call) []*step {
	switch c.Op {
	case "agent.claim":
		return claimed(c)
	case "agent.register", "agent.heartbeat", "agent.leave", "health", "status", "agents", "missions.list", "missions.stats", "batches.list", "batches.get", "batches.close",
		"schedules.set", "schedules.get", "schedules.list", "schedules.delete", "schedules.trigger", "schedules.backfill", bulk:
		return []*step{{Call: c, outcome: c.Outcome, code: c.Code}}
	}
	var request struct {
		item
		Missions   []item `json:"missions"`
		Results    []item `json:"results"`
		CloseBatch bool   `json:"close_batch"`
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
	all := make([]*step, 0, len(items)+1)
	for i, it := range items {
		replied := reply.answer
		if batch {
			replied = answer{}
			if i < len(reply.Results) {
				replied = reply.Results[i]
			}
		}
		st := newStep(c, &it, &replied)
		st.closes = request.CloseBatch
		if c.Op == "agent.create" {
			st.op, st.asked.ParentID = "missions.create", request.MissionID
		}
		all = append(all, st)
	}
	if c.Op == "agent.create" { // what it says of the parent's lease
		all = append(all, &step{Call: c, mission: request.MissionID, outcome: c.Outcome, code: c.Code, lease: request.Lease})
	}
	return all
}

func newStep(c *Call, it *item, replied *answer) *step {
	s := &step{Call: c, mission: it.MissionID, outcome: c.Outcome, code: c.Code, asked: it.Mission, created: replied.Created,
		lease: it.Lease, result: it.Result, error: it.Error, retryable: it.Retryable == nil || *it.Retryable, message: it.Message,
		timeout: it.Timeout, signalID: it.SignalID, seq: replied.Seq, fresh: it.Fresh, dependents: it.Dependents}
	_ = json.Unmarshal(it.After, &s.after) // absent, or no conditions
	if s.mission == "" {
		s.mission = it.ID
	}
	if replied.Mission != nil {
		s.published = *replied.Mission
	}
	if c.Outcome == OK && strings.HasSuffix(c.Op, ".create") && replied.Mission != nil && !replied.Created && replied.Mission.ID != it.ID && it.Unique != nil {
		s.outcome, s.code, s.keptFor = Refused, kept, replied.Mission.ID
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
