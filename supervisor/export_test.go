package supervisor

import (
	"time"

	"missioncontrol/missions"
)

// WithoutNets makes a service that does not run yet depend on hints: it never looks by
// itself for changes of other supervisors.
func (s *Service) WithoutNets() {
	const never = 1000 * time.Hour
	s.lookAgain, s.relay.atLeast = never, never
	if s.dispatch.probes != 0 {
		s.dispatch.probes = never
	}
}

// WithQuickNotices makes a service that does not run yet retry soon when the webhook
// refuses alerts.
func (s *Service) WithQuickNotices() {
	s.notify.backoff = missions.RetryPolicy{Base: 5 * time.Millisecond, Max: 20 * time.Millisecond}
}
