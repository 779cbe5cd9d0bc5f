package missions

import (
	"math"
	"time"
)

// Preference is the agent that a mission is withheld from others for. Whenever the mission becomes claimable, only that
// agent can claim it for PreferSeconds, as long as it is online and serves the mission.
type Preference struct {
	PreferAgent   string  `json:"prefer_agent,omitzero"`   // an agent's id
	PreferSeconds float64 `json:"prefer_seconds,omitzero"` // default 30, at most 86400
}

// Bounds of a [Preference], in seconds.
const (
	DefaultPreferSeconds = 30
	MaxPreferSeconds     = 24 * 3600
)

// PreferTime returns for how long the mission is withheld, to the microsecond.
func (p *Preference) PreferTime() time.Duration { return Seconds(p.PreferSeconds) }

func (p *Preference) normalize() {
	if p.PreferAgent != "" && p.PreferSeconds == 0 {
		p.PreferSeconds = DefaultPreferSeconds
	}
}

func (p *Preference) check() error {
	switch {
	case p.PreferAgent == "" && p.PreferSeconds != 0:
		return Invalid("prefer_seconds", "needs prefer_agent")
	case p.PreferAgent == "":
		return nil
	case math.IsNaN(p.PreferSeconds) || p.PreferSeconds < 0 || p.PreferSeconds > MaxPreferSeconds:
		return Invalid("prefer_seconds", "must be between 0 and %d", MaxPreferSeconds)
	}
	return CheckToken("prefer_agent", p.PreferAgent)
}
