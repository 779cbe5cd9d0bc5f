package check

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// sets has a schedule set, and tells so.
func (w *world) sets(id, fields string) {
	w.call("c", "schedules.set", fmt.Sprintf(`{"id":%q%s}`, id, fields), `{}`)
	at := float64(w.at) / 1e9
	w.event(scheduleChanged, Payload{ScheduleID: id, ChangedAt: at})
	s := Schedule{}
	text := fmt.Sprintf(`{"id":%q,"catch_up_seconds":86400,"created_at":1000,"changed_at":%f%s}`, id, at, fields)
	_ = json.Unmarshal([]byte(text), &s) // it is what the test says
	w.Schedules[id] = s
	w.Calls[len(w.Calls)-1].Reply = json.RawMessage(text)
}

// until lets time pass up to a second.
func (w *world) until(at int64) { w.at = max(w.at, at*1e9) }

// occurs has the mission of a time created, and completed.
func (w *world) occurs(schedule string, at int64) { w.occursAs(schedule, at, int(at)) }

// occursAs has it run under a lease.
func (w *world) occursAs(schedule string, at int64, lease int) {
	w.until(at)
	id := fmt.Sprintf("%s-%d", schedule, at)
	w.event(missionCreated, Payload{MissionID: id, Status: pending})
	w.Missions[id] = Mission{ID: id, Name: "n"}
	w.given("a", id, lease, "")
	w.ends("a", id, lease, completed, fmt.Sprintf(`,"result":{"lease":%d}`, lease))
}

// scheduling returns evidence without violations: a schedule that catches up all, one that misses times, is paused,
// resumed and triggered, and missions of which some are cancelled together.
func scheduling() *world {
	w := &world{turns: map[string]int{}, Evidence: &Evidence{Missions: map[string]Mission{}, Schedules: map[string]Schedule{}}}
	w.until(1000)
	w.sets("all", `,"every_seconds":10,"catch_up":"all","mission":{"name":"n","unique":null}`)
	w.sets("some", `,"every_seconds":10,"offset_seconds":5,"catch_up":"last","mission":{"name":"n"}`)
	w.occurs("some", 1005)
	w.occurs("all", 1010)
	w.occurs("all", 1020)
	w.until(1026)
	w.event(scheduleMissed, Payload{ScheduleID: "some", Count: 2, From: 1015, To: 1025})
	w.occurs("all", 1030)
	w.until(1032)
	w.sets("some", `,"every_seconds":10,"offset_seconds":5,"catch_up":"last","paused":true,"mission":{"name":"n"}`)
	w.many()
	w.occurs("all", 1040)
	w.occurs("all", 1050)
	w.until(1052)
	w.sets("some", `,"every_seconds":10,"offset_seconds":5,"catch_up":"last","mission":{"name":"n"}`)
	w.occurs("some", 1055)
	w.until(1057)
	w.call("c", "schedules.trigger", `{"id":"some"}`, `{"mission":{"id":"some-1057"},"created":true}`)
	w.occurs("some", 1057)
	w.call("c", "missions.delete", `{"id":"some-1055"}`, `{"mission":{"id":"some-1055","status":"COMPLETED"}}`)
	w.call("c", "schedules.backfill", `{"id":"some","from":1050,"to":1056}`, `{"created":1,"existing":0}`)
	w.occursAs("some", 1055, 2055)
	w.SchedulesAt = 1058
	for id, next := range map[string]float64{"all": 1060, "some": 1065} {
		s := w.Schedules[id]
		s.NextAt = next
		w.Schedules[id] = s
	}
	some := w.Schedules["some"]
	some.Missed = 2
	w.Schedules["some"] = some
	return w
}

// many has two missions cancelled together, and one left alone that is created meanwhile.
func (w *world) many() {
	w.make("g1", `,"tags":["g"]`)
	w.make("g2", `,"tags":["g"]`)
	asOf := float64(w.at) / 1e9
	w.until(1033)
	w.make("g3", `,"tags":["g"]`)
	w.call("c", bulk, fmt.Sprintf(`{"action":"cancel","filter":{"tag":"g"},"as_of":%f,"reason":"many g"}`, asOf), `{"matched":2,"changed":2,"errors":[]}`)
	for _, id := range []string{"g1", "g2"} {
		w.cancelledByMany(id)
	}
	w.given("a", "g3", 1, "")
	w.ends("a", "g3", 1, completed, "")
}

func (w *world) cancelledByMany(id string) {
	w.event(statusChanged, Payload{MissionID: id, OldStatus: pending, NewStatus: cancelled, Reason: "cancelled by c: many g"})
	w.change(id, func(m *Mission) { m.Status, m.MaxAttempts = cancelled, 3 })
}

func TestNothingIsWrongWithSchedules(t *testing.T) {
	for _, v := range Check(scheduling().Evidence) {
		t.Error(v)
	}
}

// without removes a mission that a schedule created, and all that was said of it.
func (w *world) without(id string) {
	delete(w.Missions, id)
	for i := len(w.Events) - 1; i >= 0; i-- {
		if w.Events[i].Payload.MissionID == id {
			w.drop(i, true)
		}
	}
	for i := range w.Calls {
		if strings.Contains(string(w.Calls[i].Request)+string(w.Calls[i].Reply), fmt.Sprintf("%q", id)) {
			w.Calls[i] = Call{Op: "status"}
		}
	}
}

// schedule changes what is known of a schedule in the end.
func (w *world) schedule(id string, how func(*Schedule)) {
	s := w.Schedules[id]
	how(&s)
	w.Schedules[id] = s
}

// missedEvent returns the event that tells of missed times.
func (w *world) missedEvent() *Payload {
	for i := range w.Events {
		if w.Events[i].Type == scheduleMissed {
			return &w.Events[i].Payload
		}
	}
	panic("there is no such event")
}

var brokenSchedules = map[string]flowBreak{
	"a schedule is overdue":               {12, "it is still due then", func(w *world) { w.schedule("all", func(s *Schedule) { s.NextAt = 1050 }) }},
	"a schedule is never due again":       {12, "never due again", func(w *world) { w.schedule("all", func(s *Schedule) { s.NextAt = 0 }) }},
	"a time has no mission":               {12, "no event tells that it was missed", func(w *world) { w.without("all-1030") }},
	"a time is forgotten before a change": {12, "was due at 1005", func(w *world) { w.without("some-1005") }},
	"a time is missed for no reason": {12, "catches up all, and 1030 was missed", func(w *world) {
		w.without("all-1030")
		w.event(scheduleMissed, Payload{ScheduleID: "all", Count: 1, From: 1030, To: 1030})
		w.schedule("all", func(s *Schedule) { s.Missed = 1 })
	}},
	"a miss is not told":         {12, "was due at 1015", func(w *world) { w.missedEvent().From = 1025 }},
	"a miss is counted twice":    {12, "has missed 4 times", func(w *world) { w.schedule("some", func(s *Schedule) { s.Missed = 4 }) }},
	"a miss is not counted":      {12, "has missed 1 times", func(w *world) { w.schedule("some", func(s *Schedule) { s.Missed = 1 }) }},
	"a time has two missions":    {12, "was created 2 times", func(w *world) { w.event(missionCreated, Payload{MissionID: "all-1030", Status: pending}) }},
	"a mission is gone":          {12, "it is not there", func(w *world) { delete(w.Missions, "all-1030") }},
	"a mission is for no time":   {12, "was never due then", func(w *world) { w.occurs("all", 1059) }},
	"a schedule is due in pause": {12, "was paused, and mission some-1045", func(w *world) { w.occurs("some", 1045) }},
	"a trigger does nothing":     {12, "no event tells of mission some-1057", func(w *world) { w.without("some-1057"); w.triggered() }},
	"a deleted one comes back":   {1, "was deleted, and it is there", func(w *world) { w.matching("schedules.backfill", "some").replace("1056", "1054") }},
	"a trigger is another's":     {12, "is not one of its", func(w *world) { w.matching("schedules.trigger", "some").replace("some-1057", "all-1050") }},
	"many reach what is new": {1, "as of 1032", func(w *world) {
		w.make("g4", `,"tags":["g"]`)
		w.cancelledByMany("g4")
	}},
	"many reach what has changed": {1, "had changed at", func(w *world) {
		w.moved("g1", cancelled, pending, 0, "")
		w.cancelledByMany("g1")
	}},
	"a new one ends with many": {2, "nobody cancelled it", func(w *world) {
		w.make("g4", `,"tags":["g"]`)
		w.moved("g4", pending, cancelled, 0, "")
		w.change("g4", func(m *Mission) { m.Status = cancelled })
	}},
}

// triggered is the trigger again, after what was said of its mission was removed.
func (w *world) triggered() {
	w.call("c", "schedules.trigger", `{"id":"some"}`, `{"mission":{"id":"some-1057"},"created":true}`)
}

// Every violation of what is due, and of changes of many missions, is detected.
func TestWhatIsBrokenInSchedulesIsFound(t *testing.T) {
	for name, broken := range brokenSchedules {
		t.Run(name, func(t *testing.T) {
			w := scheduling()
			broken.how(w)
			for _, v := range Check(w.Evidence) {
				if v.Guarantee == broken.guarantee && strings.Contains(v.What, broken.says) {
					return
				}
			}
			t.Errorf("guarantee %d is broken, and the checker does not say %q but %v", broken.guarantee, broken.says, Check(w.Evidence))
		})
	}
}
