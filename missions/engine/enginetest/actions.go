package enginetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

var (
	simulatedAgents = []string{"a", "b", "c"}
	simulatedTypes  = map[string][]string{"a": {"x"}, "b": {"x", "y"}, "c": {"y", "z", "x"}}
)

// pick chooses one of a list.
func pick[T any](list []T, by uint32) T { return list[int(by)%len(list)] }

// mission chooses a mission, now and then one that does not exist.
func (w *world) mission(by uint32) string {
	list := w.is.list
	if w.open {
		list = w.next.list
	}
	if len(list) == 0 || by%19 == 0 {
		return "never-was"
	}
	return pick(list, by/19).id
}

// act does what an action says.
func (w *world) act(a Action) error {
	switch a.Kind {
	case "create":
		return w.create(a, nil)
	case "create and claim":
		return w.create(a, w.claimRequest(a.C))
	case "claim":
		return w.claim(w.claimRequest(a.A))
	case "complete", "fail", "give up", "release", "park":
		return w.report(a)
	case "signal":
		return w.signal(a)
	case "close batch":
		return w.closeBatch(pick(simulatedBatches, a.A))
	case "set limit":
		return w.setLimit(a)
	case "delete limit":
		return w.deleteLimit(pick(simulatedLimits, a.A))
	case "set schedule", "delete schedule", "trigger":
		return w.changeSchedule(a)
	case "progress", "log":
		return w.progress(a)
	case "heartbeat":
		return w.heartbeat(a)
	case "cancel", "retry", "delete":
		return w.change(a)
	case "bulk":
		return w.bulk(a)
	case "leave", "lost", "register":
		return w.agent(a)
	case "due":
		return w.due(a)
	case "retain":
		return w.retain()
	case "acknowledge", "forget", "sample", "alert":
		return w.other(a)
	case "advance":
		return w.advance(a)
	case "step":
		return w.step(a)
	case "commit":
		return w.commit(noFault)
	case "fault":
		return w.commit(fault(1 + a.A%uint32(numberOfFaults-1)))
	}
	return w.disturb(a)
}

// step lets the clock step, and durations follow it.
func (w *world) step(a Action) error {
	if err := w.commit(noFault); err != nil {
		return err
	}
	by := time.Duration(int64(a.A)*int64(a.B)%int64(2*mostStepped)) - mostStepped
	w.clock = w.clock.Add(by)
	if err := w.supply(w.engineNeedShift); err != nil {
		return err
	}
	w.engine.Shift(by)
	w.next.shift(by, w.now())
	return nil
}

func (w *world) engineNeedShift(n *engine.Need) { w.engine.NeedShift(n) }

func (w *world) advance(a Action) error {
	if err := w.commit(noFault); err != nil { // a batch has one time
		return err
	}
	w.clock = w.clock.Add(time.Duration(a.A) % simulatedStep)
	return nil
}

func (w *world) claimRequest(by uint32) *missions.ClaimRequest {
	return &missions.ClaimRequest{AgentID: pick(simulatedAgents, by), Max: int(by / 7 % 4), Lease: simulatedLease, Alive: by/64%2 == 0}
}

func (w *world) create(a Action, claim *missions.ClaimRequest) error {
	if len(w.is.list) >= 24 {
		return nil
	}
	x := modelMission{
		id: fmt.Sprint("m", w.made), kind: pick([]string{"x", "x", "y", "z"}, a.A), priority: pick(missions.Priorities(), a.A/4),
		most: 1 + int(a.B%3),
	}
	now := w.now()
	if w.made++; a.B/3%6 == 0 {
		x.id = w.mission(a.C)
	}
	switch a.B / 18 % 8 {
	case 0:
		x.timeout = 2 * simulatedLease
	case 1:
		x.stall = simulatedLease
	case 2:
		x.notBefore = now.Add(time.Duration(a.C) % (2 * simulatedLease))
	case 3:
		x.deadline = now.Add(time.Duration(a.C) % (3 * simulatedLease))
	}
	flow, flows := w.flow(a.dice(), x.id, x.kind)
	x.flows = flows
	given := missions.Mission{
		Flow: flow, ID: x.id, Name: "mission " + x.id, Type: x.kind, Priority: x.priority, MaxAttempts: x.most, NotBefore: x.notBefore,
		Deadline: x.deadline, TimeoutSeconds: x.timeout.Seconds(), StallSeconds: x.stall.Seconds(),
	}
	given.Normalize()
	claims := []missions.ClaimRequest{}
	if claim != nil {
		claims = append(claims, *claim)
	}
	err := w.supply(func(n *engine.Need) {
		w.engine.NeedCreateAndClaim(n, []missions.Mission{given}, claims)
	})
	if err != nil {
		return err
	}
	created := w.engine.Create(&given)
	got := "exists"
	switch {
	case created.Created:
		got = fmt.Sprint("created, replaced ", len(created.Replaced))
	case created.Mission.ID != given.ID:
		got = "keeps " + created.Mission.ID
	}
	if err := w.agree(answer(created.Err, got), w.next.create(x, now)); err != nil {
		return err
	}
	if claim == nil {
		return nil
	}
	return w.claimed(claim, len(created.Replaced) > 0)
}

func (w *world) claim(q *missions.ClaimRequest) error {
	err := w.supply(func(n *engine.Need) { w.engine.NeedClaims(n, []missions.ClaimRequest{*q}) })
	if err != nil {
		return err
	}
	return w.claimed(q, false)
}

// claimed has the engine answer a claim. freed says that the same step has ended missions before: then limits may let others
// start that were not loaded for it, and it is asked again.
func (w *world) claimed(q *missions.ClaimRequest, freed bool) error {
	result := w.engine.Claim(q)
	got := "claimed"
	var given []string
	for i := range result.Missions {
		m := &result.Missions[i]
		given = append(given, m.ID)
		signals := 0
		if m.Flow != nil {
			signals = len(m.Signals)
		}
		got += fmt.Sprintf(" %s:%d turn %d, %d signals", m.ID, m.Lease, m.Turn, signals)
		w.held = append(w.held, heldLease{q.AgentID, missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}})
	}
	if len(w.held) > 24 {
		w.held = slices.Delete(w.held, 0, len(w.held)-24)
	}
	if result.Err == nil && w.next.hasTurns(q.AgentID) {
		want, wrong := w.next.claimByTurn(q, given, result.More && (freed || len(given) > 0), w.now())
		if wrong != "" {
			return errors.New(wrong)
		}
		return w.agree(got, want)
	}
	return w.agree(answer(result.Err, got), w.next.claim(q, w.now()))
}

// heldLease is a lease that was given at some time.
type heldLease struct {
	agent string
	ref   missions.LeaseRef
}

// lease chooses a lease that was given at some time, and who uses it.
func (w *world) lease(by uint32) (agent string, ref missions.LeaseRef) {
	if len(w.held) == 0 {
		return "a", missions.LeaseRef{MissionID: "never-was", Lease: 1}
	}
	l := pick(w.held, by)
	if by/32%23 == 0 {
		l.agent = pick(simulatedAgents, by/1000)
	}
	return l.agent, l.ref
}

// report ends an attempt under some lease.
func (w *world) report(a Action) error {
	agent, ref := w.lease(a.A)
	f := missions.Finish{AgentID: agent, LeaseRef: ref, Outcome: missions.OutcomeFail}
	text := fmt.Sprint("text ", a.B%5)
	switch a.Kind {
	case "complete":
		f.Outcome, f.Result = missions.OutcomeComplete, fmt.Appendf(nil, "%q", text)
	case "release":
		f.Outcome = missions.OutcomeRelease
	default:
		f.Error, f.Retryable = text, a.Kind == "fail"
	}
	d := a.dice()
	f.Report = reportOf(d)
	if a.Kind == "fail" && d.one(4) {
		soon := 2.0
		f.RetryAfter = &soon
	}
	if (a.Kind == "fail" || a.Kind == "release") && d.one(6) {
		pause := 5.0
		f.Limit, f.RetryAfter = pick(simulatedLimits, a.C), &pause
	}
	var park []modelCondition
	if a.Kind == "park" {
		f.Outcome, f.Error, f.Retryable, f.Park = missions.OutcomeRelease, "", false, &missions.Park{}
		if !d.one(4) {
			f.Park.After, park = w.conditions(d, ref.MissionID)
		}
		if d.one(2) {
			f.Park.TimeoutSeconds = float64(1 + d.below(20))
		}
		if d.one(4) {
			f.Park.Preference = preference(d)
		}
	}
	return w.finish(f, park)
}

func (w *world) finish(f missions.Finish, park []modelCondition) error {
	if err := w.supply(func(n *engine.Need) { w.engine.NeedFinish(n, &f) }); err != nil {
		return err
	}
	result := w.engine.Finish(&f)
	return w.agree(answer(result.Err, string(result.Mission.Status)), w.next.finish(&f, park, simulatedWait, w.now()))
}

func (w *world) progress(a Action) error {
	agent, ref := w.lease(a.A)
	if err := w.supply(func(n *engine.Need) { w.engine.NeedMissions(n, ref.MissionID) }); err != nil {
		return err
	}
	if a.Kind == "log" {
		err := w.engine.AppendLog(&missions.LogAppend{AgentID: agent, LeaseRef: ref, Level: "info", Message: "line"})
		return w.agree(answer(err, "ok"), w.next.line(agent, ref, w.now()))
	}
	p := missions.ProgressUpdate{AgentID: agent, LeaseRef: ref, Progress: missions.Progress{Percent: 50}, Report: reportOf(a.dice())}
	result := w.engine.Progress(&p)
	got := "ok"
	if result.Stopped {
		got = "stopped"
	}
	return w.agree(answer(result.Err, got), w.next.progress(&p, w.now()))
}

// heartbeat lists some of what an agent holds, and something that it may not hold.
func (w *world) heartbeat(a Action) error {
	h := missions.Heartbeat{AgentID: pick(simulatedAgents, a.A), Draining: a.A/3%9 == 0, Receiving: a.A/27%5 == 0, Lease: simulatedLease}
	for i, held := range w.held {
		if held.agent == h.AgentID && (a.B>>(i%32))&1 == 1 {
			h.Running = append(h.Running, held.ref)
			if a.C>>(i%32)&1 == 1 {
				h.Seen = append(h.Seen, missions.SignalRef{MissionID: held.ref.MissionID, Seq: int(a.C % 3)})
			}
		}
	}
	if err := w.supply(func(n *engine.Need) { w.engine.NeedHeartbeat(n, &h) }); err != nil {
		return err
	}
	result := w.engine.Heartbeat(&h)
	got := fmt.Sprint(len(result.GivenUp), " ", append([]string{}, result.Cancel...), " ", append([]string{}, result.Lost...), " ", result.Signals)
	return w.agree(answer(result.Err, got), w.next.heartbeat(&h, w.now()))
}

func (w *world) change(a Action) error {
	id := w.mission(a.A)
	q := missions.RetryRequest{ID: id, Fresh: a.B%3 == 0, Dependents: a.C%2 == 0}
	err := w.supply(func(n *engine.Need) {
		if a.Kind == "retry" {
			w.engine.NeedRetry(n, &q)
		} else {
			w.engine.NeedMissions(n, id)
		}
	})
	if err != nil {
		return err
	}
	var result missions.Result
	switch a.Kind {
	case "cancel":
		result = w.engine.Cancel(&missions.CancelRequest{ID: id})
	case "retry":
		result = w.engine.Retry(&q)
	default:
		if result = w.engine.Delete(id); result.Err == nil {
			result.Mission.Status = "gone"
		}
	}
	return w.agree(answer(result.Err, string(result.Mission.Status)), w.next.change(a.Kind, id, &q, w.now()))
}

func (w *world) agent(a Action) error {
	id, now := pick(simulatedAgents, a.A), w.now()
	if err := w.supply(func(n *engine.Need) { w.engine.NeedHeld(n, id) }); err != nil {
		return err
	}
	switch a.Kind {
	case "leave":
		result, err := w.engine.Leave(id, "told to")
		return w.agree(answer(err, fmt.Sprint("gave back ", len(result.GivenBack))), w.next.leave(id, now))
	case "lost":
		since := now.Add(-time.Duration(a.B) % simulatedStep)
		alive := w.next.agents[id].heard > since
		result, err := w.engine.Lost(id, "its connection ended", since)
		got := fmt.Sprint("took back ", len(result.Stop))
		if alive && len(result.Stop) == 0 {
			got = "alive"
		}
		return w.agree(answer(err, got), w.next.lost(id, since, now))
	}
	w.engine.Register(missions.Agent{ID: id, Types: simulatedTypes[id], Capacity: 2, Labels: labels(id)}, simulatedLease)
	w.next.register(id, simulatedTypes[id], simulatedLease, now)
	return nil
}

// retain does what the leader does by itself, with what is old.
func (w *world) retain() error {
	const everything = 1000
	now := w.now()
	if err := w.commit(noFault); err != nil {
		return err
	}
	ended, err := w.backend.Ended(w.ctx, now.Add(-retention), everything)
	if err != nil {
		return err
	}
	if err := w.supply(func(n *engine.Need) { w.engine.NeedRetain(n, ended) }); err != nil {
		return err
	}
	return w.agree(fmt.Sprint("deleted ", w.engine.Retain(ended, retention)), w.next.retain(retention, now))
}

// other does what the model knows nothing of.
func (w *world) other(a Action) error {
	if err := w.begin(); err != nil {
		return err
	}
	switch a.Kind {
	case "acknowledge":
		return w.engine.Acknowledge(w.seen, "")
	case "forget":
		return w.engine.Forget(w.seen)
	case "sample":
		w.engine.Sample()
		return nil
	}
	alert := missions.Alert{Rule: pick([]string{"r", "s"}, a.A), State: missions.AlertFiring, CheckedAt: w.now()}
	for _, stored := range w.engine.Alerts() {
		if stored.Rule == alert.Rule {
			alert.Revision, alert.State = stored.Revision, missions.AlertOK
		}
	}
	return w.engine.ChangeAlert(&missions.AlertChange{Alert: alert, Tell: true, Notify: a.B%2 == 0})
}
