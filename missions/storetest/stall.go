package storetest

import (
	"time"

	"missioncontrol/missions"
)

// stalling returns a mission that stalls after half an hour.
func stalling(id string) missions.Mission {
	m := named(id, "t")
	m.StallSeconds = 30 * 60
	return m
}

const stalledReason = "stalled on agent a: no progress for 1800s"

func testStall(s *suite) {
	s.run("an attempt without progress is taken back, whatever its heartbeats say, and backs off", func(f *fixture) {
		claimed := f.started(stalling("m"), "a")
		for range 2 {
			wantEqual(f, "stopped early", len(f.advance(14*time.Minute).Stop), 0)
			wantEqual(f, "lost early", len(f.heartbeat("a", refOf(claimed)).Lost), 0)
		}
		f.wantStatus("m", missions.Running)
		before := f.checkpoint()
		due := f.advance(3 * time.Minute)
		f.wantSame("stop", due.Stop, []missions.Stopped{{AgentID: "a", MissionID: "m"}})
		wantEqual(f, "ready at once", len(due.Ready), 0)
		m := f.wantStatus("m", missions.Pending)
		wantEqual(f, "attempt", m.Attempt, 1)
		wantEqual(f, "agent_id", m.AgentID, "")
		wantEqual(f, "error", m.Error, stalledReason)
		f.wantNear("next_attempt_at", m.NextAttemptAt, due.StoreNow.Add(time.Minute))
		wantEqual(f, "state", f.agent("a").State, missions.Online)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		events := f.events(before)
		wantEqual(f, "events", len(events), 1)
		wantEqual(f, "reason", events[0].Reason, stalledReason)
		wantEqual(f, "agent of the event", events[0].AgentID, "a")
		f.wantRecount()
	})
	s.run("the agent is told, and whatever it says of the lease changes nothing", func(f *fixture) {
		claimed := f.started(stalling("m"), "a")
		f.advance(31 * time.Minute)
		f.wantSame("lost", f.heartbeat("a", refOf(claimed)).Lost, []string{"m"})
		before := f.json(f.get("m"))
		f.wantErr("progress", f.progress(progressOf(claimed, 50, "")), missions.ErrLeaseLost)
		f.wantErr("log", f.append(lineOf(claimed, "info", "here I am", "")), missions.ErrLeaseLost)
		f.wantErr("complete", f.tryFinish(completion(claimed, `1`)).Err, missions.ErrLeaseLost)
		wantEqual(f, "the mission", f.json(f.get("m")), before)
	})
	testSignsOfProgress(s)
	testStallOfAttempts(s)
}

func testSignsOfProgress(s *suite) {
	for name, show := range map[string]func(*fixture, missions.Mission) error{
		"progress":   func(f *fixture, m missions.Mission) error { return f.progress(progressOf(m, 0, "")) },
		"a log line": func(f *fixture, m missions.Mission) error { return f.append(lineOf(m, "debug", "still here", "")) },
	} {
		s.run(name+" puts it off, and only the holder's", func(f *fixture) {
			claimed := f.started(stalling("m"), "a")
			stale := claimed
			stale.Lease++
			for range 4 {
				f.advance(20 * time.Minute)
				f.must(show(f, claimed))
				f.heartbeat("a", refOf(claimed))
			}
			f.wantStatus("m", missions.Running)
			f.advance(20 * time.Minute)
			f.wantErr("a stale holder's", show(f, stale), missions.ErrLeaseLost)
			f.heartbeat("a", refOf(claimed))
			wantEqual(f, "stop", len(f.advance(11*time.Minute).Stop), 1)
		})
	}
	s.run("next_due is the earliest of the ends of the lease, the attempt and the stall time", func(f *fixture) {
		m := stalling("m")
		m.TimeoutSeconds = 100 * 60
		claimed := f.started(m, "a")
		begun := f.now()
		want := func(at time.Duration) {
			f.Helper()
			f.wantNear("next_due", f.due().NextDue, begun.Add(at))
		}
		want(30 * time.Minute)
		f.advance(25 * time.Minute)
		f.heartbeat("a", refOf(claimed)) // the lease: until 85
		want(30 * time.Minute)
		f.must(f.progress(progressOf(claimed, 1, "")))
		want(55 * time.Minute)
		for at := 50; at <= 75; at += 25 {
			f.advance(25 * time.Minute)
			f.must(f.append(lineOf(claimed, "info", "x", "")))
		}
		want(85 * time.Minute)
		f.heartbeat("a", refOf(claimed)) // the lease: until 135
		want(100 * time.Minute)
		f.heartbeat("a", refOf(claimed))
		want(100 * time.Minute)
	})
}

func testStallOfAttempts(s *suite) {
	s.run("the time begins anew with each attempt, and the last one fails the mission", func(f *fixture) {
		m := stalling("m")
		m.MaxAttempts = 2
		f.started(m, "a")
		f.advance(31 * time.Minute)
		f.advance(2 * time.Minute)
		claimed := f.claimOne("a")
		wantEqual(f, "attempt", claimed.Attempt, 2)
		wantEqual(f, "stopped early", len(f.advance(29*time.Minute).Stop), 0)
		wantEqual(f, "stop", len(f.advance(2*time.Minute).Stop), 1)
		wantEqual(f, "error", f.wantStatus("m", missions.Failed).Error, stalledReason)
	})
	s.run("a mission that nobody holds does not stall, nor one without stall_seconds", func(f *fixture) {
		f.finish(release(f.started(stalling("released"), "a")))
		f.must(f.cancel("released").Err)
		f.create(stalling("done"))
		f.finish(completion(f.claimOne("a"), `1`))
		f.create(named("patient", "t"))
		patient := f.claimOne("a")
		f.create(stalling("waiting"))
		f.advance(45 * time.Minute)
		f.heartbeat("a", refOf(patient))
		wantEqual(f, "stop", len(f.advance(45*time.Minute).Stop), 0)
		f.wantStatus("done", missions.Completed)
		f.wantStatus("patient", missions.Running)
		f.wantStatus("waiting", missions.Pending)
	})
	s.run("the shortest limit is a limit", func(f *fixture) {
		m := named("m", "t")
		m.StallSeconds = 1e-9
		claimed := f.started(m, "a")
		if claimed.StallSeconds <= 0 {
			f.Errorf("stall_seconds is %v, want more than 0", claimed.StallSeconds)
		}
		wantEqual(f, "stall_seconds read back", f.get("m").StallSeconds, claimed.StallSeconds)
		wantEqual(f, "stop", len(f.advance(time.Second).Stop), 1)
	})
}
