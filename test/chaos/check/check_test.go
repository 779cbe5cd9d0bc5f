package check

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// world builds evidence by hand.
type world struct {
	*Evidence
	at    int64
	n     int
	turns map[string]int
}

// call adds a request with its answer; an empty reply means that there was none.
func (w *world) call(who, op, request, reply string) *Call {
	w.at += 10
	w.n++
	c := Call{Who: who, Life: 1, N: w.n, Op: op, Asked: w.at, Request: json.RawMessage(request), Outcome: Unknown}
	if reply != "" {
		w.at += 10
		c.Told, c.Outcome, c.Reply = w.at, OK, json.RawMessage(reply)
	}
	w.Calls = append(w.Calls, c)
	return &w.Calls[len(w.Calls)-1]
}

// refused adds a request that was answered with an error.
func (w *world) refused(who, op, request, code string) {
	c := w.call(who, op, request, "{}")
	c.Outcome, c.Code = Refused, code
}

// event adds an event to the stream, and to the mission's log if it belongs there.
func (w *world) event(eventType string, p Payload) {
	n := len(w.Events) + 1
	id := fmt.Sprint("event-", n)
	w.Events = append(w.Events, Event{Seq: uint64(n), Subject: "events." + eventType, MsgID: id, ID: id, Type: eventType,
		Timestamp: float64(w.at) / 1e9, Payload: p, Outbox: "outbox", Position: int64(n)})
	switch eventType {
	case statusChanged:
		w.log(p.MissionID, p.OldStatus+arrow+p.NewStatus+": "+p.Reason)
	case logAppended:
		w.log(p.MissionID, p.Message)
	}
}

func (w *world) log(mission, message string) {
	if w.Logs == nil {
		return // nobody reads them
	}
	w.Logs[mission] = append(w.Logs[mission], LogEntry{Message: message})
}

func (w *world) moved(mission, old, is string, attempt int, agent string) {
	w.event(statusChanged, Payload{MissionID: mission, OldStatus: old, NewStatus: is, Attempt: attempt, AgentID: agent, Reason: "because"})
}

func (w *world) create(id string) {
	w.call("c", "missions.create", fmt.Sprintf(`{"id":%q,"name":"n","max_attempts":2,"data":{"n":1}}`, id),
		fmt.Sprintf(`{"mission":{"id":%q,"name":"n","max_attempts":2,"data":{"n":1},"status":"PENDING"},"created":true}`, id))
	w.event(missionCreated, Payload{MissionID: id, Status: pending})
}

func (w *world) claim(agent, id string, lease, attempt int) {
	w.turns[id]++
	w.call(agent, "agent.claim", `{"max":1}`, fmt.Sprintf(`{"missions":[{"id":%q,"lease":%d,"attempt":%d,"turn":%d,"status":"RUNNING"}]}`, id, lease, attempt, w.turns[id]))
	w.moved(id, pending, running, attempt, agent)
}

func (w *world) complete(agent, id string, lease, attempt int) {
	w.call(agent, "agent.complete", fmt.Sprintf(`{"mission_id":%q,"lease":%d,"result":{"lease":%d}}`, id, lease, lease),
		fmt.Sprintf(`{"mission":{"id":%q,"status":"COMPLETED"}}`, id))
	w.moved(id, running, completed, attempt, agent)
}

// good returns evidence without violations: a mission that outlived its agent, one
// that was cancelled and retried and failed, and one that was deleted.
func good() *world {
	w := &world{turns: map[string]int{}, Evidence: &Evidence{Missions: map[string]Mission{}, Logs: map[string][]LogEntry{}, Agents: map[string]bool{"a": true, "b": true}}}
	for _, agent := range []string{"a", "b"} {
		w.call(agent, "agent.register", `{}`, `{"heartbeat_seconds":1}`)
		w.event(agentOnline, Payload{AgentID: agent})
	}
	w.create("outlived")
	w.claim("a", "outlived", 1, 1)
	w.Faults = append(w.Faults, Fault{Kind: KindKillAgent, Target: "a", From: w.at, To: w.at + 1})
	w.moved("outlived", running, pending, 1, "a")
	w.event(agentOffline, Payload{AgentID: "a"})
	w.claim("b", "outlived", 3, 2)
	w.call("b", "agent.log", `{"mission_id":"outlived","lease":3,"message":"hello"}`, `{}`)
	w.event(logAppended, Payload{MissionID: "outlived", Message: "hello"})
	w.refused("a", "agent.complete", `{"mission_id":"outlived","lease":1,"result":"late"}`, "lease_lost")
	w.complete("b", "outlived", 3, 2)
	w.call("c", "missions.get", `{"id":"outlived"}`, `{"mission":{"id":"outlived","status":"COMPLETED"}}`)
	w.Missions["outlived"] = Mission{ID: "outlived", Name: "n", Data: json.RawMessage(`{"n":1}`), MaxAttempts: 2, Attempt: 2,
		Status: completed, AgentID: "b", Result: json.RawMessage(`{"lease":3}`), Flow: Flow{Turn: 2}}

	w.create("failed")
	w.call("c", "missions.cancel", `{"id":"failed"}`, `{"mission":{"id":"failed","status":"CANCELLED"}}`)
	w.moved("failed", pending, cancelled, 0, "")
	w.call("c", "missions.retry", `{"id":"failed"}`, `{"mission":{"id":"failed","status":"PENDING"}}`)
	w.moved("failed", cancelled, pending, 0, "")
	w.claim("b", "failed", 4, 1)
	w.call("b", "agent.fail", `{"mission_id":"failed","lease":4,"error":"no","retryable":false}`, `{"mission":{"id":"failed","status":"FAILED"}}`)
	w.moved("failed", running, failed, 1, "b")
	w.Missions["failed"] = Mission{ID: "failed", Name: "n", Data: json.RawMessage(`{"n":1}`), MaxAttempts: 2, Attempt: 1, Status: failed, AgentID: "b", Flow: Flow{Turn: 1}}

	w.create("deleted")
	w.call("c", "missions.delete", `{"id":"deleted"}`, `{"mission":{"id":"deleted","status":"PENDING"}}`)
	w.moved("deleted", pending, cancelled, 0, "")
	delete(w.Logs, "deleted")

	from := w.at
	for _, who := range []string{Observer, NATSObserver} {
		for _, op := range []string{"status", "missions.create", "missions.get"} {
			w.call(who, op, `{"id":"failed","name":"n","data":{"n":1},"max_attempts":2}`,
				`{"mission":{"id":"failed","name":"n","data":{"n":1},"max_attempts":2,"status":"FAILED"}}`)
		}
		w.call(who, "health", `{}`, `{"status":"degraded"}`)
	}
	w.Faults = append(w.Faults, Fault{Kind: KindNoJetStream, From: from, To: w.at + 1})
	w.Counts = &Counts{Total: 2, Completed: 1, Failed: 1}
	w.Table = map[string]Row{"outlived": {completed, 3, json.RawMessage(`{"lease":3}`)}, "failed": {failed, 4, nil}}
	return w
}

func TestNothingIsWrongWithWhatIsRight(t *testing.T) {
	for _, v := range Check(good().Evidence) {
		t.Error(v)
	}
}

// find returns the only call of who about a mission.
func (w *world) find(who, op, mission string) *Call {
	for i := range w.Calls {
		if c := &w.Calls[i]; c.Who == who && c.Op == op && strings.Contains(string(c.Request)+string(c.Reply), mission) {
			return c
		}
	}
	panic("there is no such call")
}

// drop removes an event from the stream. With closeUp it renumbers the later ones,
// so that only the event's content is missing.
func (w *world) drop(i int, closeUp bool) {
	w.Events = append(w.Events[:i:i], w.Events[i+1:]...)
	for ; closeUp && i < len(w.Events); i++ {
		w.Events[i].Position--
	}
}

// place returns the position of an event in the stream.
func (w *world) place(mission, status string) int {
	for i, e := range w.Events {
		if e.Payload.MissionID == mission && (e.Payload.NewStatus == status || e.Payload.Status == status) {
			return i
		}
	}
	panic("there is no such event")
}

func (w *world) change(mission string, how func(*Mission)) {
	m := w.Missions[mission]
	how(&m)
	w.Missions[mission] = m
}

// Every violation is detected, and its guarantee named.
func TestWhatIsBrokenIsFound(t *testing.T) {
	for name, broken := range map[string]struct {
		guarantee int
		how       func(*world)
	}{
		"a confirmed mission is gone":          {1, func(w *world) { delete(w.Missions, "outlived"); delete(w.Logs, "outlived") }},
		"a confirmed mission has other data":   {1, func(w *world) { w.change("outlived", func(m *Mission) { m.Data = json.RawMessage(`{"n":2}`) }) }},
		"a confirmed mission has another name": {1, func(w *world) { w.change("failed", func(m *Mission) { m.Name = "other" }) }},
		"a mission comes from nowhere":         {1, func(w *world) { w.Missions["nobody's"] = Mission{ID: "nobody's", Status: cancelled} }},
		"a completed mission is done again":    {1, func(w *world) { w.change("outlived", func(m *Mission) { m.Status = failed }) }},
		"a deleted mission is back": {1, func(w *world) {
			w.Missions["deleted"] = Mission{ID: "deleted", Name: "n", MaxAttempts: 2, Data: json.RawMessage(`{"n":1}`), Status: cancelled}
		}},
		"a confirmed mission is not found": {1, func(w *world) {
			w.refused("c", "missions.get", `{"id":"failed"}`, "not_found")
		}},
		"a completed mission is read as running": {1, func(w *world) {
			w.call("c", "missions.get", `{"id":"outlived"}`, `{"mission":{"id":"outlived","status":"RUNNING"}}`)
		}},
		"a confirmed word is not in the log": {1, func(w *world) {
			w.Logs["outlived"] = w.Logs["outlived"][:2]
		}},
		"a word stands in the log twice":   {1, func(w *world) { w.log("outlived", "hello") }},
		"an agent is forgotten":            {1, func(w *world) { delete(w.Agents, "a") }},
		"the counters are wrong":           {1, func(w *world) { w.Counts.Running++ }},
		"the database says something else": {1, func(w *world) { w.Table["failed"] = Row{running, 4, nil} }},

		"a mission is stuck": {2, func(w *world) {
			w.drop(w.place("failed", failed), true)
			w.find("b", "agent.fail", "failed").Outcome = Unknown
			w.change("failed", func(m *Mission) { m.Status = running })
		}},
		"a mission fails for nothing": {2, func(w *world) {
			w.find("b", "agent.fail", "failed").Request = json.RawMessage(`{"mission_id":"failed","lease":4,"error":"no"}`)
		}},
		"a mission is cancelled by nobody": {2, func(w *world) {
			w.change("outlived", func(m *Mission) { m.Status = cancelled })
		}},
		"the run does not end": {2, func(w *world) { w.Settled = errors.New("it takes forever") }},

		"a stale completion is accepted": {3, func(w *world) {
			w.find("a", "agent.complete", "outlived").Outcome = OK
		}},
		"a stale result is stored": {3, func(w *world) {
			w.change("outlived", func(m *Mission) { m.Result, m.AgentID = json.RawMessage(`"late"`), "a" })
		}},
		"an invented result is stored": {3, func(w *world) {
			w.change("outlived", func(m *Mission) { m.Result = json.RawMessage(`"other"`) })
		}},
		"a lease is given twice": {3, func(w *world) {
			w.call("a", "agent.claim", `{}`, `{"missions":[{"id":"outlived","lease":3,"attempt":2}]}`)
		}},
		"leases go back": {3, func(w *world) {
			w.call("b", "agent.claim", `{}`, `{"missions":[{"id":"outlived","lease":2,"attempt":2}]}`)
		}},
		"a lease is believed that nobody gave": {3, func(w *world) {
			w.call("a", "agent.progress", `{"mission_id":"failed","lease":9}`, `{}`)
		}},
		"two results are confirmed": {3, func(w *world) {
			w.call("b", "agent.complete", `{"mission_id":"outlived","lease":3,"result":"other"}`, `{"mission":{"id":"outlived"}}`)
		}},
		"one completes what another holds": {3, func(w *world) {
			w.Events[w.place("outlived", completed)].Payload.AgentID = "a"
		}},
		"the database has a newer lease": {3, func(w *world) {
			w.Table["outlived"] = Row{completed, 7, json.RawMessage(`{"lease":3}`)}
		}},

		"an event is lost": {4, func(w *world) { w.drop(w.place("failed", cancelled), false) }},
		"an event never was": {4, func(w *world) {
			w.drop(w.place("deleted", cancelled), true)
		}},
		"the end of the stream is lost": {4, func(w *world) { w.drop(len(w.Events)-1, false) }},
		"an event is doubled": {4, func(w *world) {
			w.Events = append(w.Events, w.Events[w.place("failed", failed)])
		}},
		"an event is doubled under another id": {4, func(w *world) {
			e := w.Events[w.place("failed", failed)]
			e.ID, e.MsgID, e.Position = "other", "other", int64(len(w.Events)+1)
			w.Events = append(w.Events, e)
		}},
		"two events have changed places": {4, func(w *world) {
			i := w.place("failed", cancelled)
			w.Events[i], w.Events[i+1] = w.Events[i+1], w.Events[i]
		}},
		"an event has a wrong header": {4, func(w *world) { w.Events[0].MsgID = "other" }},
		"an event has a wrong subject": {4, func(w *world) {
			w.Events[0].Subject = "events.mission.created"
		}},
		"events wait": {4, func(w *world) { w.Waiting = 3 }},
		"a claim has no event": {4, func(w *world) {
			w.call("a", "agent.claim", `{}`, `{"missions":[{"id":"failed","lease":5,"attempt":2}]}`)
		}},
		"a retry has no event": {4, func(w *world) {
			w.call("c", "missions.retry", `{"id":"failed"}`, `{"mission":{"id":"failed","status":"PENDING"}}`)
		}},
		"a word has no event": {4, func(w *world) {
			w.call("b", "agent.log", `{"mission_id":"outlived","lease":3,"message":"more"}`, `{}`)
			w.log("outlived", "more")
		}},
		"an agent comes twice": {4, func(w *world) { w.event(agentOnline, Payload{AgentID: "b"}) }},

		"status is not answered without JetStream": {5, func(w *world) {
			c := w.find(Observer, "status", "")
			c.Told, c.Outcome = 0, Unknown
		}},
		"nothing is created without JetStream": {5, func(w *world) {
			w.find(Observer, "missions.create", "").Outcome = Refused
		}},
		"nothing is answered over NATS without JetStream": {5, func(w *world) {
			c := w.find(NATSObserver, "missions.get", "")
			c.Told, c.Outcome = 0, Unknown
		}},
		"health says ok without JetStream": {5, func(w *world) {
			w.find(Observer, "health", "").Reply = json.RawMessage(`{"status":"ok"}`)
		}},

		"what a killed agent held does not come back": {6, func(w *world) {
			w.Events = w.Events[:w.place("outlived", running)+1]
		}},
		"what a killed agent held comes back for no reason": {6, func(w *world) {
			w.Events[w.place("outlived", running)+1].Payload.Reason = ""
		}},

		"a supervisor crashes": {0, func(w *world) { w.Troubles = []string{"s0 ended by itself"} }},
	} {
		t.Run(name, func(t *testing.T) {
			w := good()
			broken.how(w)
			for _, v := range Check(w.Evidence) {
				if v.Guarantee != broken.guarantee {
					continue
				}
				if v.Mission != "" && !strings.Contains(w.Story(v.Mission), "in the end") {
					t.Errorf("its story does not tell how it ends: %s", w.Story(v.Mission))
				}
				return
			}
			t.Errorf("guarantee %d is broken, and the checker says %v", broken.guarantee, Check(w.Evidence))
		})
	}
}
