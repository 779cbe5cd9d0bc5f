package eventstream

import "time"

// Timing has the durations that only tests need to change. Every field has a default.
type Timing struct {
	// AckTimeout is how long to wait for an acknowledgement. Default 5 s, at least
	// 10 ms.
	AckTimeout time.Duration
	// DialTimeout limits one connection attempt, and one probe. Default 2 s.
	DialTimeout time.Duration
	// ProbeInterval is how often a connected stream is checked. Default 10 s.
	ProbeInterval time.Duration
	// ProbeWait and ProbeMaxWait are the first and the longest wait between probes
	// of a stream that is degraded while its broker responds. A new connection is
	// probed at once. Defaults 250 ms and 5 s.
	ProbeWait, ProbeMaxWait time.Duration
	// ReconnectWait and ReconnectMax are the first and the longest wait between
	// connection attempts, with jitter. Defaults 100 ms and 2 s.
	ReconnectWait, ReconnectMax time.Duration
	// PingInterval is how often an idle connection is pinged. After two unanswered
	// pings the connection is closed. Default 2 s.
	PingInterval time.Duration
	// ReplicasWait is how long a cluster must lack the nodes for three replicas
	// before a stream is created with one; see Config.Replicas. Default 15 s.
	ReplicasWait time.Duration
}

// timingField is a field of [Timing], with its default and its bounds.
type timingField struct {
	name        string
	value       *time.Duration
	def, lo, hi time.Duration
}

func (t *Timing) fields() []timingField {
	return []timingField{
		{"AckTimeout", &t.AckTimeout, 5 * time.Second, 10 * time.Millisecond, time.Hour},
		{"DialTimeout", &t.DialTimeout, 2 * time.Second, 10 * time.Millisecond, time.Minute},
		{"ProbeInterval", &t.ProbeInterval, 10 * time.Second, 10 * time.Millisecond, time.Hour},
		{"ProbeWait", &t.ProbeWait, 250 * time.Millisecond, time.Millisecond, t.ProbeMaxWait},
		{"ProbeMaxWait", &t.ProbeMaxWait, 5 * time.Second, time.Millisecond, time.Hour},
		{"ReconnectWait", &t.ReconnectWait, 100 * time.Millisecond, time.Millisecond, t.ReconnectMax},
		{"ReconnectMax", &t.ReconnectMax, 2 * time.Second, time.Millisecond, time.Hour},
		{"PingInterval", &t.PingInterval, 2 * time.Second, 10 * time.Millisecond, time.Hour},
		{"ReplicasWait", &t.ReplicasWait, 15 * time.Second, time.Millisecond, time.Hour},
	}
}

// withDefaults returns a copy of t with defaults in unset fields.
func (t Timing) withDefaults() Timing {
	for _, f := range t.fields() {
		if *f.value == 0 {
			*f.value = f.def
		}
	}
	return t
}

// validate returns an [ErrConfig] that names the first field out of range.
func (t Timing) validate() error {
	for _, f := range t.fields() {
		if *f.value < f.lo || *f.value > f.hi {
			return badConfig("%s %v is not between %v and %v", f.name, *f.value, f.lo, f.hi)
		}
	}
	return nil
}
