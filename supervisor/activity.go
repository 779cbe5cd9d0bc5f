package supervisor

import (
	"context"
	"sync"
	"time"

	"missioncontrol/supervisor/api"
)

// slowFor is how long what is known of a type's run times is good for.
const slowFor = 30 * time.Second

// slowTypes remembers the 95th percentiles of the run times of types, of the last day.
type slowTypes struct {
	mu    sync.Mutex
	since time.Time
	p95   map[string]*float64 // nil for those of which none completed
}

// Activity returns what agents worked on in the last hour. It needs the event stream, and
// returns what it knows from before while that is degraded.
func (s *Service) Activity(ctx context.Context, request api.ActivityRequest) (api.Activity, error) {
	reply := s.activity.Since(ctx, request.After)
	s.slow.mu.Lock()
	defer s.slow.mu.Unlock()
	if time.Since(s.slow.since) > slowFor {
		s.slow.since, s.slow.p95 = time.Now(), map[string]*float64{}
	}
	for missionType := range reply.Slow {
		p95, known := s.slow.p95[missionType]
		if !known {
			stats, err := s.cfg.Store.Stats(ctx, missionType)
			if err != nil {
				delete(reply.Slow, missionType)
				continue // the turns are known anyway
			}
			p95 = stats.Windows.Day.Duration.P95
			s.slow.p95[missionType] = p95
		}
		if delete(reply.Slow, missionType); p95 != nil {
			reply.Slow[missionType] = *p95
		}
	}
	return reply, nil
}
