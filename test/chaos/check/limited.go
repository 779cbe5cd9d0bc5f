package check

import "fmt"

// The limit that clients set before they create missions that name it, and never change.
const (
	LimitName   = "shared"
	LimitTotal  = 4
	LimitPerKey = 1
)

// limited checks guarantee 14: no more missions run under a limit than it allows, all in all and of each key.
func (x *index) limited() {
	keys := map[string]string{} // of missions under the limit
	for id := range x.steps {
		for _, s := range x.possible(id, "missions.create") {
			if len(s.asked.Limits) == 1 && s.asked.Limits[0] == LimitName {
				keys[id] = s.asked.Key
			}
		}
	}
	all, byKey := 0, map[string]int{}
	for i := range x.Events {
		e := &x.Events[i]
		id := e.Payload.MissionID
		key, under := keys[id]
		if !under || e.Type != statusChanged {
			continue
		}
		switch running {
		case e.Payload.OldStatus:
			all--
			byKey[key]--
		case e.Payload.NewStatus:
			all++
			byKey[key]++
			if all > LimitTotal {
				x.violated(14, id, fmt.Sprintf("message %d: mission %s is the %dth that runs under a limit of %d", e.Seq, id, all, LimitTotal))
			}
			if key != "" && byKey[key] > LimitPerKey {
				x.violated(14, id, fmt.Sprintf("message %d: mission %s is the %dth with key %q that runs under a limit of %d", e.Seq, id, byKey[key], key, LimitPerKey))
			}
		}
	}
}

// limitedStarts counts the missions under the limit that have started.
func (x *index) limitedStarts() (n int) {
	for i := range x.Events {
		e := &x.Events[i]
		if e.Type != statusChanged || e.Payload.NewStatus != running {
			continue
		}
		for _, s := range x.possible(e.Payload.MissionID, "missions.create") {
			if len(s.asked.Limits) > 0 {
				n++
				break
			}
		}
	}
	return n
}
