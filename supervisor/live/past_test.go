package live_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/live"
	"missioncontrol/test/fatal"
)

// storedEvents is a stream with these events, which were stored a minute apart until now.
type storedEvents struct {
	now    time.Time
	events []eventstream.Stored
}

func (s *storedEvents) End(context.Context) (uint64, error) { return uint64(len(s.events)), nil }

func (s *storedEvents) Read(_ context.Context, _ []string, within eventstream.Range, handle func(eventstream.Stored) error) error {
	for _, e := range s.events {
		if e.Seq > within.After && e.Seq <= within.Until && !e.At.Before(within.Since) {
			if err := handle(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func newStoredEvents(n int) *storedEvents {
	s := &storedEvents{now: time.Unix(1_800_000_000, 0)}
	for i := range n {
		s.events = append(s.events, eventstream.Stored{
			Seq: uint64(i + 1), Type: "mission.created", At: s.now.Add(time.Duration(i-n) * time.Minute),
			Data: fmt.Appendf(nil, `{"payload":{"mission_id":"m%d"}}`, i%2),
		})
	}
	return s
}

// The latest events are returned, oldest first, and what is left out is counted.
func TestPastEventsAreTheLatest(t *testing.T) {
	t.Parallel()
	s := newStoredEvents(200)
	for _, c := range []struct {
		request        api.PastRequest
		events, missed int
	}{
		{api.PastRequest{}, 60, 0}, // of the last hour
		{api.PastRequest{Limit: 10}, 10, 50},
		{api.PastRequest{EventsRequest: api.EventsRequest{MissionID: "m1"}}, 30, 0},
		{api.PastRequest{EventsRequest: api.EventsRequest{Since: missions.At(s.now.Add(-5 * time.Minute))}}, 5, 0},
		{api.PastRequest{EventsRequest: api.EventsRequest{After: 190}}, 10, 0},
		{api.PastRequest{EventsRequest: api.EventsRequest{After: 200}}, 0, 0},
		{api.PastRequest{EventsRequest: api.EventsRequest{After: 1, Type: "agent.>"}}, 0, 0},
	} {
		past, err := live.Past(t.Context(), s, c.request, s.now)
		fatal.If(t, err)
		if len(past.Events) != c.events || past.Missed != c.missed || past.Cursor != 200 {
			t.Errorf("%+v: %d events, %d missed, cursor %d", c.request, len(past.Events), past.Missed, past.Cursor)
		}
		if n := len(past.Events); n > 0 && c.request.MissionID == "" && string(past.Events[n-1]) != string(s.events[199].Data) {
			t.Errorf("%+v: the last event is %s", c.request, past.Events[n-1])
		}
	}
	for field, request := range map[string]api.PastRequest{
		"limit": {Limit: 1001}, "type": {EventsRequest: api.EventsRequest{Type: "a b"}}, "since": {EventsRequest: api.EventsRequest{Since: 1, After: 1}},
	} {
		_, err := live.Past(t.Context(), s, request, s.now)
		var invalid *missions.Error
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%+v: %v", request, err)
		}
	}
}

// Large events do not fill the reply without end.
func TestPastEventsAreBoundedInSize(t *testing.T) {
	t.Parallel()
	s := newStoredEvents(20)
	for i := range s.events {
		text, err := json.Marshal(make([]byte, 300<<10))
		fatal.If(t, err)
		s.events[i].Data = text
	}
	past, err := live.Past(t.Context(), s, api.PastRequest{}, s.now)
	fatal.If(t, err)
	if len(past.Events) != 2 || past.Missed != 18 {
		t.Errorf("%d events, %d missed", len(past.Events), past.Missed)
	}
}
