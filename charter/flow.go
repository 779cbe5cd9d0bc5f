package charter

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Types of the events about what missions wait for and are told.
const (
	TypeMissionWaiting    = "mission.waiting"
	TypeMissionReady      = "mission.ready"
	TypeMissionSignalled  = "mission.signalled"
	TypeMissionSignalSeen = "mission.signal_seen"
)

// Condition is what a mission waits for: a mission, a batch or a signal. One field is set, or
// none if it is something that a later version has added.
type Condition struct{ Mission, Batch, Signal string }

// MissionWaiting reports that a mission waits, and for what. A zero Until means null.
type MissionWaiting struct {
	MissionID  string      `json:"mission_id" doc:"The mission's ID."`
	Conditions []Condition `json:"conditions" doc:"What the mission waits for, each an object with the ID of a mission or a batch, or the name of a signal; empty if it only waits for a time."`
	Until      time.Time   `json:"until" nullable:"true" doc:"When the wait ends at the latest; null if it may last."`
	Turn       int64       `json:"turn" unit:"turns" doc:"The number of times the mission has been claimed."`
	ChangedAt  time.Time   `json:"changed_at" doc:"When the change was stored."`
}

// EventType returns [TypeMissionWaiting].
func (p MissionWaiting) EventType() string { return TypeMissionWaiting }

// AppendJSON implements [Payload].
func (p MissionWaiting) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// MissionReady reports that a mission no longer waits and can be claimed.
type MissionReady struct {
	MissionID string    `json:"mission_id" doc:"The mission's ID."`
	Reason    string    `json:"reason" doc:"The reason, for people; may be empty."`
	ChangedAt time.Time `json:"changed_at" doc:"When the change was stored."`
}

// EventType returns [TypeMissionReady].
func (p MissionReady) EventType() string { return TypeMissionReady }

// AppendJSON implements [Payload].
func (p MissionReady) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// MissionSignalled reports that a signal to a mission was stored. The event does not contain
// the signal's data. An empty By means null.
type MissionSignalled struct {
	MissionID   string    `json:"mission_id" doc:"The mission's ID."`
	Seq         int64     `json:"seq" unit:"signals" doc:"The number of the signal among the mission's, from 1."`
	Name        string    `json:"name" doc:"The name of the signal."`
	By          string    `json:"by" nullable:"true" doc:"Who sent it, which may not be proven; null if that is not known."`
	SignalledAt time.Time `json:"signalled_at" doc:"When the signal was stored."`
}

// EventType returns [TypeMissionSignalled].
func (p MissionSignalled) EventType() string { return TypeMissionSignalled }

// AppendJSON implements [Payload].
func (p MissionSignalled) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// MissionSignalSeen reports that an agent has seen a signal to its mission.
type MissionSignalSeen struct {
	MissionID string    `json:"mission_id" doc:"The mission's ID."`
	Seq       int64     `json:"seq" unit:"signals" doc:"The number of the signal among the mission's, from 1."`
	AgentID   string    `json:"agent_id" doc:"The agent that has seen it."`
	SeenAt    time.Time `json:"seen_at" doc:"When the agent's report was stored."`
}

// EventType returns [TypeMissionSignalSeen].
func (p MissionSignalSeen) EventType() string { return TypeMissionSignalSeen }

// AppendJSON implements [Payload].
func (p MissionSignalSeen) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

var flowEntries = []Entry{
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "A mission waits for other missions, batches or signals, or for a time.",
		When:         "Sent once per wait: when a mission is created that has to wait, or parked.",
		Example: MissionWaiting{
			MissionID: exampleMission, Conditions: []Condition{{Mission: "build"}, {Batch: "tests-7"}, {Signal: "approved"}},
			Until: exampleTime.Add(24 * time.Hour), ChangedAt: exampleTime,
		},
	},
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "A mission no longer waits and can be claimed.",
		When:         "Sent once per wait that does not end the mission.",
		Example:      MissionReady{MissionID: exampleMission, Reason: "signal approved", ChangedAt: exampleTime},
	},
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "A signal was sent to a mission.",
		When:         "Sent once per signal, without the signal's data.",
		Example:      MissionSignalled{MissionID: exampleMission, Seq: 1, Name: "approved", By: "alice", SignalledAt: exampleTime},
	},
	{
		Source:       sourceMissions,
		SourceModule: "missions",
		Kind:         Durable,
		Targeted:     true,
		Description:  "An agent has seen a signal to its mission.",
		When:         "Sent once per signal, when the agent says that it has seen it.",
		Example:      MissionSignalSeen{MissionID: exampleMission, Seq: 1, AgentID: "rover-1", SeenAt: exampleTime},
	},
}

// conditionNames are the fields of a [Condition], in order.
var conditionNames = []string{"mission", "batch", "signal"}

func (c *Condition) fields() []*string { return []*string{&c.Mission, &c.Batch, &c.Signal} }

// appendConditions appends an array of objects that have the fields that are set.
func appendConditions(dst []byte, conditions []Condition) []byte {
	dst = append(dst, '[')
	for i := range conditions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		more := false
		for j, text := range conditions[i].fields() {
			if *text == "" {
				continue
			}
			if more {
				dst = append(dst, ',')
			}
			more = true
			dst = appendText(append(append(append(dst, '"'), conditionNames[j]...), '"', ':'), *text)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// conditions reads an array of objects, and ignores their fields that are not known.
func (o *object) conditions(i int) []Condition {
	raw := o.typed(i, jsontext.KindBeginArray)
	if raw == nil {
		return nil
	}
	r := newReader(raw, 1)
	defer r.release()
	conditions := []Condition{}
	_, err := r.tokens.ReadToken()
	for err == nil && o.err == nil && r.tokens.PeekKind() != jsontext.KindEndArray {
		var item jsontext.Value
		if item, err = r.value(2); err == nil {
			conditions = append(conditions, o.condition(i, len(conditions), item))
		}
	}
	if err != nil {
		o.fail(i, err.Error())
	}
	return conditions
}

// condition reads one of them.
func (o *object) condition(i, n int, item jsontext.Value) (c Condition) {
	inner := object{path: fmt.Sprintf("%s[%d]", o.pathOf(o.names[i]), n), names: conditionNames}
	if found := item.Kind(); found != jsontext.KindBeginObject {
		inner.err = invalid(inner.path, "must be an object, not "+kindName(found))
	} else if err := inner.parse(item, 3); err != nil {
		inner.err = err
	}
	for j, into := range c.fields() {
		if inner.err == nil && inner.has(j) {
			*into = inner.text(j)
		}
	}
	if o.err == nil {
		o.err = inner.err
	}
	return c
}
