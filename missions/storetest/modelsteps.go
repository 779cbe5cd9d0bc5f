package storetest

import (
	"fmt"
	"slices"

	"missioncontrol/missions"
)

// Steps of the model test: each performs one operation on the store and checks its
// result.

func (m *model) create() {
	if len(m.missions) >= 16 {
		m.delete()
		return
	}
	x := &modelMission{
		id: fmt.Sprintf("m%d", m.created), kind: []string{"x", "y"}[m.random.IntN(2)],
		priority: missions.Priorities()[m.random.IntN(4)], most: 1 + m.random.IntN(3), status: missions.Pending,
		stalls: m.random.IntN(2) == 0,
	}
	m.created++
	if old := m.any(); m.random.IntN(5) == 0 && m.find(old.id) != nil {
		x.id = old.id // with different content, almost always
	}
	given := named(x.id, x.kind)
	given.Priority, given.MaxAttempts = x.priority, x.most
	if m.find(x.id) == nil && m.random.IntN(2) == 0 {
		m.withFlow(x, &given)
	}
	if x.stalls {
		given.StallSeconds = modelStall.Seconds()
	}
	if m.random.IntN(3) > 0 {
		m.wasCreated(x, m.createOne(given))
		return
	}
	q := m.claimRequest()
	created, claimed, err := m.Store.CreateAndClaim(m.ctx, []missions.Mission{given}, []missions.ClaimRequest{q})
	m.must(err)
	m.wasCreated(x, created[0])
	m.wasClaimed(q, claimed[0])
	answered := created[0].Mission.ID // or the holder of its key
	wantEqual(m.fixture, "given", created[0].Given, slices.ContainsFunc(claimed[0].Missions, func(c missions.Mission) bool { return c.ID == answered }))
}

// wasCreated checks the result of creating a mission.
func (m *model) wasCreated(x *modelMission, result missions.CreateResult) {
	if old := m.find(x.id); old != nil {
		var want *missions.Error
		if old.given || old.kind != x.kind || old.priority != x.priority || old.most != x.most || old.stalls != x.stalls {
			want = missions.ErrConflict
		}
		m.wantErr("create again", result.Err, want)
		wantEqual(m.fixture, "created", result.Created, false)
		return
	}
	if m.keptFor(x, result) {
		return
	}
	m.wantErr("create", result.Err, nil)
	m.takesKey(x, result)
	m.missions = append(m.missions, x)
	m.begins(x, 0)
}

func (m *model) claim() {
	q := m.claimRequest()
	m.wasClaimed(q, m.tryClaim(q))
}

func (m *model) claimRequest() missions.ClaimRequest {
	return missions.ClaimRequest{AgentID: modelNames[m.random.IntN(3)], Max: 1 + m.random.IntN(3), Lease: modelLease}
}

// wasClaimed checks the result of a claim.
func (m *model) wasClaimed(q missions.ClaimRequest, result missions.ClaimResult) {
	agent := q.AgentID
	want := m.claimable(agent)
	want = want[:min(len(want), q.Max)]
	m.must(result.Err)
	wantEqual(m.fixture, "claimed", len(result.Missions), len(want))
	for i := range min(len(want), len(result.Missions)) {
		got, x := result.Missions[i], want[i]
		wantEqual(m.fixture, "claimed", got.ID, x.id)
		x.status, x.leader, x.lease, x.renewed, x.missed = missions.Running, agent, got.Lease, m.ticks, 0
		x.moved = m.ticks
		x.attempt++
		m.held, m.holders = append(m.held, refOf(got)), append(m.holders, agent)
	}
}

// lease returns one of the latest leases, and its mission if it is still valid.
func (m *model) lease() (agent string, ref missions.LeaseRef, x *modelMission) {
	if len(m.held) == 0 {
		return "a", missions.LeaseRef{MissionID: "never-was", Lease: 1}, nil
	}
	i := len(m.held) - 1 - m.random.IntN(min(len(m.held), 12))
	agent, ref = m.holders[i], m.held[i]
	if m.random.IntN(25) == 0 {
		agent = modelNames[m.random.IntN(3)]
	}
	x = m.find(ref.MissionID)
	if x != nil && (x.status != missions.Running || x.lease != ref.Lease || x.leader != agent) {
		x = nil
	}
	return agent, ref, x
}

// finish ends an attempt under some lease; say updates the model. Each text is new,
// so that no finish repeats another.
func (m *model) finish(end missions.Finish, say func(*modelMission)) {
	agent, ref, x := m.lease()
	m.created++
	end.AgentID, end.LeaseRef = agent, ref
	end.Error = fmt.Sprintf("error %d", m.created)
	end.Result = fmt.Appendf(nil, `"result %d"`, m.created)
	result := m.tryFinish(end)
	switch {
	case m.find(ref.MissionID) == nil:
		m.wantErr(string(end.Outcome), result.Err, missions.ErrNotFound)
	case x == nil:
		m.wantErr(string(end.Outcome), result.Err, missions.ErrLeaseLost)
	default:
		m.wantErr(string(end.Outcome), result.Err, nil)
		say(x)
		if m.random.IntN(4) == 0 && end.Outcome != missions.OutcomeRelease {
			again := m.tryFinish(end)
			m.wantErr("the same again", again.Err, nil)
			wantEqual(m.fixture, "changed", again.Changed, false)
		}
	}
}

func (m *model) complete() {
	m.finish(missions.Finish{Outcome: missions.OutcomeComplete}, func(x *modelMission) { x.status = missions.Completed })
}

func (m *model) fail() {
	m.finish(missions.Finish{Outcome: missions.OutcomeFail, Retryable: true}, func(x *modelMission) {
		x.lost()
		x.waiting = x.status == missions.Pending
	})
}

func (m *model) giveUp() {
	m.finish(missions.Finish{Outcome: missions.OutcomeFail}, func(x *modelMission) { x.status = missions.Failed })
}

func (m *model) release() {
	m.finish(missions.Finish{Outcome: missions.OutcomeRelease}, func(x *modelMission) {
		x.uncounted()
		x.back()
	})
}

// progress reports progress under some lease, in either way.
func (m *model) progress() {
	agent, ref, x := m.lease()
	held := missions.Mission{ID: ref.MissionID, Lease: ref.Lease, AgentID: missions.Text(agent)}
	var err error
	if m.random.IntN(2) == 0 {
		err = m.fixture.progress(progressOf(held, 50, ""))
	} else {
		err = m.append(lineOf(held, "info", "line", ""))
	}
	switch {
	case m.find(ref.MissionID) == nil:
		m.wantErr("progress", err, missions.ErrNotFound)
	case x == nil:
		m.wantErr("progress", err, missions.ErrLeaseLost)
	default:
		m.wantErr("progress", err, nil)
		x.moved = m.ticks
	}
}

// heartbeat lists some of the agent's leases, and an old one.
func (m *model) heartbeat() {
	agent := modelNames[m.random.IntN(3)]
	var listed []missions.LeaseRef
	receiving := m.random.IntN(4) == 0
	givenUp, cancelled, lost := 0, 0, 0
	if old := m.any(); old.status != missions.Running {
		listed = append(listed, missions.LeaseRef{MissionID: old.id, Lease: max(old.lease, 1)})
		if old.status == missions.Cancelled && old.leader == agent && old.lease > 0 {
			cancelled++
		} else {
			lost++
		}
	}
	for _, x := range m.missions {
		if x.status != missions.Running || x.leader != agent {
			continue
		}
		if m.random.IntN(4) > 0 {
			listed = append(listed, missions.LeaseRef{MissionID: x.id, Lease: x.lease})
			x.renewed, x.missed = m.ticks, 0
			continue
		}
		if receiving {
			x.renewed, x.missed = m.ticks, 0
			continue
		}
		if x.missed++; x.missed == 2 {
			if x.lost(); x.status == missions.Pending {
				givenUp++
			}
		}
	}
	results, err := m.Store.Heartbeat(m.ctx, []missions.Heartbeat{{AgentID: agent, Running: listed, Receiving: receiving, Lease: modelLease}})
	m.must(err)
	m.must(results[0].Err)
	wantEqual(m.fixture, "given up", len(results[0].GivenUp), givenUp)
	wantEqual(m.fixture, "cancel", len(results[0].Cancel), cancelled)
	wantEqual(m.fixture, "lost", len(results[0].Lost), lost)
	m.registerAgent(agent) // for a long silence again
}

// change checks the result of an operator's operation.
func (m *model) change(what string, x *modelMission, err error, allowed bool) bool {
	want := missions.ErrConflict
	if m.find(x.id) == nil {
		want = missions.ErrNotFound
	} else if allowed {
		want = nil
	}
	m.wantErr(what+" "+x.id, err, want)
	return want == nil
}

func (m *model) cancel() {
	x := m.any()
	if m.change("cancel", x, m.fixture.cancel(x.id).Err, !x.status.Terminal()) {
		x.status, x.waiting = missions.Cancelled, false
	}
}

func (m *model) retry() {
	x := m.any()
	if m.change("retry", x, m.fixture.retry(x.id).Err, (x.status == missions.Failed || x.status == missions.Cancelled) && m.mayRetry(x)) {
		if x.key != "" {
			m.keys[x.key] = &modelKey{holder: x}
		}
		x.extra, x.attempt = x.turn(), 0
		x.back()
		m.retried(x)
	}
}

func (m *model) delete() {
	x := m.any()
	if m.change("delete", x, m.remove(x.id).Err, x.status != missions.Running) {
		if !x.status.Terminal() { // it is cancelled first
			x.status = missions.Cancelled
		}
		m.tell()
		m.missions = slices.DeleteFunc(m.missions, func(y *modelMission) bool { return y == x })
	}
}

func (m *model) leave() {
	agent := modelNames[m.random.IntN(3)]
	result, err := m.Store.Leave(m.ctx, agent, "")
	m.must(err)
	back := 0
	for _, x := range m.missions {
		if x.status == missions.Running && x.leader == agent {
			x.uncounted()
			x.back()
			back++
		}
	}
	wantEqual(m.fixture, "returned", len(result.GivenBack), back)
	m.registerAgent(agent)
}

// tick moves the clock: backoffs end, and so do leases that were not renewed for
// two ticks, and attempts without progress for three.
func (m *model) tick() {
	m.ticks++
	due := m.advance(tick)
	var held []*modelMission
	for _, x := range m.missions {
		x.waiting = false
		if x.status != missions.Running {
			continue
		}
		held = append(held, x)
		stalled := x.stalls && m.ticks-x.moved >= 3
		if stalled || m.ticks-x.renewed >= 2 {
			x.lost()
			x.waiting = stalled && x.status == missions.Pending
		}
	}
	m.endWaits() // which may cancel children that run
	held = slices.DeleteFunc(held, func(x *modelMission) bool { return x.status == missions.Running })
	wantEqual(m.fixture, "stopped", len(due.Stop), len(held))
}

func (m *model) reopen() { m.Store = m.Reopen(m.T) }
