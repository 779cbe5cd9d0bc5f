package check

import (
	"fmt"
	"strings"
	"testing"
)

// unique has a mission with the key k asked for; holder is the mission in the answer.
func (w *world) unique(id, onConflict, holder string, seconds int) {
	body := fmt.Sprintf(`{"id":%q,"name":"n","unique":{"key":"k","on_conflict":%q,"for_seconds":%d}}`, id, onConflict, seconds)
	w.call("c", "missions.create", body, fmt.Sprintf(`{"mission":%s,"created":%v}`, strings.Replace(body, id, holder, 1), id == holder))
	if id != holder {
		return
	}
	w.event(missionCreated, Payload{MissionID: id, Status: pending})
	w.Missions[id] = Mission{ID: id, Name: "n", Flow: Flow{Unique: &Unique{"k", onConflict, float64(seconds)}}}
}

func (w *world) replaced(id, old, by string) {
	w.event(statusChanged, Payload{MissionID: id, OldStatus: old, NewStatus: cancelled, Reason: "replaced by mission " + by})
	w.change(id, func(m *Mission) { m.Status, m.Turn = cancelled, w.turns[id] })
}

// keyed returns evidence without violations of missions with one key: one is kept, one replaced while it is
// pending, one waits and is replaced, one waits until another has failed, one is replaced while it runs.
func keyed() *world {
	w := &world{turns: map[string]int{}, Evidence: &Evidence{Missions: map[string]Mission{}, Usage: map[string]float64{}}}
	w.unique("first", "keep", "first", 0)
	w.unique("kept", "keep", "first", 0)
	w.at += 5e9
	w.replaced("first", pending, "second")
	w.unique("second", "replace_pending", "second", 0)
	w.given("a", "second", 1, "")
	w.unique("third", "replace_pending", "third", 0)
	w.waits("third", Condition{Mission: "second"})
	w.replaced("third", pending, "fourth")
	w.unique("fourth", "replace_pending", "fourth", 0)
	w.waits("fourth", Condition{Mission: "second"})
	w.ends("a", "second", 1, failed, "")
	w.ready("fourth")
	w.given("a", "fourth", 2, "")
	w.replaced("fourth", running, "fifth")
	w.unique("fifth", "replace", "fifth", 60)
	w.given("b", "fifth", 3, "")
	w.ends("b", "fifth", 3, completed, `,"result":{"lease":3}`)
	w.at += 30e9
	w.unique("also", "keep", "fifth", 0)
	w.at += 100e9
	w.call("c", "status", `{}`, `{}`)
	return w
}

func TestNothingIsWrongWithTheseKeys(t *testing.T) {
	for _, v := range Check(keyed().Evidence) {
		t.Error(v)
	}
}

// Every violation of what is promised of unique keys is detected.
func TestWhatIsBrokenOfUniqueKeysIsFound(t *testing.T) {
	for name, broken := range map[string]flowBreak{
		"two run": {13, "is RUNNING", func(w *world) {
			w.drop(w.place("fourth", cancelled), true)
		}},
		"one starts beside one that does not wait for it": {13, "is PENDING", func(w *world) {
			w.drop(w.place("first", cancelled), true)
		}},
		"one that waits starts too early": {13, "is RUNNING", func(w *world) {
			w.early(w.place("fourth", running), w.place("second", failed))
		}},
		"a mission that keeps replaces": {13, "did not ask for its key", func(w *world) {
			w.find("c", "missions.create", `"id":"second"`).replace("replace_pending", "keep")
		}},
		"a running one is replaced that should not be": {13, "asked to replace a pending one", func(w *world) {
			w.find("c", "missions.create", "fifth").replace(`"replace"`, `"replace_pending"`)
		}},
		"one is kept that has ended": {13, "which held the key", func(w *world) {
			w.find("c", "missions.create", "also").replace(`"id":"fifth"`, `"id":"second"`)
		}},
		"one is kept longer than its time": {13, "which held the key", func(w *world) {
			w.find("c", "missions.create", "fifth").replace(`"for_seconds":60`, `"for_seconds":20`)
		}},
		"one is kept that has another key": {13, "does not have its key", func(w *world) {
			w.create("stranger")
			w.find("c", "missions.create", "also").replace(`"id":"fifth"`, `"id":"stranger"`)
		}},
		"one that replaces is told of another": {13, "which it replaces", func(w *world) {
			w.find("c", "missions.create", "also").replace(`"keep"`, `"replace"`)
		}},
		"a mission loses its key": {1, "another unique", func(w *world) {
			w.change("fifth", func(m *Mission) { m.Unique = nil })
		}},
		"a mission is cancelled by nobody": {2, "nobody cancelled it", func(w *world) {
			w.Events[w.place("first", cancelled)].Payload.Reason = "because"
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := keyed()
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
