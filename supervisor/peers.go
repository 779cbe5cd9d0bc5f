package supervisor

import (
	"context"
	"time"

	"missioncontrol/missions"
)

// Peers carries hints between the supervisors that share a store, so that each notices
// at once what is done through another.
//
// Hints are best effort, and correctness never depends on them. A lost hint costs up to
// a second, after which every supervisor looks for itself. No method waits for a
// broker. All methods may be called concurrently.
type Peers interface {
	// Run carries hints until ctx ends, and calls onHint with each hint of another
	// supervisor, one after the other. It is called once.
	Run(ctx context.Context, onHint func(Hint))

	// Send sends a hint to the other supervisors. Unsent hints of the same kind and
	// subject become one.
	Send(hint Hint)

	// Watch subscribes to the end of a mission until done is called. A [HintEnded] also
	// arrives, true or not, once the subscription is active. Ends before that are not
	// reported, so the caller must then look at the mission.
	Watch(missionID string) (done func())
}

// Hint is a message from one supervisor to the others.
type Hint struct {
	Kind  HintKind
	Of    string        // the type, mission or agent it is about, if any
	Count int           // of HintReady: how many missions
	At    missions.Time // of HintDue
}

// HintKind says what a hint is about.
type HintKind string

// The kinds of hints.
const (
	HintReady      HintKind = "ready"     // missions of a type have become claimable
	HintEnded      HintKind = "ended"     // a mission has ended, or was deleted
	HintDue        HintKind = "due"       // something is due at a time that the leader may not know
	HintDismissed  HintKind = "dismissed" // an agent wants no more missions
	HintOutboxGrew HintKind = "grown"     // an outbox has grown
	HintResigned   HintKind = "resigned"  // the leadership is free
)

// lookAgain is how often a supervisor looks for changes of other supervisors without a
// hint.
const lookAgain = time.Second

// noPeers are the peers of a supervisor that has its store to itself.
type noPeers struct{}

func (noPeers) Run(ctx context.Context, _ func(Hint)) { <-ctx.Done() }
func (noPeers) Send(Hint)                             {}
func (noPeers) Watch(string) func()                   { return func() {} }

// onHint acts on a hint of another supervisor.
func (s *Service) onHint(h Hint) {
	switch h.Kind {
	case HintReady:
		s.dispatch.Ready(h.Of, max(h.Count, 1))
	case HintEnded:
		s.waits.notify(h.Of)
	case HintDue:
		s.reaper.noLaterThan(h.At.Time())
	case HintDismissed:
		s.dispatch.EndClaims(h.Of)
	case HintOutboxGrew:
		s.relay.Poke()
	case HintResigned:
		s.leader.LeadershipFree()
	}
}

// ready wakes claims for n missions of a type that have become claimable.
func (s *Service) ready(kind string, n int) {
	s.dispatch.Ready(kind, n)
	s.peers.Send(Hint{Kind: HintReady, Of: kind, Count: n})
}

// readyAll does so for one mission of each of the given types.
func (s *Service) readyAll(kinds []string) {
	byType := map[string]int{}
	for _, kind := range kinds {
		byType[kind]++
	}
	for kind, n := range byType {
		s.ready(kind, n)
	}
}

// ended wakes the requests that wait for a mission.
func (s *Service) ended(missionID string) {
	s.waits.notify(missionID)
	s.peers.Send(Hint{Kind: HintEnded, Of: missionID})
}

// dueBy makes the leader's reaper run at t at the latest.
func (s *Service) dueBy(t time.Time) {
	s.reaper.noLaterThan(t)
	if !s.leader.Leads() && time.Until(t) < s.cfg.lookAgain {
		s.peers.Send(Hint{Kind: HintDue, At: missions.At(t)})
	}
}

// endClaims ends an agent's parked claims in every supervisor.
func (s *Service) endClaims(agentID string) {
	s.dispatch.EndClaims(agentID)
	s.peers.Send(Hint{Kind: HintDismissed, Of: agentID})
}

// outboxGrew signals the leader's relay that an outbox may have grown.
func (s *Service) outboxGrew() {
	s.relay.Poke()
	if !s.leader.Leads() {
		s.peers.Send(Hint{Kind: HintOutboxGrew})
	}
}
