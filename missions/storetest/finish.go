package storetest

import (
	"time"

	"missioncontrol/missions"
)

func testFinish(s *suite) {
	s.run("a completion keeps the result", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		now := f.advance(5 * time.Minute).StoreNow
		done := f.finish(completion(m, `{"answer":42}`))
		wantEqual(f, "status", done.Status, missions.Completed)
		wantEqual(f, "result", string(done.Result), `{"answer":42}`)
		wantEqual(f, "error", done.Error, "")
		wantEqual(f, "agent_id", done.AgentID, "a")
		wantEqual(f, "lease_expires_at", done.LeaseExpiresAt, 0)
		f.wantNear("finished_at", done.FinishedAt, now)
		f.wantSame("the mission read back", f.get("m"), done)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
	})
	s.run("a completion needs no result", func(f *fixture) {
		done := f.finish(completion(f.started(named("m", "t"), "a"), ""))
		wantEqual(f, "result", f.json(done.Result), "null")
		wantEqual(f, "result read back", f.json(f.get("m").Result), "null")
	})
	s.run("a failure waits out its back-off, longer each time", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 3
		f.create(m)
		f.register("a", "t")
		for attempt, wait := range []time.Duration{time.Minute, 2 * time.Minute} {
			now := f.now()
			failed := f.finish(failure(f.claimOne("a"), "no luck", true))
			wantEqual(f, "status", failed.Status, missions.Pending)
			wantEqual(f, "attempt", failed.Attempt, attempt+1)
			wantEqual(f, "error", failed.Error, "no luck")
			wantEqual(f, "agent_id", failed.AgentID, "")
			wantEqual(f, "started_at", failed.StartedAt, 0)
			f.wantNear("next_attempt_at", failed.NextAttemptAt, now.Add(wait))
			f.wantSame("the mission read back", f.get("m"), failed)
			f.advance(wait - 30*time.Second)
			wantEqual(f, "claimed early", len(f.claim("a", 1)), 0)
			f.wantSame("ready", f.advance(31*time.Second).Ready, []string{"t"})
		}
		last := f.finish(failure(f.claimOne("a"), "still no luck", true))
		wantEqual(f, "status after the last attempt", last.Status, missions.Failed)
		wantEqual(f, "attempt", last.Attempt, 3)
		wantEqual(f, "error", last.Error, "still no luck")
	})
	s.run("what is not retryable fails at once", func(f *fixture) {
		failed := f.finish(failure(f.started(named("m", "t"), "a"), "bad input", false))
		wantEqual(f, "status", failed.Status, missions.Failed)
		wantEqual(f, "attempt", failed.Attempt, 1)
		wantEqual(f, "error", failed.Error, "bad input")
		wantEqual(f, "agent_id", failed.AgentID, "a")
		f.wantSame("the mission read back", f.get("m"), failed)
	})
	s.run("a completion after a failure leaves no error", func(f *fixture) {
		f.finish(failure(f.started(named("m", "t"), "a"), "no luck", true))
		f.advance(2 * time.Minute)
		f.finish(completion(f.claimOne("a"), `1`))
		done := f.get("m")
		wantEqual(f, "error", done.Error, "")
		wantEqual(f, "attempt", done.Attempt, 2)
	})
	s.run("a release costs no attempt and no time", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 1
		f.create(m)
		f.register("a", "t")
		for range 3 {
			back := f.finish(release(f.claimOne("a")))
			wantEqual(f, "status", back.Status, missions.Pending)
			wantEqual(f, "attempt", back.Attempt, 0)
		}
		wantEqual(f, "attempt of the next claim", f.claimOne("a").Attempt, 1)
	})
	s.run("a batch has one result per item, in order, each by itself", func(f *fixture) {
		f.create(numbered("m", "t", 4)...)
		f.register("a", "t")
		held := f.claim("a", 4)
		missing := completion(held[0], `1`)
		missing.MissionID = "never-was"
		results, err := f.Store.Finish(f.ctx, []missions.Finish{
			completion(held[0], `1`), missing, failure(held[1], "x", false), completion(held[0], `2`), release(held[2]),
		})
		f.must(err)
		for i, want := range []*missions.Error{nil, missions.ErrNotFound, nil, missions.ErrLeaseLost, nil} {
			f.wantErr(results[i].Mission.ID, results[i].Err, want)
		}
		f.wantStatus("m-0000", missions.Completed)
		f.wantStatus("m-0001", missions.Failed)
		f.wantStatus("m-0002", missions.Pending)
		f.wantStatus("m-0003", missions.Running)
		f.wantRecount()
	})
	testFinishOfOthers(s)
}

func testFinishOfOthers(s *suite) {
	s.run("a stale lease changes nothing", func(f *fixture) {
		stale := f.started(named("m", "t"), "a")
		f.register("b", "t")
		f.finish(release(stale))
		f.claimOne("b")
		before := f.json(f.get("m"))
		for name, end := range map[string]missions.Finish{
			"complete": completion(stale, `"stale"`), "fail": failure(stale, "stale", false), "release": release(stale),
		} {
			f.wantErr(name, f.tryFinish(end).Err, missions.ErrLeaseLost)
		}
		wantEqual(f, "the mission", f.json(f.get("m")), before)
	})
	s.run("another agent's lease changes nothing", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.register("b", "t")
		m.AgentID = "b"
		f.wantErr("complete", f.tryFinish(completion(m, `1`)).Err, missions.ErrLeaseLost)
		f.wantStatus("m", missions.Running)
	})
	s.run("a lease that ended is lost, even before the mission is given out again", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.advance(ttl + time.Minute)
		f.wantErr("complete", f.tryFinish(completion(m, `1`)).Err, missions.ErrLeaseLost)
		wantEqual(f, "result", f.json(f.wantStatus("m", missions.Pending).Result), "null")
	})
}

func testRepeatedFinish(s *suite) {
	// again sends a finish a second time and expects the mission's current state.
	again := func(f *fixture, end missions.Finish) {
		f.Helper()
		before, position := f.json(f.get(end.MissionID)), f.checkpoint()
		result := f.tryFinish(end)
		f.wantErr("the same again", result.Err, nil)
		wantEqual(f, "changed", result.Changed, false)
		wantEqual(f, "the mission returned", f.json(result.Mission), before)
		wantEqual(f, "the mission stored", f.json(f.get(end.MissionID)), before)
		wantEqual(f, "events", len(f.events(position)), 0)
	}
	s.run("the same completion is answered with the mission", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		wantEqual(f, "changed at first", f.tryFinish(completion(m, `{"a":1}`)).Changed, true)
		again(f, completion(m, `{"a":1}`))
		f.Store = f.Reopen(f.T)
		again(f, completion(m, `{"a":1}`))
		f.wantRecount()
	})
	s.run("a completion without a result too", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.finish(completion(m, ""))
		again(f, completion(m, ""))
	})
	s.run("a final failure too", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.finish(failure(m, "broken", false))
		again(f, failure(m, "broken", false))
	})
	s.run("a failure that is tried again too, however the mission stands by then", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.register("b", "t")
		f.finish(failure(m, "no luck", true))
		again(f, failure(m, "no luck", true))
		f.advance(2 * time.Minute)
		f.claimOne("b")
		again(f, failure(m, "no luck", true))
		f.must(f.cancel("m").Err)
		again(f, failure(m, "no luck", true))
	})
	s.run("anything else is lease_lost", func(f *fixture) {
		f.create(numbered("m", "t", 2)...)
		f.register("a", "t")
		f.register("b", "t")
		held := f.claim("a", 2)
		done, failed := held[0], held[1]
		f.finish(completion(done, `1`))
		f.finish(failure(failed, "no luck", true))
		foreign := completion(done, `1`)
		foreign.AgentID = "b"
		foreignFailure := failure(failed, "no luck", true)
		foreignFailure.AgentID = "b"
		for name, end := range map[string]missions.Finish{
			"another result":               completion(done, `2`),
			"no result":                    completion(done, ``),
			"a failure after a completion": failure(done, "no luck", true),
			"a release after a completion": release(done),
			"another agent's completion":   foreign,
			"another error":                failure(failed, "other", true),
			"a completion after a failure": completion(failed, `1`),
			"a release after a failure":    release(failed),
			"another agent's failure":      foreignFailure,
		} {
			f.wantErr(name, f.tryFinish(end).Err, missions.ErrLeaseLost)
		}
		wantEqual(f, "result", string(f.get(done.ID).Result), `1`)
		wantEqual(f, "error", f.get(failed.ID).Error, "no luck")
	})
	s.run("an operator's retry forgets what was said before", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.finish(failure(m, "broken", false))
		f.must(f.retry("m").Err)
		f.wantErr("the failure again", f.tryFinish(failure(m, "broken", false)).Err, missions.ErrLeaseLost)
	})
}
