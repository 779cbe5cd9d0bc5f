package supervisor

import (
	"context"
	"time"
)

// runSampler has the store take a sample of the statistics at the start of each minute
// of its clock, and one at once: events before the first sample are in no window.
func (s *Service) runSampler(ctx context.Context) {
	failing := false
	for {
		at, err := s.cfg.Store.Sample(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.log.Error("cannot sample the statistics; trying again", "error", err)
		}
		failing = err != nil
		wait := s.cfg.lookAgain
		if err == nil {
			wait = time.Minute - at.Time().Sub(at.Time().Truncate(time.Minute))
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
