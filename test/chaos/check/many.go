package check

import (
	"encoding/json"
	"fmt"
	"strings"
)

// bulk is the operation on many missions.
const bulk = "missions.bulk"

// manyRequest is a request to do something to all missions that match a filter.
type manyRequest struct {
	Action string `json:"action"`
	Filter struct {
		Tag string `json:"tag"`
	} `json:"filter"`
	DryRun   bool    `json:"dry_run"`
	AsOf     float64 `json:"as_of"`
	Reason   string  `json:"reason"`
	Name     string  `json:"name"`
	SignalID string  `json:"signal_id"`
}

// many returns what a call asks to do to many missions; nothing if it only counts them, or was refused.
func (s *step) many() (q manyRequest, there bool) {
	if json.Unmarshal(s.Request, &q) != nil || q.DryRun || s.outcome == Refused {
		return q, false
	}
	if q.AsOf == 0 {
		_ = json.Unmarshal(s.Reply, &q) // it says which time the request was for
	}
	return q, q.AsOf != 0 && q.Filter.Tag != ""
}

// microsecond is more than numbers of seconds are rounded by, and less than two different times differ by.
const microsecond = 0.5e-6

// addMany adds what requests for many missions may have done to each of them. What was created after a
// request's as_of is not among that, so that whatever happens to it needs another reason.
func (x *index) addMany() {
	tagged := map[string]map[string]bool{}
	for _, s := range x.byOp["missions.create"] {
		for _, tag := range s.asked.Tags {
			if tagged[tag] == nil {
				tagged[tag] = map[string]bool{}
			}
			tagged[tag][s.mission] = true
		}
	}
	for _, s := range x.byOp[bulk] {
		q, there := s.many()
		if !there {
			continue
		}
		for id := range tagged[q.Filter.Tag] {
			if x.existedAt(id, q.AsOf) {
				one := &step{Call: s.Call, op: "missions." + q.Action, mission: id, outcome: Unknown, signalID: q.SignalID, asked: Mission{Name: q.Name}}
				x.steps[id] = append(x.steps[id], one)
			}
		}
	}
}

// existedAt reports whether a mission had been created by a time.
func (x *index) existedAt(id string, at float64) bool {
	for _, e := range x.events[id] {
		if e.Type == missionCreated && e.Timestamp <= at+microsecond {
			return true
		}
	}
	return false
}

// changedMany checks that requests for many missions leave alone what was created or has changed after their
// as_of. A reason or the name of a signal says which request an event tells of.
func (x *index) changedMany() {
	for _, s := range x.byOp[bulk] {
		if q, there := s.many(); there && (q.Reason != "" || q.Name != "") {
			x.leavesLaterAlone(&q)
		}
	}
}

func (x *index) leavesLaterAlone(q *manyRequest) {
	for id, events := range x.events {
		var last *Event
		for _, e := range events {
			if q.tells(e) && last != nil && last.Timestamp > q.AsOf+microsecond {
				x.violated(1, id, fmt.Sprintf("message %d: mission %s is changed by a request for many (%s) as of %f, and had changed at %f (message %d)",
					e.Seq, id, q.Action, q.AsOf, last.Timestamp, last.Seq))
			}
			if e.Type == missionCreated || e.Type == statusChanged {
				last = e
			}
		}
	}
}

// tells reports whether an event tells of what the request did.
func (q *manyRequest) tells(e *Event) bool {
	if q.Name != "" {
		return e.Type == missionSignalled && e.Payload.Name == q.Name
	}
	return e.Type == statusChanged && e.Payload.NewStatus == cancelled && strings.HasSuffix(e.Payload.Reason, q.Reason)
}
