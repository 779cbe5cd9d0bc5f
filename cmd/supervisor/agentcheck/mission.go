package agentcheck

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// missionType is the type that agents under test register for.
const missionType = "check"

// work is a mission's data: what the handler of an agent under test is to do.
type work struct {
	WorkSeconds float64 `json:"work_seconds"`
	Result      any     `json:"result"`
	Fail        string  `json:"fail,omitzero"`
	Permanent   bool    `json:"permanent,omitzero"`
}

// mission is a mission of the script.
type mission struct {
	id      string
	data    work
	queued  bool        // it may be claimed
	leases  []int64     // those that it had, the newest last
	givenAt []time.Time // when

	cancelled, taken bool // the agent is told that it is cancelled, or somebody else's
	signals          []missions.Signal
	seen             int // the number of the last signal that the agent has acknowledged

	outcomes      []reported
	reportedLease int64  // the newest lease with a report
	endedLease    int64  // the newest lease with a report that was accepted
	ended         string // that report, in canonical form
}

// reported is an outcome and the request that it came with.
type reported struct {
	request *request
	outcome
}

// lease is the newest lease, 0 if it was never claimed.
func (m *mission) lease() int64 {
	if len(m.leases) == 0 {
		return 0
	}
	return m.leases[len(m.leases)-1]
}

// held returns whether the agent works on it, as far as it has said.
func (m *mission) held() bool { return m.lease() > m.reportedLease && m.live() }

// live returns whether its newest lease goes on.
func (m *mission) live() bool {
	return m.lease() > m.endedLease && !m.queued && !m.cancelled && !m.taken
}

// given returns whether it was claimed for the nth time.
func (m *mission) given(n int) bool { return len(m.leases) >= n }

// firstLease is the first fencing token: larger than what 32 bits hold.
const firstLease = 1<<33 + 1

func (s *script) find(id string) *mission {
	for _, m := range s.missions {
		if m.id == id {
			return m
		}
	}
	return nil
}

// offer adds missions to the queue, together.
func (s *script) offer(all ...work) []*mission {
	var offered []*mission
	s.do(func() {
		for _, data := range all {
			m := &mission{id: fmt.Sprintf("m%d", len(s.missions)+1), data: data, queued: true}
			s.missions, offered = append(s.missions, m), append(offered, m)
		}
	})
	return offered
}

// claim gives the agent what is queued, or waits. mu is held.
func (s *script) claim(ctx context.Context, r *request) reply {
	s.parked = append(s.parked, r)
	defer func() { s.parked = slices.DeleteFunc(s.parked, func(other *request) bool { return other == r }) }()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.claim.WaitSeconds*float64(time.Second)))
	defer cancel()
	for {
		switch {
		case s.silent:
			return reply{}
		case !s.known:
			return refuse(api.ErrNotFound, "there is no agent %q", s.agentID)
		case s.claimsFail != nil:
			return reply{refusal: s.claimsFail}
		case s.draining:
			return s.encode(api.Claimed{Missions: []missions.Mission{}})
		}
		if given := s.take(r.claim.Max); len(given) > 0 {
			return s.encode(api.Claimed{Missions: given})
		}
		if !s.awaitChange(ctx) {
			if s.silent {
				return reply{}
			}
			return s.encode(api.Claimed{Missions: []missions.Mission{}})
		}
	}
}

// take takes up to most missions from the queue. mu is held.
func (s *script) take(most int) []missions.Mission {
	var given []missions.Mission
	now := time.Now()
	for _, m := range s.missions {
		if !m.queued || len(given) == most {
			continue
		}
		m.queued = false
		tokens := int64(0)
		for _, other := range s.missions {
			tokens += int64(len(other.leases))
		}
		m.leases, m.givenAt = append(m.leases, firstLease+tokens), append(m.givenAt, now)
		shown := s.show(m, missions.Running)
		shown.Lease, shown.LeaseExpiresAt = m.lease(), missions.At(now.Add(s.pace.lease))
		given = append(given, shown)
	}
	return given
}

// show returns a mission as replies have it. mu is held.
func (s *script) show(m *mission, status missions.Status) missions.Mission {
	begun := missions.At(m.givenAt[len(m.givenAt)-1])
	return missions.Mission{
		ID: m.id, Name: "check " + m.id, Type: missionType, Data: encoded(m.data), Priority: missions.Normal, Status: status,
		Tags: []string{}, MaxAttempts: 3, Attempt: len(m.leases), Turn: len(m.leases), AgentID: missions.Text(s.agentID),
		CreatedAt: begun, UpdatedAt: missions.At(time.Now()), StartedAt: begun,
	}
}

// encoded returns what the script itself has made as JSON.
func encoded(v any) []byte {
	raw, err := api.Encode(v)
	if err != nil {
		panic(fmt.Sprintf("what the script says is no JSON: %v", err))
	}
	return raw
}

// beat answers a heartbeat. mu is held.
func (s *script) beat(q *api.HeartbeatRequest) reply {
	s.draining = q.Draining
	answer := api.HeartbeatReply{Cancel: []string{}, Lost: []string{}}
	for _, held := range *q.Running {
		m := s.find(held.MissionID)
		switch {
		case m != nil && m.cancelled && m.lease() == held.Lease:
			answer.Cancel = append(answer.Cancel, held.MissionID)
			continue
		case m == nil, m.lease() != held.Lease, !m.live():
			answer.Lost = append(answer.Lost, held.MissionID)
			continue
		}
		m.seen = max(m.seen, held.Seen)
		if n := len(m.signals); n > m.seen {
			answer.Signals = append(answer.Signals, api.SignalRef{MissionID: m.id, Seq: n})
		}
	}
	return s.encode(answer)
}

// aboutMission answers a request about missions that the agent holds. mu is held.
func (s *script) aboutMission(r *request) reply {
	if len(r.outcomes) > 1 {
		items := make([]json.RawMessage, len(r.outcomes))
		for i := range r.outcomes {
			items[i] = s.end(&r.outcomes[i]).item()
		}
		return s.encode(map[string]any{"results": items})
	}
	if len(r.outcomes) == 1 {
		return s.end(&r.outcomes[0])
	}
	m := s.find(r.refs[0].MissionID)
	if m == nil {
		return refuse(api.ErrNotFound, "there is no mission %q", r.refs[0].MissionID)
	}
	if m.lease() != r.refs[0].Lease || !m.live() {
		return refuse(api.ErrLeaseLost, "the lease of mission %q has ended", m.id)
	}
	switch r.verb {
	case api.AgentSignals:
		return s.encode(api.Signals{Signals: m.signals[min(r.signals.After, len(m.signals)):]})
	case api.AgentProgress, api.AgentLog:
		return s.encode(api.Empty{})
	}
	return refuse(api.ErrNotFound, "nothing like that is there")
}

// end takes a report. The same report again gets the same answer. mu is held.
func (s *script) end(o *outcome) reply {
	m := s.find(o.MissionID)
	switch {
	case m == nil:
		return refuse(api.ErrNotFound, "there is no mission %q", o.MissionID)
	case m.ended == o.content: // sent again
	case m.lease() != o.Lease, !m.live():
		return refuse(api.ErrLeaseLost, "the lease of mission %q has ended", m.id)
	default:
		m.ended, m.endedLease = o.content, o.Lease
	}
	status := missions.Pending
	switch {
	case o.verb == api.AgentComplete:
		status = missions.Completed
	case o.verb == api.AgentFail && !o.retryable:
		status = missions.Failed
	}
	return s.encode(api.Mission{Mission: s.show(m, status)})
}

// item returns a reply as one of several.
func (r reply) item() json.RawMessage {
	if r.refusal == nil {
		return r.body
	}
	return encoded(api.ErrorReply{Error: r.refusal})
}

// encode encodes an answer. If the supervisor is a newer one, it has fields, at the top and
// in missions, that the agent does not know. mu is held.
func (s *script) encode(v any) reply {
	raw := encoded(v)
	if s.newer {
		raw = withNewFields(raw)
	}
	return reply{body: raw}
}

// withNewFields adds an unknown field to a reply and to the missions in it.
func withNewFields(raw []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return raw
	}
	members["x_later_version"] = json.RawMessage(`{"a":[1,2,3]}`)
	var given []json.RawMessage
	if json.Unmarshal(members["missions"], &given) == nil {
		for i := range given {
			given[i] = withNewFields(given[i])
		}
		members["missions"] = encoded(given)
	}
	return encoded(members)
}
