package storetest

import (
	"strings"
	"time"

	"missioncontrol/missions"
)

func testDue(s *suite) {
	s.run("nothing is due in an empty store", func(f *fixture) {
		due := f.due()
		wantEqual(f, "next_due", due.NextDue, 0)
		wantEqual(f, "ready, stop, offline", len(due.Ready)+len(due.Stop)+len(due.Offline), 0)
	})
	s.run("a lease that ends gives the mission back, at the cost of the attempt", func(f *fixture) {
		f.create(named("m", "t"))
		f.must(f.registerSilent("a", 24*time.Hour))
		f.claim("a", 1)
		wantEqual(f, "stopped early", len(f.advance(ttl-time.Minute).Stop), 0)
		due := f.advance(2 * time.Minute)
		f.wantSame("stop", due.Stop, []missions.Stopped{{AgentID: "a", MissionID: "m"}})
		f.wantSame("ready", due.Ready, []string{"t"})
		m := f.wantStatus("m", missions.Pending)
		wantEqual(f, "attempt", m.Attempt, 1)
		wantEqual(f, "agent_id", m.AgentID, "")
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		wantEqual(f, "state", f.agent("a").State, missions.Online)
		wantEqual(f, "next attempt", f.claimOne("a").Attempt, 2)
	})
	s.run("a lease that ends on the last attempt fails the mission and says why", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 2
		f.create(m)
		f.must(f.registerSilent("a", 24*time.Hour))
		f.finish(failure(f.claimOne("a"), "an older error", true))
		f.advance(2 * time.Minute)
		f.claimOne("a")
		due := f.advance(ttl + time.Minute)
		wantEqual(f, "ready", len(due.Ready), 0)
		wantEqual(f, "stop", len(due.Stop), 1)
		failed := f.wantStatus("m", missions.Failed)
		if failed.Error == "" || failed.Error == "an older error" {
			f.Errorf("error is %q, want that of the latest attempt", failed.Error)
		}
	})
	s.run("timeout_seconds ends an attempt whatever its heartbeats say", func(f *fixture) {
		m := named("m", "t")
		m.TimeoutSeconds, m.MaxAttempts = 90*60, 2
		claimed := f.started(m, "a")
		for range 2 {
			f.advance(44 * time.Minute)
			f.heartbeat("a", refOf(claimed))
			f.wantStatus("m", missions.Running)
		}
		due := f.advance(3 * time.Minute)
		f.wantSame("stop", due.Stop, []missions.Stopped{{AgentID: "a", MissionID: "m"}})
		if m := f.wantStatus("m", missions.Pending); !strings.Contains(string(m.Error), "timed out") {
			f.Errorf("error is %q, without a word of the timeout", m.Error)
		}
		f.advance(10 * time.Minute)
		claimed = f.claimOne("a")
		wantEqual(f, "attempt", claimed.Attempt, 2)
		f.advance(50 * time.Minute)
		f.heartbeat("a", refOf(claimed))
		f.wantStatus("m", missions.Running) // the timeout applies to each attempt
		f.advance(41 * time.Minute)
		f.wantStatus("m", missions.Failed)
	})
	s.run("a deadline fails a PENDING mission", func(f *fixture) {
		m := named("m", "t")
		m.Deadline = f.now().Add(time.Hour)
		f.create(m)
		f.advance(59 * time.Minute)
		f.wantStatus("m", missions.Pending)
		now := f.advance(2 * time.Minute).StoreNow
		failed := f.wantStatus("m", missions.Failed)
		f.wantNear("finished_at", failed.FinishedAt, now)
		if !strings.Contains(string(failed.Error), "deadline") {
			f.Errorf("error is %q, without a word of the deadline", failed.Error)
		}
	})
	testDueRest(s)
	testDueAgents(s)
}

// registerSilent adds an agent that may be silent for the given time.
func (f *fixture) registerSilent(id string, silence time.Duration, types ...string) error {
	f.Helper()
	if types == nil {
		types = []string{"t"}
	}
	_, err := f.Store.Register(f.ctx, missions.Agent{ID: id, Types: types, Capacity: 1}, silence)
	return err
}

func testDueRest(s *suite) {
	s.run("a deadline leaves a RUNNING mission alone, and fails it once it is back", func(f *fixture) {
		m := named("m", "t")
		m.Deadline = f.now().Add(30 * time.Minute)
		claimed := f.started(m, "a")
		f.advance(40 * time.Minute)
		f.wantStatus("m", missions.Running)
		f.finish(release(claimed))
		f.due()
		f.wantStatus("m", missions.Failed)
	})
	s.run("a deadline before not_before, or within a back-off, fails the mission", func(f *fixture) {
		now := f.now()
		early := named("early", "other")
		early.NotBefore, early.Deadline = now.Add(2*time.Hour), now.Add(time.Hour)
		f.create(early)
		tried := named("tried", "t")
		tried.Deadline = now.Add(30 * time.Second)
		f.finish(failure(f.started(tried, "a"), "no luck", true))
		due := f.advance(45 * time.Second)
		f.wantStatus("tried", missions.Failed)
		wantEqual(f, "ready", len(due.Ready), 0)
		f.advance(time.Hour)
		f.wantStatus("early", missions.Failed)
	})
	s.run("next_due is the earliest of everything planned", func(f *fixture) {
		now := f.now()
		want := func(at time.Duration) {
			f.Helper()
			f.wantNear("next_due", f.due().NextDue, now.Add(at))
		}
		f.must(f.registerSilent("a", 5*time.Hour))
		want(5 * time.Hour)
		later := named("later", "other")
		later.NotBefore = now.Add(4 * time.Hour)
		f.create(later)
		want(4 * time.Hour)
		dead := named("dead", "other")
		dead.Deadline = now.Add(3 * time.Hour)
		f.create(dead)
		want(3 * time.Hour)
		quick := named("quick", "t")
		quick.TimeoutSeconds = 20 * 60
		f.create(named("m", "t"), quick)
		f.claimOne("a")
		want(time.Hour) // the lease's end
		m := f.claimOne("a")
		want(20 * time.Minute) // the timeout
		f.finish(failure(m, "no luck", true))
		want(time.Minute) // the backoff
	})
	s.run("more is false when all is done", func(f *fixture) {
		part, err := f.Store.Due(f.ctx, 10)
		f.must(err)
		wantEqual(f, "more", part.More, false)
		wantEqual(f, "a clock", part.StoreNow > 0, true)
	})
}

func testDueAgents(s *suite) {
	s.run("a silent agent is declared offline, and what it holds returns to the queue", func(f *fixture) {
		f.create(numbered("m", "t", 2)...)
		f.must(f.registerSilent("a", 10*time.Minute))
		f.claim("a", 2)
		wantEqual(f, "offline early", len(f.advance(9*time.Minute).Offline), 0)
		due := f.advance(2 * time.Minute)
		f.wantSame("offline", due.Offline, []string{"a"})
		wantEqual(f, "stop", len(due.Stop), 2)
		f.wantSame("ready", due.Ready, []string{"t"})
		wantEqual(f, "attempt", f.wantStatus("m-0000", missions.Pending).Attempt, 1)
		a := f.agent("a")
		wantEqual(f, "state", a.State, missions.Offline)
		wantEqual(f, "running", a.MissionsRunning, 0)
		wantEqual(f, "offline again", len(f.advance(time.Hour).Offline), 0)
		f.wantRecount()
	})
	s.run("a heartbeat says how long the next silence may be", func(f *fixture) {
		f.must(f.registerSilent("a", 10*time.Minute))
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Lease: 30 * time.Minute}).Err)
		wantEqual(f, "offline", len(f.advance(29*time.Minute).Offline), 0)
		wantEqual(f, "offline", len(f.advance(2*time.Minute).Offline), 1)
	})
	s.run("an agent that left is not declared offline again", func(f *fixture) {
		f.must(f.registerSilent("a", 10*time.Minute))
		_, err := f.Store.Leave(f.ctx, "a", "")
		f.must(err)
		wantEqual(f, "offline", len(f.advance(time.Hour).Offline), 0)
	})
}

func testDueLimit(s *suite) {
	s.run("one call does at most limit items and says that there are more", func(f *fixture) {
		now := f.now()
		batch := numbered("m", "t", 12)
		for i := range 4 {
			batch[i].Deadline = now.Add(30 * time.Minute)
			batch[i].Type = "dying"
		}
		f.create(batch...)
		f.must(f.registerSilent("a", 40*time.Minute))
		f.must(f.registerSilent("b", 50*time.Minute))
		f.claim("a", 5)
		f.claim("b", 3)
		f.Advance(2 * ttl)
		total := 0
		for more := true; more; {
			before := f.settled()
			part, err := f.Store.Due(f.ctx, 3)
			f.must(err)
			done := f.settled() - before
			if total += done; done > 3 {
				f.Fatalf("one call did %d items, the limit is 3", done)
			}
			if more = part.More; more && done == 0 {
				f.Fatal("a call did nothing and says that there is more")
			}
		}
		wantEqual(f, "items in all", total, 14) // 4 deadlines, 8 leases, 2 agents
		f.wantRecount()
	})
}

// testDueWhilePlanning: a step that plans missions for later must not lose sight of those that
// are due in it.
func testDueWhilePlanning(s *suite) {
	s.run("missions that fail in a step take no other's turn in it", func(f *fixture) {
		waiting := numbered("w", "other", 20)
		for i := range waiting {
			waiting[i].NotBefore = f.now().Add(30 * time.Minute)
		}
		f.create(waiting...)
		failing := numbered("f", "t", 5)
		for i := range failing {
			failing[i].TimeoutSeconds, failing[i].MaxAttempts = 30*60, 2
		}
		f.create(failing...)
		f.must(f.registerSilent("a", 10*time.Hour))
		f.must(f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 5, Lease: 10 * time.Hour}).Err)
		wantEqual(f, "timed out", len(f.advance(31*time.Minute).Stop), 5)
		f.must(f.registerSilent("b", time.Hour, "other"))
		wantEqual(f, "claimable", len(f.claim("b", 30)), 20)
	})
}

// settled counts the items made due by testDueLimit that were processed.
func (f *fixture) settled() int {
	f.Helper()
	done := len(f.list(missions.Filter{Status: missions.Failed}))
	done += 8 - len(f.list(missions.Filter{Status: missions.Running}))
	for _, id := range []string{"a", "b"} {
		if f.agent(id).State == missions.Offline {
			done++
		}
	}
	return done
}
