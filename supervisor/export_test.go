package supervisor

import "time"

// WithoutNets has a service that does not run yet rely on being told: it never
// looks by itself for what other supervisors have done.
func (s *Service) WithoutNets() {
	const never = 1000 * time.Hour
	s.lookAgain, s.relay.atLeast = never, never
	if s.dispatch.probes != 0 {
		s.dispatch.probes = never
	}
}
