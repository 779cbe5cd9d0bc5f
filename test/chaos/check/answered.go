package check

import (
	"encoding/json"
	"fmt"
)

// answered checks guarantee 5 for the times in which the stream was away and
// nothing else was wrong: requests were answered, and health said degraded. It does
// not check how fast they were.
func (x *index) answered() {
	for _, f := range x.Faults {
		switch f.Kind {
		case KindNoJetStream, KindBrokersGone, KindBrokersHung:
			x.answeredDuring(&f, Observer)
		}
		if f.Kind == KindNoJetStream {
			x.answeredDuring(&f, NATSObserver)
		}
	}
}

func (x *index) answeredDuring(f *Fault, observer string) {
	for _, op := range []string{"status", "missions.create", "missions.get"} {
		asked, confirmed := 0, 0
		for _, s := range x.byOp[op] {
			if s.Asked < f.From || s.Asked > f.To || s.Who != observer {
				continue
			}
			asked++
			if s.outcome == OK && s.Told <= f.To {
				confirmed++
			}
		}
		if confirmed == 0 {
			x.violated(5, "", fmt.Sprintf("%s (from %s to %s): %s was asked %d times by the %s and never answered", f.Kind, seconds(f.From), seconds(f.To), op, asked, observer))
		}
	}
	replied := map[string]int{}
	for _, s := range x.byOp["health"] {
		if s.Who == observer && s.Asked >= f.From && s.Told <= f.To && s.outcome == OK {
			var health struct {
				Status string `json:"status"`
			}
			_ = json.Unmarshal(s.Reply, &health) // "" is not a valid state either
			replied[health.Status]++
		}
	}
	if replied["degraded"] == 0 {
		x.violated(5, "", fmt.Sprintf("%s (from %s to %s): health never said degraded to the %s: %v", f.Kind, seconds(f.From), seconds(f.To), observer, replied))
	}
}

// The observers while the stream is away: one over HTTP, which works without any
// broker, and one over NATS, while there are brokers without JetStream.
const (
	Observer     = "observer"
	NATSObserver = "nats-observer"
)

func seconds(at int64) string { return fmt.Sprintf("%.3fs", float64(at)/1e9) }
