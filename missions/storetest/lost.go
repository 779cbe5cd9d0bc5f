package storetest

import (
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
)

// lost reports that an agent ended the given time ago.
func (f *fixture) lost(id string, ago time.Duration) missions.LostResult {
	f.Helper()
	now, err := f.Store.Now(f.ctx)
	f.must(err)
	result, err := f.Store.Lost(f.ctx, id, "its connection ended", now.Add(-ago))
	f.must(err)
	return result
}

func testLost(s *suite) {
	s.run("an agent that is lost goes offline and its missions go back, at the cost of the attempt", func(f *fixture) {
		f.create(named("x1", "x"), named("y1", "y"))
		f.register("a", "x", "y")
		f.register("b", "x", "y")
		held := f.claim("a", 2)
		f.Advance(5 * time.Minute)
		position := f.checkpoint()
		result := f.lost("a", time.Minute)
		wantEqual(f, "gone", result.Gone, true)
		slices.Sort(result.Ready)
		f.wantSame("ready", result.Ready, []string{"x", "y"})
		wantEqual(f, "stop", len(result.Stop), 2)
		for _, m := range held {
			wantEqual(f, "stops "+m.ID, slices.Contains(result.Stop, missions.Stopped{AgentID: "a", MissionID: m.ID}), true)
			back := f.wantStatus(m.ID, missions.Pending)
			wantEqual(f, "attempt", back.Attempt, 1)
			wantEqual(f, "error", string(back.Error), "agent a is gone: its connection ended")
			f.wantErr("complete", f.tryFinish(completion(m, `1`)).Err, missions.ErrLeaseLost)
		}
		wantEqual(f, "state", f.agent("a").State, missions.Offline)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		notified := map[missions.EventKind]int{}
		for _, e := range f.events(position) {
			notified[e.Kind]++
			want := "agent a is gone: its connection ended"
			if e.Kind == missions.EventAgentOffline {
				want = "its connection ended"
			}
			wantEqual(f, "reason", e.Reason, want)
		}
		wantEqual(f, "events", fmt.Sprint(notified), fmt.Sprint(map[missions.EventKind]int{
			missions.EventStatusChanged: 2, missions.EventAgentOffline: 1}))
		wantEqual(f, "claimed by another", len(f.claim("b", 2)), 2)
		f.wantRecount()
	})
	s.run("an agent that showed a sign of life lately is not lost, whatever it was", func(f *fixture) {
		for what, showLife := range map[string]func(m missions.Mission){
			"heartbeat": func(m missions.Mission) { f.heartbeat("a", refOf(m)) },
			"register":  func(missions.Mission) { f.register("a", "t") },
			"claim":     func(missions.Mission) { f.claim("a", 1) },
		} {
			m := f.started(named("m-"+what, "t"), "a")
			f.Advance(5 * time.Minute)
			showLife(m)
			position := f.checkpoint()
			result := f.lost("a", time.Minute)
			wantEqual(f, what+": gone", result.Gone, false)
			wantEqual(f, what+": stop and ready", len(result.Stop)+len(result.Ready), 0)
			wantEqual(f, what+": events", len(f.events(position)), 0)
			f.wantStatus(m.ID, missions.Running)
			wantEqual(f, what+": state", f.agent("a").State, missions.Online)
			f.finish(completion(m, `1`))
		}
	})
	s.run("a claim that was answered late is no sign of life", func(f *fixture) {
		f.create(named("m", "t"))
		f.register("a", "t")
		f.Advance(5 * time.Minute)
		f.must(f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 1, Lease: ttl}).Err)
		wantEqual(f, "gone", f.lost("a", time.Minute).Gone, true)
		f.wantStatus("m", missions.Pending)
	})
	s.run("the store's clock is the one that leases end by", func(f *fixture) {
		now, err := f.Store.Now(f.ctx)
		f.must(err)
		f.wantNear("now", now, f.now())
		f.Advance(time.Hour)
		later, err := f.Store.Now(f.ctx)
		f.must(err)
		f.wantNear("now", later, now.Add(time.Hour))
	})
	testLostAgain(s)
}

func testLostAgain(s *suite) {
	s.run("an agent is lost once, and a stranger is not found", func(f *fixture) {
		f.started(named("m", "t"), "a")
		f.Advance(5 * time.Minute)
		wantEqual(f, "gone", f.lost("a", time.Minute).Gone, true)
		position := f.checkpoint()
		again := f.lost("a", time.Minute)
		wantEqual(f, "gone again", again.Gone, false)
		wantEqual(f, "stop again", len(again.Stop), 0)
		wantEqual(f, "events", len(f.events(position)), 0)
		_, err := f.Store.Lost(f.ctx, "stranger", "", f.now())
		f.wantErr("lost", err, missions.ErrNotFound)
		f.wantRecount()
	})
	s.run("who was lost comes back with a heartbeat, which tells it what it lost", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.Advance(5 * time.Minute)
		f.lost("a", time.Minute)
		f.wantSame("lost", f.heartbeat("a", refOf(m)).Lost, []string{"m"})
		wantEqual(f, "state", f.agent("a").State, missions.Online)
		wantEqual(f, "attempt", f.claimOne("a").Attempt, 2)
		f.wantRecount()
	})
	s.run("what an offline agent still holds goes back, too", func(f *fixture) {
		f.create(named("m", "t"))
		f.must(f.registerSilent("a", time.Minute))
		f.advance(5 * time.Minute)
		wantEqual(f, "state", f.agent("a").State, missions.Offline)
		f.must(f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 1, Lease: ttl}).Err)
		f.wantStatus("m", missions.Running)
		result := f.lost("a", time.Minute)
		wantEqual(f, "gone", result.Gone, false)
		f.wantSame("ready", result.Ready, []string{"t"})
		f.wantStatus("m", missions.Pending)
		f.wantRecount()
	})
	s.run("the last attempt's end fails the mission", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 1
		f.started(m, "a")
		f.Advance(5 * time.Minute)
		result := f.lost("a", time.Minute)
		wantEqual(f, "ready", len(result.Ready), 0)
		wantEqual(f, "stop", len(result.Stop), 1)
		wantEqual(f, "error", string(f.wantStatus("m", missions.Failed).Error), "agent a is gone: its connection ended")
	})
}

// lose is a step of the model: an agent ends without leaving.
func (m *model) lose() {
	agent := modelNames[m.random.IntN(3)]
	result := m.lost(agent, 0)
	stopped := 0
	for _, x := range m.missions {
		if x.status == missions.Running && x.leader == agent {
			x.lost()
			stopped++
		}
	}
	wantEqual(m.fixture, "stopped", len(result.Stop), stopped)
	m.registerAgent(agent)
}
