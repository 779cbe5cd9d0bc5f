package agentcheck

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"missioncontrol/supervisor/api"
)

// pace is what the agent is told when it registers.
type pace struct{ heartbeat, lease time.Duration }

// script is the supervisor that an agent talks to. It answers as a supervisor does, except
// that no lease ends by itself: checks decide what happens. Its fields may be used with
// [script.do]; methods lock by themselves unless they say otherwise.
type script struct {
	agentID string
	pace    pace
	trace   func(format string, args ...any) // shows what is said; may be nil

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when something has happened
	requests []*request
	missions []*mission
	parked   []*request // claims that wait
	known    bool       // the agent is registered
	draining bool
	left     bool

	silent       bool       // nothing is answered
	newer        bool       // replies have fields of a later version
	claimsFail   *api.Error // what claims are refused with until the agent registers again
	disrupt      func(*request) (_ reply, disrupted bool)
	overclaimed  string   // how the agent has claimed more than it has slots for; "" if it has not
	wrongLeases  []string // requests that name a lease which the agent never had
	unauthorized int      // requests over HTTP without the right token
}

// reply is an answer to a request. The zero reply is none.
type reply struct {
	body    []byte
	refusal *api.Error
}

// none returns whether a request is to get no answer at all.
func (r reply) none() bool { return r.body == nil && r.refusal == nil }

func refuse(code *api.Error, format string, args ...any) reply {
	return reply{refusal: &api.Error{Code: code.Code, Message: fmt.Sprintf(format, args...)}}
}

func newScript(agentID string, p pace) *script {
	return &script{agentID: agentID, pace: p, changed: make(chan struct{})}
}

// do calls f with the script locked, and tells everybody who waits that something may have
// changed.
func (s *script) do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	s.changes()
}

// changes wakes everybody who waits. mu is held.
func (s *script) changes() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// arrive records a request. A transport calls it in the order in which requests arrive, and
// then answer, which may take long.
func (s *script) arrive(verb string, body []byte, token string) *request {
	r := &request{at: time.Now(), verb: verb, body: body, token: token}
	err := r.parse(s.agentID)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		r.answer = api.FromError(err)
	} else {
		s.note(r)
	}
	s.requests = append(s.requests, r)
	if s.trace != nil {
		s.trace("→ %s\n", r)
	}
	s.changes()
	return r
}

// note keeps account of what a request says. mu is held.
func (s *script) note(r *request) {
	for _, ref := range r.refs {
		if m := s.find(ref.MissionID); m == nil || !slices.Contains(m.leases, ref.Lease) {
			s.wrongLeases = append(s.wrongLeases, fmt.Sprintf("%s names lease %d of mission %s", r.verb, ref.Lease, ref.MissionID))
		}
	}
	for i := range r.outcomes {
		if m := s.find(r.outcomes[i].MissionID); m != nil {
			m.outcomes = append(m.outcomes, reported{r, r.outcomes[i]})
			m.reportedLease = max(m.reportedLease, r.outcomes[i].Lease)
		}
	}
	if r.claim != nil {
		s.account(r)
	}
}

// account notes a claim that asks for more than the agent has free slots. mu is held.
func (s *script) account(claim *request) {
	capacity := s.capacity()
	held, waiting := 0, 0
	for _, m := range s.missions {
		if m.held() {
			held++
		}
	}
	for _, other := range s.parked {
		waiting += other.claim.Max
	}
	if over := held + waiting + claim.claim.Max; capacity > 0 && over > capacity && s.overclaimed == "" {
		s.overclaimed = fmt.Sprintf("a claim of max %d, while the agent held %d and had asked for %d more: together %d, and its capacity is %d",
			claim.claim.Max, held, waiting, over, capacity)
	}
}

// capacity is the agent's, 0 while it has not registered. mu is held.
func (s *script) capacity() int {
	for _, r := range slices.Backward(s.requests) {
		if r.register != nil {
			return r.register.Capacity
		}
	}
	return 0
}

// answer returns the answer to a request, which for a claim may take until ctx ends.
func (s *script) answer(ctx context.Context, r *request) reply {
	answer := s.reply(ctx, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	r.answer, r.lost = answer.refusal, answer.none()
	if s.trace != nil {
		switch {
		case answer.none():
			s.trace("← (no answer to %s)\n", r.verb)
		case answer.refusal != nil:
			s.trace("← %s: %v\n", r.verb, answer.refusal)
		default:
			s.trace("← %s %s\n", r.verb, shorten(string(answer.body)))
		}
	}
	s.changes()
	return answer
}

func (s *script) reply(ctx context.Context, r *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.silent {
		return reply{}
	}
	if s.disrupt != nil {
		if answer, disrupted := s.disrupt(r); disrupted {
			return answer
		}
	}
	if r.answer != nil {
		return reply{refusal: r.answer}
	}
	if !s.known && r.verb != api.AgentRegister {
		return refuse(api.ErrNotFound, "there is no agent %q", s.agentID)
	}
	switch r.verb {
	case api.AgentRegister:
		s.known, s.draining, s.left, s.claimsFail = true, false, false, nil
		return s.encode(api.Registered{HeartbeatSeconds: s.pace.heartbeat.Seconds(), LeaseSeconds: s.pace.lease.Seconds()})
	case api.AgentHeartbeat:
		return s.beat(r.heartbeat)
	case api.AgentClaim:
		return s.claim(ctx, r)
	case api.AgentLeave:
		s.known, s.left = false, true
		return s.encode(api.Empty{})
	}
	return s.aboutMission(r)
}

// awaitChange waits for the next change, without the lock, and returns false if ctx ends
// first. mu is held before and after.
func (s *script) awaitChange(ctx context.Context) bool {
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
		return true
	case <-ctx.Done():
		return false
	}
}

func shorten(text string) string {
	const most = 300
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
