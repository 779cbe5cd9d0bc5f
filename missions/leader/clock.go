package leader

import (
	"context"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// leastStep is by how much the clock must differ from the steady one, since they were last
// read, to have stepped. A clock that is slewed differs by less.
const leastStep = 500 * time.Millisecond

// clock notices steps of the clock.
type clock struct {
	read   bool
	wall   missions.Time
	steady time.Duration
	owed   time.Duration // steps that durations have not followed yet
}

// stepped returns by how much the clock has stepped since durations last followed it.
func (c *clock) stepped(wall missions.Time, steady time.Duration) time.Duration {
	by := wall.Sub(c.wall) - (steady - c.steady)
	if c.read && by.Abs() >= leastStep {
		c.owed += by
	}
	c.read, c.wall, c.steady = true, wall, steady
	return c.owed
}

// followClock makes durations follow a step of the clock.
func (s *Store) followClock(ctx context.Context) error {
	if s.cfg.Steady == nil {
		return nil
	}
	by := s.clock.stepped(s.now(), s.cfg.Steady())
	if by == 0 {
		return nil
	}
	st := &step{
		need:  func(e *engine.Engine, n *engine.Need) { e.NeedShift(n) },
		apply: func(e *engine.Engine) { e.Shift(by) },
		done:  make(chan error, 1),
	}
	s.serveAlone(ctx, st)
	if err := <-st.done; err != nil {
		return nothingDone(err)
	}
	s.clock.owed = 0
	s.log.Info("the clock has stepped; leases, timeouts and back-offs last as long as before", "by", by)
	return nil
}
