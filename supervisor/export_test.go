package supervisor

import (
	"time"

	"missioncontrol/missions"
)

// WithoutNets has a service that does not run yet rely on being told: it never
// looks by itself for what other supervisors have done.
func (s *Service) WithoutNets() {
	const never = 1000 * time.Hour
	s.lookAgain, s.relay.atLeast = never, never
	if s.dispatch.probes != 0 {
		s.dispatch.probes = never
	}
}

// WithQuickNotices has a service that does not run yet try again soon where nobody was
// to be told of alerts.
func (s *Service) WithQuickNotices() {
	s.notify.backoff = missions.RetryPolicy{Base: 5 * time.Millisecond, Max: 20 * time.Millisecond}
}
