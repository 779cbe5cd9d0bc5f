package check

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// make has a mission created with more fields than those of create.
func (w *world) make(id, fields string) {
	body := fmt.Sprintf(`{"id":%q,"name":"n"%s}`, id, fields)
	w.call("c", "missions.create", body, `{"mission":`+body+`,"created":true}`)
	w.event(missionCreated, Payload{MissionID: id, Status: pending})
	var m Mission
	_ = json.Unmarshal([]byte(body), &m) // it is what the test says
	w.Missions[id] = m
}

func (w *world) waits(id string, conditions ...Condition) {
	w.event(missionWaiting, Payload{MissionID: id, Conditions: conditions})
}

func (w *world) ready(id string) { w.event(missionReady, Payload{MissionID: id}) }

// given is a claim that hands out more than a mission's ID.
func (w *world) given(agent, id string, lease int, fields string) {
	w.turns[id]++
	w.call(agent, "agent.claim", `{"max":1}`, fmt.Sprintf(`{"missions":[{"id":%q,"lease":%d,"attempt":1,"turn":%d,"status":"RUNNING"%s}]}`, id, lease, w.turns[id], fields))
	w.moved(id, pending, running, 1, agent)
}

// reports is a confirmed report under a lease.
func (w *world) reports(agent, op, id string, lease int, fields string) {
	w.call(agent, op, fmt.Sprintf(`{"mission_id":%q,"lease":%d%s}`, id, lease, fields), `{}`)
}

func (w *world) signal(id, name, data string, seq int) {
	w.call("c", "missions.signal", fmt.Sprintf(`{"id":%q,"name":%q,"data":%s,"signal_id":"s-%s-%d"}`, id, name, data, name, seq), fmt.Sprintf(`{"seq":%d,"delivered":"waiting"}`, seq))
	w.event(missionSignalled, Payload{MissionID: id, Seq: seq, Name: name})
	w.change(id, func(m *Mission) {
		m.Signals = append(m.Signals, Signal{Seq: seq, Name: name, Data: json.RawMessage(data)})
	})
}

func (w *world) seen(agent, id string, lease, seq int) {
	w.call(agent, "agent.heartbeat", fmt.Sprintf(`{"running":[{"mission_id":%q,"lease":%d,"seen":%d}]}`, id, lease, seq), `{}`)
	w.event(signalSeen, Payload{MissionID: id, Seq: seq, AgentID: agent})
	w.change(id, func(m *Mission) { m.Signals[seq-1].SeenAt, m.Signals[seq-1].SeenBy = 1, agent })
}

// ends has a mission end as told.
func (w *world) ends(agent, id string, lease int, status, fields string) {
	switch status {
	case completed:
		w.reports(agent, "agent.complete", id, lease, fields)
	case failed:
		w.reports(agent, "agent.fail", id, lease, `,"error":"no","retryable":false`+fields)
	}
	old := running
	if agent == "" {
		old = pending
	}
	w.moved(id, old, status, 1, agent)
	var m Mission
	_ = json.Unmarshal([]byte("{"+strings.TrimPrefix(fields, ",")+"}"), &m) // it is what the test says
	w.change(id, func(is *Mission) {
		is.Status, is.Result, is.AgentID, is.Turn, is.Attempt = status, m.Result, agent, w.turns[id], 1
		is.MaxAttempts = 3
	})
}

// flowing returns evidence without violations of missions that wait, keep and spend: a pipeline with an
// approval, a mission that is parked, a batch, a parent that fails, and one that uses too much.
func flowing() *world {
	w := &world{turns: map[string]int{}, Evidence: &Evidence{Missions: map[string]Mission{}, Batches: map[string]Batch{}, Usage: map[string]float64{"tokens": 31}}}
	w.parked()
	w.approved()
	w.inABatch()
	w.family()
	w.make("capped", `,"max_usage":{"tokens":10}`)
	w.given("a", "capped", 40, "")
	w.reports("a", "agent.progress", "capped", 40, `,"usage":{"tokens":20}`)
	w.moved("capped", running, failed, 1, "a")
	w.change("capped", func(m *Mission) {
		m.Status, m.AgentID, m.Turn, m.Attempt, m.MaxAttempts, m.Usage = failed, "a", 1, 1, 3, map[string]float64{"tokens": 20}
	})
	w.at += 100e9 // all is quiet
	w.call("c", "status", `{}`, `{}`)
	return w
}

func (w *world) parked() {
	w.make("deploy", `,"after":[{"mission":"build"},{"signal":"approved"}]`)
	w.waits("deploy", Condition{Mission: "build"}, Condition{Signal: "approved"})
	w.make("build", "")
	w.given("a", "build", 11, "")
	w.reports("a", "agent.progress", "build", 11, `,"checkpoint":{"step":1},"usage":{"tokens":5}`)
	w.reports("a", "agent.release", "build", 11, `,"after":[{"signal":"go"}],"checkpoint":{"step":2},"usage":{"tokens":7}`)
	w.moved("build", running, pending, 1, "a")
	w.waits("build", Condition{Signal: "go"})
	w.signal("build", "go", `{"n":1}`, 1)
	w.ready("build")
	w.given("b", "build", 12, `,"checkpoint":{"step":2},"signals":[{"seq":1,"name":"go"}]`)
	w.seen("b", "build", 12, 1)
	w.signal("build", "news", `{"n":2}`, 2)
	w.call("b", "agent.signals", `{"mission_id":"build","lease":12,"after":1}`, `{"signals":[{"seq":2,"name":"news"}]}`)
	w.ends("b", "build", 12, completed, `,"result":{"lease":12},"usage":{"tokens":4}`)
	w.change("build", func(m *Mission) { m.Usage = map[string]float64{"tokens": 11} })
}

func (w *world) approved() {
	w.signal("deploy", "approved", `"yes"`, 1)
	w.ready("deploy")
	w.given("b", "deploy", 13, `,"signals":[{"seq":1,"name":"approved"}],"inputs":{"build":{"status":"COMPLETED","result":{"lease":12}}}`)
	w.ends("b", "deploy", 13, completed, `,"result":{"lease":13}`)
	w.change("deploy", func(m *Mission) {
		m.WaitedFor = []Wait{{Condition{Mission: "build"}, true, completed}, {Condition{Signal: "approved"}, true, ""}}
	})
}

func (w *world) inABatch() {
	w.make("t1", `,"batch":"t"`)
	w.make("t2", `,"batch":"t"`)
	w.make("all", `,"after":[{"batch":"t","when":"ended"}]`)
	w.waits("all", Condition{Batch: "t"})
	w.call("c", "batches.close", `{"id":"t"}`, `{"id":"t"}`)
	w.call("c", "missions.create", `{"missions":[{"id":"alone","name":"n","batch":"u"}],"close_batch":true}`,
		`{"results":[{"mission":{"id":"alone","name":"n","batch":"u"},"created":true}]}`)
	w.event(missionCreated, Payload{MissionID: "alone", Status: pending})
	w.Missions["alone"] = Mission{ID: "alone", Name: "n", Flow: Flow{Batch: "u"}}
	w.given("a", "alone", 19, "")
	w.ends("a", "alone", 19, completed, "")
	w.Batches["u"] = Batch{ID: "u", Total: 1, ByStatus: map[string]int{completed: 1}, EndedAt: 1}
	for i, id := range []string{"t1", "t2"} {
		w.given("a", id, 20+i, "")
		w.ends("a", id, 20+i, []string{completed, failed}[i], "")
	}
	w.ready("all")
	w.given("a", "all", 22, "")
	w.ends("a", "all", 22, completed, "")
	w.Batches["t"] = Batch{ID: "t", Total: 2, ByStatus: map[string]int{completed: 1, failed: 1}, EndedAt: 1}
}

func (w *world) family() {
	w.make("parent", "")
	w.make("next", `,"after":[{"mission":"parent"}]`)
	w.waits("next", Condition{Mission: "parent"})
	w.given("a", "parent", 30, "")
	w.call("a", "agent.create", `{"mission_id":"parent","lease":30,"missions":[{"id":"child","name":"n"}]}`,
		`{"results":[{"mission":{"id":"child","name":"n","parent_id":"parent"},"created":true}]}`)
	w.event(missionCreated, Payload{MissionID: "child", Status: pending})
	w.Missions["child"] = Mission{ID: "child", Name: "n", Flow: Flow{ParentID: "parent"}}
	w.ends("a", "parent", 30, failed, "")
	w.ends("", "next", 0, cancelled, "")
	w.ends("", "child", 0, cancelled, "")
	w.call("c", "missions.retry", `{"id":"parent","dependents":true}`, `{"mission":{"id":"parent","status":"PENDING"}}`)
	w.moved("parent", failed, pending, 0, "")
	w.moved("next", cancelled, pending, 0, "")
	w.waits("next", Condition{Mission: "parent"})
	w.given("a", "parent", 31, "")
	w.ends("a", "parent", 31, completed, "")
	w.ready("next")
	w.given("a", "next", 32, "")
	w.ends("a", "next", 32, completed, "")
}

func TestNothingIsWrongWithFlow(t *testing.T) {
	for _, v := range Check(flowing().Evidence) {
		t.Error(v)
	}
}

// A signal without an answer keeps its place when it is sent again, whoever was answered in between.
func TestARepeatedSignalKeepsItsPlace(t *testing.T) {
	w := flowing()
	first := w.signalOf("go")
	request, reply := string(first.Request), string(first.Reply)
	first.Told, first.Outcome, first.Reply = 0, Unknown, nil
	w.call("c", "missions.signal", request, reply)
	calls := slices.Clone(w.Calls)
	slices.Reverse(calls) // of two clients, either may come first
	for _, w.Calls = range [][]Call{w.Calls, calls} {
		for _, v := range Check(w.Evidence) {
			t.Error(v)
		}
	}
}

// The ID of a deleted mission may be used again: what was seen of its signals says nothing about those of the new one.
func TestSignalsOfADeletedMissionAreNotThoseOfTheNext(t *testing.T) {
	w := flowing()
	for lease := 90; lease < 92; lease++ {
		w.make("again", `,"after":[{"signal":"go"}]`)
		w.turns["again"] = 0
		w.waits("again", Condition{Signal: "go"})
		w.signal("again", "go", `"yes"`, 1)
		w.Calls[len(w.Calls)-1].replace("s-go-1", fmt.Sprint("s-", lease))
		w.ready("again")
		w.given("a", "again", lease, "")
		if lease == 90 {
			w.seen("a", "again", lease, 1)
			w.call("c", "missions.cancel", `{"id":"again"}`, `{"mission":{"id":"again","status":"CANCELLED"}}`)
			w.moved("again", running, cancelled, 1, "a")
			w.call("c", "missions.delete", `{"id":"again"}`, `{"mission":{"id":"again","status":"CANCELLED"}}`)
		}
	}
	w.ends("a", "again", 91, completed, `,"result":{}`)
	for _, v := range Check(w.Evidence) {
		t.Error(v)
	}
}

// at returns the position of a mission's event of a type, counted from 0.
func (w *world) nth(mission, eventType string, n int) int {
	for i := range w.Events {
		if w.Events[i].Payload.MissionID == mission && w.Events[i].Type == eventType {
			if n == 0 {
				return i
			}
			n--
		}
	}
	panic("there is no such event")
}

// early moves an event to the place before another one.
func (w *world) early(event, before int) {
	e := w.Events[event]
	w.Events = append(w.Events[:event:event], w.Events[event+1:]...)
	w.Events = append(w.Events[:before:before], append([]Event{e}, w.Events[before:]...)...)
	for i := range w.Events {
		w.Events[i].Seq, w.Events[i].Position = uint64(i+1), int64(i+1)
	}
}

// replace changes the text of a request and its answer.
func (c *Call) replace(old, is string) {
	c.Request = json.RawMessage(strings.ReplaceAll(string(c.Request), old, is))
	c.Reply = json.RawMessage(strings.ReplaceAll(string(c.Reply), old, is))
}

type flowBreak struct {
	guarantee int
	says      string
	how       func(*world)
}

var brokenWaits = map[string]flowBreak{
	"a mission starts too early": {10, "while it waits", func(w *world) {
		w.early(w.place("deploy", running), w.nth("deploy", missionReady, 0))
	}},
	"a mission is woken too early": {10, "has not happened", func(w *world) {
		w.early(w.nth("deploy", missionReady, 0), w.place("build", completed))
	}},
	"a mission is woken without its signal": {10, "has not happened", func(w *world) {
		w.early(w.nth("build", missionReady, 0), w.nth("build", missionSignalled, 0))
	}},
	"a batch wakes too early": {10, "has not happened", func(w *world) {
		w.early(w.nth("all", missionReady, 0), w.place("t2", failed))
	}},
	"a mission never waits": {10, "is not met", func(w *world) {
		w.drop(w.nth("deploy", missionReady, 0), true)
		w.drop(w.nth("deploy", missionWaiting, 0), true)
		w.early(w.place("deploy", running), w.place("build", completed))
	}},
	"a mission is woken twice": {10, "did not wait", func(w *world) {
		w.ready("deploy")
	}},
	"a mission is never woken": {10, "waited on for", func(w *world) {
		w.Events = w.Events[:w.nth("next", missionReady, 0)]
	}},
	"a mission waits twice": {10, "it waits already: true", func(w *world) {
		w.drop(w.nth("build", missionReady, 0), true)
		w.waits("build", Condition{Signal: "go"})
		w.early(len(w.Events)-1, w.nth("build", missionWaiting, 0)+1)
	}},
	"a wait ends for no reason": {10, "nothing ended it", func(w *world) {
		w.moved("deploy", pending, cancelled, 0, "")
		w.early(len(w.Events)-1, w.place("build", completed))
	}},
	"a mission fails that should be cancelled": {10, "nothing ended it", func(w *world) {
		w.Events[w.place("next", cancelled)].Payload.NewStatus = failed
	}},
	"a mission that ended waits": {10, "and waits for", func(w *world) {
		w.change("deploy", func(m *Mission) { m.WaitingFor = m.WaitedFor })
	}},
	"a mission is given that waits": {10, "which waits for", func(w *world) {
		w.find("b", "agent.claim", "deploy").replace(`"status"`, `"waiting_for":[{"mission":"build"}],"status"`)
	}},
	"a condition is met by nothing": {10, "was met, which it was not", func(w *world) {
		w.change("deploy", func(m *Mission) { m.WaitedFor[1].Signal = "other" })
	}},
	"a source ended otherwise": {10, "which it did not", func(w *world) {
		w.change("deploy", func(m *Mission) { m.WaitedFor[0].Status = failed })
	}},
	"a dependent is not retried": {10, "not retried with it", func(w *world) {
		for w.Events[len(w.Events)-1].Payload.MissionID != "parent" {
			w.drop(len(w.Events)-1, true)
		}
		w.drop(w.nth("next", statusChanged, 1), true)
		w.drop(w.nth("next", missionWaiting, 1), true)
	}},
	"a parked mission's lease is believed": {3, "which agent.release had ended", func(w *world) {
		w.reports("a", "agent.progress", "build", 11, `,"percent":1`)
		last := w.Calls[len(w.Calls)-1]
		last.Asked, last.Told = w.find("a", "agent.release", "build").Told+1, w.find("a", "agent.release", "build").Told+2
		w.Calls[len(w.Calls)-1] = last
	}},
	"a batch counts wrongly":                {10, "counts 1 missions that are COMPLETED", func(w *world) { w.change("t1", func(m *Mission) { m.Status = failed }) }},
	"a batch has a wrong total":             {10, "counts 2 missions, and there are 3", func(w *world) { w.change("all", func(m *Mission) { m.Batch = "t" }) }},
	"a batch is gone":                       {10, "which does not exist", func(w *world) { delete(w.Batches, "t") }},
	"a batch does not end":                  {10, "missions that live", func(w *world) { w.Batches["t"] = Batch{ID: "t", Total: 2, ByStatus: w.Batches["t"].ByStatus} }},
	"a batch that is closed opens":          {10, "was closed, and is open", func(w *world) { b := w.Batches["t"]; b.Open, b.EndedAt = true, 0; w.Batches["t"] = b }},
	"a batch is not closed that was filled": {10, "was closed, and is open", func(w *world) { b := w.Batches["u"]; b.Open, b.EndedAt = true, 0; w.Batches["u"] = b }},
	"a child outlives its parent":           {10, "lived on for", func(w *world) { w.drop(w.place("child", cancelled), true) }},
	"a mission is not in its batch":         {1, "another batch", func(w *world) { w.change("t1", func(m *Mission) { m.Batch = "" }) }},
}

var brokenReports = map[string]flowBreak{
	"a checkpoint is lost": {11, "with the checkpoint none", func(w *world) {
		w.claimOf("build", 12).replace(`"checkpoint":{"step":2},`, "")
	}},
	"a checkpoint is an earlier one": {11, "is not the last", func(w *world) {
		w.claimOf("build", 12).replace(`{"step":2}`, `{"step":1}`)
	}},
	"a checkpoint is nobody's": {11, "is not the last", func(w *world) {
		w.claimOf("deploy", 13).replace(`"status"`, `"checkpoint":{"step":9},"status"`)
	}},
	"a stale agent sets a checkpoint": {11, "is not the last", func(w *world) {
		w.refused("a", "agent.progress", `{"mission_id":"build","lease":11,"checkpoint":{"step":8}}`, "lease_lost")
		w.claimOf("build", 12).replace(`{"step":2}`, `{"step":8}`)
	}},
	"a turn is counted twice": {11, "turns", func(w *world) { w.change("build", func(m *Mission) { m.Turn = 3 }) }},
	"a turn is not counted":   {11, "are its turns 1 and 1", func(w *world) { w.claimOf("build", 12).replace(`"turn":2`, `"turn":1`) }},
	"an input is another result": {11, "has the result", func(w *world) {
		w.claimOf("deploy", 13).replace(`"result":{"lease":12}`, `"result":{"lease":11}`)
	}},
	"an input is another end": {11, "and that never was", func(w *world) {
		w.claimOf("deploy", 13).replace(`{"status":"COMPLETED"`, `{"status":"FAILED"`)
	}},
	"usage is counted twice": {11, "has used 18", func(w *world) {
		w.change("build", func(m *Mission) { m.Usage["tokens"] += 7 })
	}},
	"usage is lost": {11, "has used 4", func(w *world) {
		w.change("build", func(m *Mission) { m.Usage["tokens"] = 4 })
	}},
	"the statistics count usage twice": {11, "the statistics count", func(w *world) { w.Usage["tokens"]++ }},
	"a mission goes on that has used too much": {11, "more than its maximum", func(w *world) {
		w.reports("a", "agent.progress", "capped", 40, `,"percent":1`)
	}},
	"a mission fails that has used little": {2, "is FAILED", func(w *world) {
		w.find("a", "agent.progress", "capped").replace(`"tokens":20`, `"tokens":9`)
	}},
	"a signal is forgotten": {11, "it is not there", func(w *world) {
		w.change("build", func(m *Mission) { m.Signals = m.Signals[:1] })
	}},
	"a signal is another": {11, "and is \"news\"", func(w *world) {
		w.change("build", func(m *Mission) { m.Signals[1].Data = json.RawMessage(`{"n":7}`) })
	}},
	"a signal has no event": {11, "no event tells so", func(w *world) {
		w.drop(w.nth("build", missionSignalled, 1), true)
	}},
	"a signal is stored twice": {11, "2 signals \"approved\", and 1 were sent", func(w *world) {
		w.event(missionSignalled, Payload{MissionID: "deploy", Seq: 2, Name: "approved"})
	}},
	"a repeated signal is another one": {11, "were accepted as its signals", func(w *world) {
		w.call("c", "missions.signal", `{"id":"build","name":"go","data":{"n":1},"signal_id":"s-go-1"}`, `{"seq":2,"delivered":"stored"}`)
	}},
	"signals change places": {11, "in another order", func(w *world) {
		w.signalOf("go").replace(`"seq":1`, `"seq":2`)
		w.signalOf("news").replace(`"seq":2`, `"seq":1`)
	}},
	"signals are numbered with a gap": {11, "comes after signal 1", func(w *world) {
		w.Events[w.nth("build", missionSignalled, 1)].Payload.Seq = 3
	}},
	"a signal is not given": {11, "which no agent has acknowledged", func(w *world) {
		w.claimOf("build", 12).replace(`"signals":[{"seq":1,"name":"go"}]`, `"signals":[]`)
	}},
	"a signal is not read": {11, "is not among those", func(w *world) {
		w.find("b", "agent.signals", "build").replace(`{"seq":2,"name":"news"}`, "")
	}},
	"a signal is seen that nobody has seen": {11, "never said so", func(w *world) {
		w.find("b", "agent.heartbeat", "build").replace(`"seen":1`, `"seen":0`)
	}},
	"a signal is seen twice": {11, "seen before: true", func(w *world) {
		w.event(signalSeen, Payload{MissionID: "build", Seq: 1, AgentID: "b"})
	}},
	"a receipt is lost": {11, "and by its events: true", func(w *world) {
		w.change("build", func(m *Mission) { m.Signals[0].SeenAt = 0 })
	}},
}

// claimOf returns the claim that gave a lease.
func (w *world) claimOf(mission string, lease int) *Call {
	return w.matching("agent.claim", fmt.Sprintf(`"id":%q,"lease":%d,`, mission, lease))
}

func (w *world) signalOf(name string) *Call {
	return w.matching("missions.signal", fmt.Sprintf(`"name":%q`, name))
}

func (w *world) matching(op, text string) *Call {
	for i := range w.Calls {
		if c := &w.Calls[i]; c.Op == op && strings.Contains(string(c.Request)+string(c.Reply), text) {
			return c
		}
	}
	panic("there is no such call")
}

// Every violation of what missions wait for, keep and spend is detected.
func TestWhatIsBrokenInFlowIsFound(t *testing.T) {
	for _, all := range []map[string]flowBreak{brokenWaits, brokenReports} {
		for name, broken := range all {
			t.Run(name, func(t *testing.T) {
				w := flowing()
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
}
