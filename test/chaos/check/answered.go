package check

import (
	"encoding/json"
	"fmt"
)

// answered decides guarantee 5 for the times in which the stream was away and nothing
// else was wrong: requests were answered, and health said degraded. How fast they
// were is not for here.
func (x *index) answered() {
	for _, f := range x.Faults {
		switch f.Kind {
		case KindNoJetStream, KindBrokersGone, KindBrokersHung:
			x.answeredDuring(&f)
		}
	}
}

func (x *index) answeredDuring(f *Fault) {
	for _, op := range []string{"status", "missions.create", "missions.get"} {
		asked, confirmed := 0, 0
		for _, s := range x.byOp[op] {
			if s.Asked < f.From || s.Asked > f.To || s.Who != Observer {
				continue
			}
			asked++
			if s.outcome == OK && s.Told <= f.To {
				confirmed++
			}
		}
		if confirmed == 0 {
			x.violated(5, "", fmt.Sprintf("%s (from %s to %s): %s was asked %d times and never answered", f.Kind, seconds(f.From), seconds(f.To), op, asked))
		}
	}
	said := map[string]int{}
	for _, s := range x.byOp["health"] {
		if s.Asked >= f.From && s.Told <= f.To && s.outcome == OK {
			var health struct {
				Status string `json:"status"`
			}
			_ = json.Unmarshal(s.Reply, &health) // "" is no state either
			said[health.Status]++
		}
	}
	if said["degraded"] == 0 {
		x.violated(5, "", fmt.Sprintf("%s (from %s to %s): health never said degraded: %v", f.Kind, seconds(f.From), seconds(f.To), said))
	}
}

// Observer is who asks while the stream is away: over HTTP, which is there without
// any broker.
const Observer = "observer"

func seconds(at int64) string { return fmt.Sprintf("%.3fs", float64(at)/1e9) }
