package engine

import (
	"crypto/sha256"
	"reflect"
	"testing"

	"missioncontrol/missions"
)

// FuzzDecodeChanges: whatever the bytes are, decoding ends, and what was decoded is encoded
// and decoded to the same.
func FuzzDecodeChanges(f *testing.F) {
	f.Add((&Changes{}).Encode(nil))
	f.Add((&Changes{
		Marks:    Marks{Outbox: 7, Mark: "m"},
		Missions: []MissionChange{{After: &Record{Seq: 1, Mission: missions.Mission{ID: "m", Priority: missions.High, Status: missions.Running}}}, {}},
		Events:   []missions.Event{{Seq: 3, Types: []string{"a"}}},
		Totals:   map[string]*Totals{"": {Run: Histogram{Count: 1, First: 3, Buckets: []int64{1}}}},
		Points:   map[PointKey]Point{{Series: Gauges, Type: "t", Slot: 3}: {Pending: 4}},
		Before:   map[Series]int64{Minutes: 5},
		Agents:   []Agent{{Agent: missions.Agent{ID: "a", State: missions.Draining, Labels: map[string]string{"k": "v"}}}},
		Alerts:   []missions.Alert{{Rule: "r", State: missions.AlertFiring}},
	}).Encode(nil))
	f.Add((&Changes{
		Missions: []MissionChange{{After: &Record{Seq: 1, Mission: missions.Mission{ID: "m", Priority: missions.High, Status: missions.Pending},
			Flow: &Flow{Outcomes: []Outcome{open}, Waiting: true, Spent: missions.Usage{"usd": 1}}}}},
		Totals: map[string]*Totals{"": {Waiting: [4]int64{1}}},
		Points: map[PointKey]Point{{Series: Minutes}: {Usage: missions.Usage{"usd": 1}}},
		Docs:   []Doc{{"k", []byte("b")}}, Parts: []Part{{Seq: 1, MissionID: "m", Name: PartCheckpoint, Body: []byte("1")}},
		Members: []Member{{"s", "m", true}}, Leases: []Lease{{Seq: 1, Signal: 2}},
	}).Encode(nil))
	f.Add((&Changes{
		Missions: []MissionChange{{After: &Record{Seq: 1, Mission: missions.Mission{ID: "m", Priority: missions.High, Status: missions.Pending},
			Flow: &Flow{Key: "k", Limits: []string{"l"}, Requires: map[string]string{"gpu": "h100"}, Queued: true, ScheduleID: "s"}}}},
		Leases: []Lease{{Seq: 1, Key: "k", Limits: []string{"l"}}},
	}).Encode(nil))
	f.Add((&Changes{
		Missions: []MissionChange{{After: &Record{Seq: 1, Mission: missions.Mission{ID: "m", Priority: missions.High, Status: missions.Pending},
			Flow: &Flow{Unique: &missions.Unique{Key: "k", OnConflict: missions.ConflictReplace, ForSeconds: 2}}}}},
	}).Encode(nil))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		c, err := DecodeChanges(encoded)
		if err != nil {
			return
		}
		again, err := DecodeChanges(c.Encode(nil))
		if err != nil {
			t.Fatalf("what was decoded and encoded again is no encoding: %v", err)
		}
		if string(again.Encode(nil)) != string(c.Encode(nil)) {
			t.Errorf("decoded and encoded again: %+v is not %+v", again, c)
		}
	})
}

// TestEncodingHasEveryField sets every field of the types that are encoded and expects to
// read it back: a field that somebody adds must be encoded, too.
func TestEncodingHasEveryField(t *testing.T) {
	t.Parallel()
	var r Record
	fill(reflect.ValueOf(&r).Elem())
	r.Priority, r.Status = missions.High, missions.Failed
	r.Lease, r.LeaseExpiresAt, r.Trimmed = 0, 0, nil // never a backend's
	r.Turn, r.Mission.Checkpoint, r.Mission.Flow = 0, nil, nil
	r.Flow.Outcomes = []Outcome{signalled, outcomeOf(missions.Failed)}
	for i := range r.Flow.Signals {
		r.Flow.Signals[i].Elsewhere = false // set on output
	}
	var l LogLine
	fill(reflect.ValueOf(&l).Elem())
	var held Lease
	fill(reflect.ValueOf(&held).Elem())
	released := held
	released.Signal, released.Key, released.Limits = 0, "", nil // of no use
	var a Agent
	fill(reflect.ValueOf(&a).Elem())
	a.State, a.MissionsRunning = missions.Draining, 0
	var e missions.Event
	fill(reflect.ValueOf(&e).Elem())
	e.Priority, e.OldStatus, e.NewStatus = missions.Low, missions.Pending, missions.Running
	var alert missions.Alert
	fill(reflect.ValueOf(&alert).Elem())
	alert.State = missions.AlertPending
	var total Totals
	fill(reflect.ValueOf(&total).Elem())
	var p Point
	fill(reflect.ValueOf(&p).Elem())
	var m Marks
	fill(reflect.ValueOf(&m).Elem())
	want := &Changes{
		Marks: m, Missions: []MissionChange{{After: &r}}, Logs: []LogLine{l}, Released: []Lease{released}, Leases: []Lease{held},
		Gone: []Agent{a}, Agents: []Agent{a}, Events: []missions.Event{e}, Totals: map[string]*Totals{"t": &total},
		Points: map[PointKey]Point{{Series: LongSamples, Type: "t", Slot: 9}: p}, Before: map[Series]int64{Gauges: 3},
		Alerts: []missions.Alert{alert}, Notices: []missions.Event{e}, Noticed: []int64{5}, Forgotten: 6,
		Parts: []Part{
			{Seq: r.Seq, MissionID: r.ID, Name: PartConditions, Body: EncodeConditions(r.Flow.Conditions)},
			{Seq: r.Seq, MissionID: r.ID, Name: PartCheckpoint, Body: r.Flow.Checkpoint}, {Seq: 1, Name: "gone"},
		},
		Docs: []Doc{{"k", []byte("b")}, {Key: "gone"}}, Members: []Member{{"s", "m", true}},
	}
	got, err := DecodeChanges(want.Encode(nil))
	if err != nil {
		t.Fatal(err)
	}
	w, g := reflect.ValueOf(want).Elem(), reflect.ValueOf(got).Elem()
	for i := range w.NumField() {
		if name := w.Type().Field(i).Name; name != "marked" && !reflect.DeepEqual(w.FieldByName(name).Interface(), g.FieldByName(name).Interface()) {
			t.Errorf("%s: got %+v, want %+v", name, g.FieldByName(name), w.FieldByName(name))
		}
	}
}

// fill sets every exported field to something.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0))
		fill(v.Index(1))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key)
		fill(value)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("text")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(1.5)
	case reflect.Uint8:
		v.SetUint(42)
	default:
		v.SetInt(42)
	}
}

// TestFlowsKeepTheirBytes: only a mission that a schedule has created, or that has a unique key, is encoded in a form that
// earlier versions do not read.
func TestFlowsKeepTheirBytes(t *testing.T) {
	t.Parallel()
	f := Flow{Batch: "b"}
	plain := f.Encode(nil)
	if plain[0] != encodingVersion {
		t.Errorf("a flow without a schedule has version %d", plain[0])
	}
	f.ScheduleID, f.ScheduledFor = "s", 17
	scheduled := f.Encode(nil)
	if scheduled[0] == encodingVersion || string(scheduled[1:len(plain)]) != string(plain[1:]) {
		t.Errorf("a flow with a schedule is %x, without one %x", scheduled, plain)
	}
	f.Unique = &missions.Unique{Key: "k", OnConflict: missions.ConflictKeep, ForSeconds: 2}
	both := f.Encode(nil)
	f.ScheduleID, f.ScheduledFor = "", 0
	unique := f.Encode(nil)
	for _, encoded := range [][]byte{plain, scheduled, both, unique} {
		read, err := DecodeFlow(encoded)
		if err != nil || string(read.Encode(nil)) != string(encoded) {
			t.Errorf("read %+v, %v", read, err)
		}
	}
	if _, err := DecodeFlow(append([]byte{flaggedFlow}, append(plain[1:], 1<<5)...)); err == nil {
		t.Error("a flow of a later version is read")
	}
	for version, of := range map[byte]Flow{
		extendedVersion: {Batch: "b"}, scheduledVersion: {Batch: "b", ScheduleID: "s"}, taggedVersion: {Unique: f.Unique},
	} {
		c := &Changes{Missions: []MissionChange{{After: &Record{Mission: missions.Mission{ID: "m", Priority: missions.High, Status: missions.Pending}, Flow: &of}}}}
		if got := c.Encode(nil)[0]; got != version {
			t.Errorf("changes with the flow %+v have version %d, want %d", of, got, version)
		}
	}
}

// TestTheDigestWithoutAKeyStays: a creation that an earlier version has stored is still the same when it is repeated.
func TestTheDigestWithoutAKeyStays(t *testing.T) {
	t.Parallel()
	was := sha256.Sum256([]byte(`{"After":null,"Timeout":0,"OnUnmet":"","Max":null,"Exceeded":"","Retry":null,"Parent":"","Detached":false,"Batch":"b"}`))
	if got := digest(&missions.Flow{Batch: "b"}); got != string(was[:16]) {
		t.Errorf("the digest is %x, and was %x", got, was[:16])
	}
}
