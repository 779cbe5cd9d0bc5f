package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
	"missioncontrol/missions"
)

// shelf is an outbox with a given number of events.
type shelf struct {
	missions.Outbox
	name string
	n    int64
}

func (s shelf) Identity() string { return s.name }

func (s shelf) Pending(_ context.Context, after int64, limit int) (events []missions.Event, err error) {
	for seq := after + 1; seq <= s.n && len(events) < limit; seq++ {
		events = append(events, missions.Event{
			Seq: seq, Kind: missions.EventLogAppended, At: missions.At(time.Unix(1700000000, 250e6)),
			ID: uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057"), MissionID: "m", Level: "info", Message: "hello",
		})
	}
	return events, nil
}

func takeFrom(t *testing.T, r *Relay) *batch {
	t.Helper()
	b, err := r.take(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func relayOf(sent []int64, shelves ...shelf) *Relay {
	r := &Relay{sent: sent}
	for _, s := range shelves {
		r.outboxes = append(r.outboxes, s)
	}
	return r
}

const goldenEvent = `{"id":"01890a5d-ac96-774b-bcce-b302099a8057","type":"mission.log_appended","source":"missions_service",` +
	`"target":"mission_m","timestamp":1700000000.25,` +
	`"payload":{"mission_id":"m","log_level":"info","message":"hello","appended_at":1700000000.25},` +
	`"meta":{"schema_version":1,"producer":"missioncontrol","source_module":"missions",%s}}`

// Supervisors of other versions read the meta of durable events.
func TestMetaOnTheWire(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]*Relay{
		`"outbox":"a","outbox_position":1`:                                  relayOf([]int64{0}, shelf{name: "a", n: 1}),
		`"outbox":"a","outbox_position":1,"outbox_positions":{"a":1,"c":7}`: relayOf([]int64{0, 0, 7}, shelf{name: "a", n: 1}, shelf{name: "b"}, shelf{name: "c"}),
		`"outbox":"b","outbox_position":1,"outbox_positions":{"a":4,"b":1}`: relayOf([]int64{4, 0}, shelf{name: "a"}, shelf{name: "b", n: 1}),
	} {
		b := takeFrom(t, r)
		if len(b.events) != 1 {
			t.Fatalf("%d events", len(b.events))
		}
		body, err := charter.Encode(&b.events[0])
		if err != nil {
			t.Fatal(err)
		}
		if golden := fmt.Sprintf(goldenEvent, want); string(body) != golden {
			t.Errorf("got  %s\nwant %s", body, golden)
		}
		read, err := charter.Decode(body)
		if err != nil {
			t.Fatal(err)
		}
		for i, outbox := range r.outboxes {
			if got := outboxPosition(&read, outbox.Identity()); got != r.sent[i] {
				t.Errorf("%s reads as position %d of outbox %s, want %d", want, got, outbox.Identity(), r.sent[i])
			}
		}
		if got := outboxPosition(&read, "another"); got != 0 {
			t.Errorf("%s reads as position %d of an outbox that it does not name", want, got)
		}
	}
}

func TestABatchIsSharedFairly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		has  []int64
		gets []int64 // in the first batch
	}{
		"alone":                {[]int64{2000}, []int64{500}},
		"all busy":             {[]int64{2000, 2000}, []int64{250, 250}},
		"the first has little": {[]int64{10, 2000}, []int64{10, 490}},
		"many":                 {[]int64{900, 900, 0, 900}, []int64{125, 125, 0, 250}},
	} {
		var shelves []shelf
		for i, n := range c.has {
			shelves = append(shelves, shelf{name: fmt.Sprint(i), n: n})
		}
		r := relayOf(make([]int64, len(shelves)), shelves...)
		reached := takeFrom(t, r)
		for i, got := range reached.reached(len(reached.events)) {
			if got != c.gets[i] {
				t.Errorf("%s: outbox %d gets %d, want %d", name, i, got, c.gets[i])
			}
		}
		if second := takeFrom(t, r); len(shelves) > 1 && second.origins[0].outbox != 1 {
			t.Errorf("%s: the turn has not passed on", name)
		}
	}
}

// If a batch was stored in part, exactly that part is deleted from the outbox, and the
// rest is sent next.
func TestTheStoredPrefixOfEachOutbox(t *testing.T) {
	t.Parallel()
	r := relayOf(make([]int64, 3), shelf{name: "a", n: 3}, shelf{name: "b", n: 2}, shelf{name: "c", n: 1})
	b := takeFrom(t, r)
	for stored, want := range [][]int64{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}, {3, 0, 0}, {3, 1, 0}, {3, 2, 0}, {3, 2, 1}} {
		if got := b.reached(stored); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d stored: %v, want %v", stored, got, want)
		}
		rest := b.rest(stored)
		if len(rest.events) != 6-stored || len(rest.origins) != 6-stored {
			t.Errorf("%d stored: %d are left over", stored, len(rest.events))
		}
		for i := range rest.events {
			if e := received(t, &rest.events[i]); outboxPosition(e, r.outboxes[rest.origins[i].outbox].Identity()) != rest.origins[i].position {
				t.Errorf("%d stored: event %d of the rest has another's origin", stored, i)
			}
		}
	}
}

// received returns an event as a reader gets it.
func received(t *testing.T, e *charter.Event) *charter.Event {
	t.Helper()
	data, err := charter.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := charter.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return &decoded
}

// The envelopes are those that the general encoder makes of the same keys, for random events
// of each kind.
func TestEnvelopesAreTheGeneralEncoders(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string {
		alphabet := []rune("ab \"\\\n\x00<\u2028ä\U0001F600")
		out := make([]rune, random.IntN(12))
		for i := range out {
			out[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(out)
	}
	value := 1.5
	for i := range 2000 {
		kinds := []missions.EventKind{missions.EventCreated, missions.EventStatusChanged, missions.EventLogAppended, missions.EventAgentOnline,
			missions.EventAgentOffline, missions.EventAlertRaised, missions.EventAlertResolved,
			missions.EventWaiting, missions.EventReady, missions.EventSignalled, missions.EventSignalSeen,
			missions.EventScheduleChanged, missions.EventScheduleMissed}
		entry := missions.Event{
			Seq: random.Int64(), ID: uuid.New(), Kind: kinds[i%len(kinds)], At: missions.Time(random.Int64N(4e15)), CorrelationID: text(), Traceparent: text(),
			MissionID: text(), Name: text(), Description: text(), Type: text(), Priority: missions.Priority(text()), OldStatus: missions.Status(text()),
			NewStatus: missions.Status(text()), Reason: text(), Attempt: random.IntN(100), AgentID: text(), Level: text(), Message: text(), Role: text(),
			Types: []string{text(), text()}, Rule: text(), Metric: text(), Threshold: random.Float64(), Since: missions.Time(random.Int64N(4e15)),
		}
		if i%2 == 0 {
			entry.Value = &value
		}
		outbox := text()
		got, err := Envelopes(outbox, []missions.Event{entry})
		if err != nil {
			t.Fatal(err)
		}
		gotBytes, err := charter.Encode(&got[0])
		if err != nil {
			t.Fatal(err)
		}
		payload, err := payloadOf(&entry)
		if err != nil {
			t.Fatal(err)
		}
		want := charter.NewWithID(entry.ID, payload, entry.At.Time())
		want.Meta.CorrelationID, want.Meta.Traceparent = entry.CorrelationID, entry.Traceparent
		name, err := json.Marshal(outbox)
		if err != nil {
			t.Fatal(err)
		}
		want.Meta.Extra = map[string]json.RawMessage{"outbox": name, "outbox_position": fmt.Append(nil, entry.Seq)}
		wantBytes, err := charter.Encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		if string(gotBytes) != string(wantBytes) {
			t.Fatalf("got  %s\nwant %s", gotBytes, wantBytes)
		}
	}
}
