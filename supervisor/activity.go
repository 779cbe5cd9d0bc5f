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

// get returns what is remembered of a type.
func (s *slowTypes) get(missionType string) (p95 *float64, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.since) > slowFor {
		s.since, s.p95 = time.Now(), map[string]*float64{}
	}
	p95, known = s.p95[missionType]
	return p95, known
}

func (s *slowTypes) put(missionType string, p95 *float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p95[missionType] = p95
}

// Activity returns what agents worked on in the last hour. It needs the event stream, and
// returns what it knows from before while that is degraded.
func (s *Service) Activity(ctx context.Context, request api.ActivityRequest) (api.Activity, error) {
	reply := s.activity.Since(ctx, request.After)
	for missionType := range reply.Slow {
		p95, known := s.slow.get(missionType)
		if !known {
			stats, err := s.cfg.Store.Stats(ctx, missionType)
			if err != nil {
				delete(reply.Slow, missionType)
				continue // the turns are known anyway
			}
			p95 = stats.Windows.Day.Duration.P95
			s.slow.put(missionType, p95)
		}
		if delete(reply.Slow, missionType); p95 != nil {
			reply.Slow[missionType] = *p95
		}
	}
	return reply, nil
}
