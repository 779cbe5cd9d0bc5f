package api

import (
	"encoding/json"
	"strings"
	"time"

	"missioncontrol/missions"
)

// EventsRequest subscribes to events as the stream stores them. Zero fields do not
// filter.
type EventsRequest struct {
	Type      string        `json:"type,omitzero"`       // event types separated by commas; wildcards as in NATS: mission.>
	MissionID string        `json:"mission_id,omitzero"` // events about this mission
	AgentID   string        `json:"agent_id,omitzero"`   // events about this agent
	Since     missions.Time `json:"since,omitzero"`      // start with events stored at this time; default: now, or an hour ago for those that are past
	After     Cursor        `json:"after,omitzero"`      // start behind this sequence of the stream; instead of since
}

// PastRequest requests events that are stored. Zero fields do not filter.
type PastRequest struct {
	EventsRequest     // without since and after, those of the last hour
	Limit         int `json:"limit,omitzero"` // 1 to 1000, default 100: the latest ones
}

// Past are stored events, oldest first.
type Past struct {
	Events []json.RawMessage `json:"events"` // envelopes
	Missed int               `json:"missed"` // events that match and are left out, because these are later
	Cursor Cursor            `json:"cursor"` // for after: what is stored from now on
}

// pastByDefault is how far back a request without a start goes.
const pastByDefault = time.Hour

// Page checks the request, with its start filled in, and returns how many events to return.
func (r *PastRequest) Page(now time.Time) (types []string, limit int, err error) {
	if types, err = r.Types(); err != nil {
		return nil, 0, err
	}
	if r.Since == 0 && r.After == 0 {
		r.Since = missions.At(now.Add(-pastByDefault))
	}
	limit, err = page(r.Limit)
	return types, limit, err
}

// maxEventTypes is how many types a request may name.
const maxEventTypes = 16

// Types checks the request and returns the event types that it names.
func (r *EventsRequest) Types() ([]string, error) {
	for _, token := range []struct{ field, value string }{{"mission_id", r.MissionID}, {"agent_id", r.AgentID}} {
		if token.value == "" {
			continue
		}
		if err := missions.CheckToken(token.field, token.value); err != nil {
			return nil, err
		}
	}
	if r.Since != 0 && r.After != 0 {
		return nil, missions.Invalid("since", "cannot be combined with after")
	}
	if r.Type == "" {
		return nil, nil
	}
	types := strings.Split(r.Type, ",")
	if len(types) > maxEventTypes {
		return nil, missions.TooLarge("type", "names more than %d types", maxEventTypes)
	}
	for i, t := range types {
		types[i] = strings.TrimSpace(t)
		if !isTypeFilter(types[i]) {
			return nil, missions.Invalid("type", "must be event types separated by commas, such as mission.>")
		}
	}
	return types, nil
}

// isTypeFilter reports whether s is an event type in which tokens may be wildcards.
func isTypeFilter(s string) bool {
	tokens := strings.Split(s, ".")
	for i, token := range tokens {
		last := i == len(tokens)-1
		switch {
		case token == "*" || token == ">" && last:
		case token == "" || strings.Trim(token, "abcdefghijklmnopqrstuvwxyz0123456789_") != "":
			return false
		}
	}
	return len(s) <= missions.MaxNameChars
}

// MatchesType reports whether an event type, or a subject, matches a filter with NATS
// wildcards.
func MatchesType(filter, eventType string) bool {
	want, have := strings.Split(filter, "."), strings.Split(eventType, ".")
	for i, token := range want {
		switch {
		case token == ">":
			return len(have) > i
		case i >= len(have) || token != "*" && token != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}

// LiveRequest asks for the status whenever it changes, and for events on the same
// connection.
type LiveRequest struct {
	Events string `json:"events,omitzero"` // a JSON array of at most 64 [EventsRequest]
}

// maxWatches is how many watches one connection may have.
const maxWatches = 64

// Watches returns the requests for events. It does not check each of them.
func (r *LiveRequest) Watches() ([]EventsRequest, error) {
	if r.Events == "" {
		return nil, nil
	}
	type watches struct {
		Events []EventsRequest `json:"events"`
	}
	asked, err := Decode[watches]([]byte(`{"events":` + r.Events + `}`))
	if err != nil {
		return nil, err
	}
	if len(asked.Events) > maxWatches {
		return nil, missions.Invalid("events", "has more than %d watches", maxWatches)
	}
	return asked.Events, nil
}

// StreamState is the current state of the event stream.
type StreamState struct {
	State  string `json:"state"`  // "connected", or "degraded": no events arrive
	Reason string `json:"reason"` // why it is degraded, in a sentence; "" while connected
}

// Gap says that events were left out: more were stored than are sent afterwards.
type Gap struct {
	Missed uint64 `json:"missed"`
}
