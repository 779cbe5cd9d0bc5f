package relay

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"missioncontrol/charter"
	"missioncontrol/missions"
)

// Keys in the meta of durable events: the outbox that an event came from, and its
// position there. Positions grow by one from event to event of one outbox. If a store
// has several outboxes, the third key maps each of them to the position up to which its
// events have been sent, including this event.
const (
	metaOutbox    = "outbox"
	metaPosition  = "outbox_position"
	metaPositions = "outbox_positions"
)

// durableTypes are the types of events that come from the outbox.
var durableTypes = func() (types []string) {
	for _, entry := range charter.Catalogue() {
		if entry.Kind == charter.Durable {
			types = append(types, entry.Type)
		}
	}
	return types
}()

// Envelopes turns entries of an outbox, given by its identity, into envelopes.
func Envelopes(outbox string, entries []missions.Event) ([]charter.Event, error) {
	meta, err := newMetaTemplate(outbox)
	if err != nil {
		return nil, err
	}
	return meta.envelopes(entries, nil)
}

// metaTemplate writes the keys of our own in the meta of an outbox's events.
type metaTemplate struct{ prefix string }

func newMetaTemplate(outbox string) (metaTemplate, error) {
	name, err := json.Marshal(outbox)
	return metaTemplate{`"` + metaOutbox + `":` + string(name) + `,"` + metaPosition + `":`}, err
}

// append appends the keys, sorted by name. positions is not called if it is nil.
func (m metaTemplate) append(dst []byte, position int64, positions func(dst []byte, position int64) []byte) []byte {
	dst = strconv.AppendInt(append(dst, m.prefix...), position, 10)
	if positions == nil {
		return dst
	}
	return positions(append(dst, `,"`+metaPositions+`":`...), position)
}

// envelopes turns entries of the outbox into envelopes. positions appends how far all
// outboxes have come with the event at a position of this one; nil if there is only one.
func (m metaTemplate) envelopes(entries []missions.Event, positions func(dst []byte, position int64) []byte) ([]charter.Event, error) {
	events := make([]charter.Event, len(entries))
	written := make([]byte, 0, len(entries)*(len(m.prefix)+20)) // of all events; more for positions
	for i := range entries {
		entry := &entries[i]
		payload, err := payloadOf(entry)
		if err != nil {
			return nil, err
		}
		events[i] = charter.NewWithID(entry.ID, payload, entry.At.Time())
		events[i].Meta.CorrelationID, events[i].Meta.Traceparent = entry.CorrelationID, entry.Traceparent
		begin := len(written)
		written = m.append(written, entry.Seq, positions)
		events[i].Meta.SetWritten(written[begin:len(written):len(written)])
	}
	return events, nil
}

func payloadOf(e *missions.Event) (charter.Payload, error) {
	at := e.At.Time()
	switch e.Kind {
	case missions.EventCreated:
		return charter.MissionCreated{
			MissionID: e.MissionID, Name: e.Name, Description: e.Description, Type: e.Type,
			Priority: string(e.Priority), Status: string(missions.Pending), CreatedAt: at,
		}, nil
	case missions.EventStatusChanged:
		return charter.MissionStatusChanged{
			MissionID: e.MissionID, OldStatus: string(e.OldStatus), NewStatus: string(e.NewStatus), ChangedAt: at,
			Reason: e.Reason, Attempt: int64(e.Attempt), AgentID: e.AgentID,
		}, nil
	case missions.EventLogAppended:
		return charter.MissionLogAppended{MissionID: e.MissionID, LogLevel: e.Level, Message: e.Message, AppendedAt: at}, nil
	case missions.EventWaiting, missions.EventReady, missions.EventSignalled, missions.EventSignalSeen:
		return flowPayload(e), nil
	case missions.EventScheduleChanged, missions.EventScheduleMissed:
		return schedulePayload(e), nil
	case missions.EventLimitChanged:
		return charter.LimitChanged{Name: e.Name, By: e.Message, ChangedAt: at}, nil
	case missions.EventAgentOnline:
		return charter.AgentOnline{AgentID: e.AgentID, Name: e.Name, Role: e.Role, Types: e.Types, Reason: e.Reason, ChangedAt: at}, nil
	case missions.EventAgentOffline:
		return charter.AgentOffline{AgentID: e.AgentID, Name: e.Name, Role: e.Role, Types: e.Types, Reason: e.Reason, ChangedAt: at}, nil
	}
	switch value := valueOrNaN(e.Value); e.Kind {
	case missions.EventAlertRaised:
		return charter.AlertRaised{Rule: e.Rule, Metric: e.Metric, Value: value, Threshold: e.Threshold, Since: e.Since.Time(), RaisedAt: at}, nil
	case missions.EventAlertResolved:
		return charter.AlertResolved{Rule: e.Rule, Metric: e.Metric, Value: value, Threshold: e.Threshold, Since: e.Since.Time(), ResolvedAt: at}, nil
	}
	return nil, fmt.Errorf("outbox entry %d is of unknown kind %q", e.Seq, e.Kind)
}

// valueOrNaN returns a metric's value as charter writes it.
func valueOrNaN(value *float64) float64 {
	if value == nil {
		return math.NaN()
	}
	return *value
}

// outboxPosition returns the position up to which an event says that an outbox has been
// sent, or 0 if it does not say.
func outboxPosition(e *charter.Event, outbox string) int64 {
	var positions map[string]int64
	if raw, there := e.Meta.Extra[metaPositions]; there && json.Unmarshal(raw, &positions) == nil {
		return positions[outbox]
	}
	var name string
	if json.Unmarshal(e.Meta.Extra[metaOutbox], &name) != nil || name != outbox {
		return 0
	}
	position, err := strconv.ParseInt(string(e.Meta.Extra[metaPosition]), 10, 64)
	if err != nil {
		return 0
	}
	return position
}
