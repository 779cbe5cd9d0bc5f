//go:build chaos

package chaos

import (
	"fmt"

	"missioncontrol/test/chaos/check"
)

// limitSpec is the one limit that all clients set, always to the same.
type limitSpec struct {
	Name   string `json:"name"`
	Total  int    `json:"total"`
	PerKey int    `json:"per_key"`
}

// prefer has a mission prefer an agent, now and then: one that may be away, and may be another one by then.
func (c *client) prefer(s *spec) {
	if c.dice.IntN(3) == 0 {
		s.PreferAgent, s.PreferSeconds = fmt.Sprint("a", c.dice.IntN(4)), 1+c.dice.IntN(20)
	}
}

// createLimited creates missions with a key under a limit, once the limit is certainly set.
func (c *client) createLimited() {
	if !c.limited {
		c.limited = c.ask("limits.set", limitSpec{check.LimitName, check.LimitTotal, check.LimitPerKey}).ok()
	}
	if !c.limited {
		return
	}
	var all []spec
	for range 1 + c.dice.IntN(4) {
		s := c.newSpec()
		s.Limits = []string{check.LimitName}
		if c.dice.IntN(4) > 0 {
			s.Key = fmt.Sprint("tenant ", c.dice.IntN(4))
		}
		c.prefer(&s)
		all = append(all, s)
	}
	c.insist("missions.create", together{Missions: all})
}
