package supervisor

import (
	"time"

	"missioncontrol/missions"
)

// WithoutNets makes a service depend on hints: it never looks by itself for changes of
// other supervisors.
func WithoutNets(cfg Config) Config {
	cfg.lookAgain = 1000 * time.Hour
	return cfg
}

// WithQuickNotices makes a service that does not run yet retry soon when the webhook
// refuses alerts.
func (s *Service) WithQuickNotices() {
	s.notify.backoff = missions.RetryPolicy{Base: 5 * time.Millisecond, Max: 20 * time.Millisecond}
}
