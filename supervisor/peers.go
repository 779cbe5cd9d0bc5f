package supervisor

import (
	"context"
	"time"

	"missioncontrol/missions"
)

// Peers carries hints between the supervisors that share a store, so that what is
// done through one of them is noticed at once by the others.
//
// Hints are best effort and nothing is right because of them: one that is lost
// costs up to a second, after which everybody looks for himself. No method waits
// for a broker. All methods may be called concurrently.
type Peers interface {
	// Run carries hints until ctx ends, and calls hear with each one of another
	// supervisor, one after the other. It is called once.
	Run(ctx context.Context, onHint func(Hint))

	// Tell tells the other supervisors. Hints of one kind and subject that have
	// not gone out yet become one.
	Send(hint Hint)

	// Watch has the end of a mission told to us, until done is called. A
	// [HintEnded] also comes, true or not, once the watch stands: what happened
	// before is not told any more, so the mission has to be looked at then.
	Watch(missionID string) (done func())
}

// Hint is what one supervisor tells the others.
type Hint struct {
	Kind  HintKind
	Of    string        // the type, mission or agent that it is about, if any
	Count int           // of HintReady: how many missions
	At    missions.Time // of HintDue
}

// HintKind says what a hint is about.
type HintKind string

// The kinds of hints.
const (
	HintReady      HintKind = "ready"     // missions of a type have become claimable
	HintEnded      HintKind = "ended"     // a mission has ended, or was deleted
	HintDue        HintKind = "due"       // something is due at a time that the leader may not know of
	HintDismissed  HintKind = "dismissed" // an agent wants no more missions
	HintOutboxGrew HintKind = "grown"     // an outbox has grown
	HintResigned   HintKind = "resigned"  // the leadership is free
)

// lookAgain is how often what other supervisors may have done is looked for
// without being told of it.
const lookAgain = time.Second

// alone stands for the peers of a supervisor that has its store to itself.
type noPeers struct{}

func (noPeers) Run(ctx context.Context, _ func(Hint)) { <-ctx.Done() }
func (noPeers) Send(Hint)                             {}
func (noPeers) Watch(string) func()                   { return func() {} }

// hear acts on a hint of another supervisor.
func (s *Service) onHint(h Hint) {
	switch h.Kind {
	case HintReady:
		s.dispatch.ready(h.Of, max(h.Count, 1))
	case HintEnded:
		s.waits.notify(h.Of)
	case HintDue:
		s.reaper.noLaterThan(h.At.Time())
	case HintDismissed:
		s.dispatch.endClaims(h.Of)
	case HintOutboxGrew:
		s.relay.poke()
	case HintResigned:
		s.leader.leadershipFree()
	}
}

// ready wakes claims for n missions of a type that have become claimable.
func (s *Service) ready(kind string, n int) {
	s.dispatch.ready(kind, n)
	s.peers.Send(Hint{Kind: HintReady, Of: kind, Count: n})
}

// readyAll does so for one mission of each of these types.
func (s *Service) readyAll(kinds []string) {
	byType := map[string]int{}
	for _, kind := range kinds {
		byType[kind]++
	}
	for kind, n := range byType {
		s.ready(kind, n)
	}
}

// ended wakes those who wait for a mission.
func (s *Service) ended(missionID string) {
	s.waits.notify(missionID)
	s.peers.Send(Hint{Kind: HintEnded, Of: missionID})
}

// dueBy has the reaper of whoever leads look at a time, at the latest.
func (s *Service) dueBy(t time.Time) {
	s.reaper.noLaterThan(t)
	if !s.leader.leads() && time.Until(t) < s.lookAgain {
		s.peers.Send(Hint{Kind: HintDue, At: missions.At(t)})
	}
}

// dismiss ends an agent's parked claims, wherever they are parked.
func (s *Service) endClaims(agentID string) {
	s.dispatch.endClaims(agentID)
	s.peers.Send(Hint{Kind: HintDismissed, Of: agentID})
}

// grown tells the relay of whoever leads that an outbox may have grown.
func (s *Service) outboxGrew() {
	s.relay.poke()
	if !s.leader.leads() {
		s.peers.Send(Hint{Kind: HintOutboxGrew})
	}
}
