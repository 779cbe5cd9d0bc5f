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
		all = append(all, s)
	}
	c.insist("missions.create", together{Missions: all})
}
