package storetest

import (
	"strings"
	"time"

	"missioncontrol/missions"
)

// testChange covers what operators do to missions: cancel, retry and delete.
// operations.go lists what is allowed in which status.
func testChange(s *suite) {
	s.run("cancel keeps who held the mission and says why", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		now := f.advance(time.Minute).StoreNow
		results, err := f.Store.Cancel(f.ctx, []missions.CancelRequest{{ID: "m", Reason: "no longer wanted"}})
		f.must(err)
		f.must(results[0].Err)
		got := f.get("m")
		f.wantSame("the mission returned", results[0].Mission, got)
		wantEqual(f, "changed", results[0].Changed, true)
		wantEqual(f, "agent_id", got.AgentID, m.AgentID)
		wantEqual(f, "lease_expires_at", got.LeaseExpiresAt, 0)
		f.wantNear("finished_at", got.FinishedAt, now)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		log := f.log("m")
		if last := log[len(log)-1].Message; !strings.Contains(last, "no longer wanted") {
			f.Errorf("the log ends with %q, without the reason", last)
		}
		wantEqual(f, "due", len(f.advance(2*ttl).Stop), 0)
	})
	s.run("a cancelled mission is claimed by nobody", func(f *fixture) {
		f.create(named("m", "t"))
		f.register("a", "t")
		f.must(f.cancel("m").Err)
		wantEqual(f, "claimed", len(f.claim("a", 1)), 0)
		wantEqual(f, "started_at", f.get("m").StartedAt, 0)
	})
	s.run("batches have one result per item, in order", func(f *fixture) {
		f.create(numbered("m", "t", 3)...)
		cancelled, err := f.Store.Cancel(f.ctx, []missions.CancelRequest{{ID: "m-0000"}, {ID: "never-was"}, {ID: "m-0000"}, {ID: "m-0002"}})
		f.must(err)
		retried, err := f.Store.Retry(f.ctx, []missions.RetryRequest{{ID: "m-0000"}, {ID: "never-was"}, {ID: "m-0000"}, {ID: "m-0002"}})
		f.must(err)
		deleted, err := f.Store.Delete(f.ctx, []string{"m-0000", "never-was", "m-0000", "m-0002"})
		f.must(err)
		for i, want := range []*missions.Error{nil, missions.ErrNotFound, missions.ErrConflict, nil} {
			f.wantErr("cancel", cancelled[i].Err, want)
			f.wantErr("retry", retried[i].Err, want)
		}
		for i, want := range []*missions.Error{nil, missions.ErrNotFound, missions.ErrNotFound, nil} {
			f.wantErr("delete", deleted[i].Err, want)
		}
		f.wantSame("left", idsOf(f.list(missions.Filter{})), []string{"m-0001"})
		f.wantRecount()
	})
	testRetry(s)
	testDelete(s)
}

func testRetry(s *suite) {
	s.run("retry begins anew", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 2
		f.create(m)
		f.register("a", "t")
		for range 2 {
			f.finish(failure(f.claimOne("a"), "no luck", true))
			f.advance(10 * time.Minute)
		}
		f.wantStatus("m", missions.Failed)
		result := f.retry("m")
		f.must(result.Err)
		m = result.Mission
		f.wantSame("the mission read back", f.get("m"), m)
		wantEqual(f, "status", m.Status, missions.Pending)
		wantEqual(f, "attempt", m.Attempt, 0)
		wantEqual(f, "error", m.Error, "")
		wantEqual(f, "agent_id", m.AgentID, "")
		wantEqual(f, "started_at", m.StartedAt, 0)
		wantEqual(f, "finished_at", m.FinishedAt, 0)
		for attempt := 1; attempt <= 2; attempt++ {
			claimed := f.claimOne("a")
			wantEqual(f, "attempt", claimed.Attempt, attempt)
			f.finish(failure(claimed, "no luck again", true))
			f.advance(10 * time.Minute)
		}
		f.wantStatus("m", missions.Failed)
	})
	s.run("retry keeps to not_before", func(f *fixture) {
		m := named("m", "t")
		m.NotBefore = f.now().Add(time.Hour)
		f.create(m)
		f.register("a", "t")
		f.must(f.cancel("m").Err)
		f.must(f.retry("m").Err)
		wantEqual(f, "claimed early", len(f.claim("a", 1)), 0)
		f.advance(61 * time.Minute)
		wantEqual(f, "claimed in time", f.claimOne("a").ID, "m")
	})
	s.run("retry is a conflict once the deadline has passed", func(f *fixture) {
		m := named("m", "t")
		m.Deadline = f.now().Add(time.Hour)
		f.create(m)
		f.must(f.cancel("m").Err)
		f.must(f.retry("m").Err)
		f.advance(61 * time.Minute)
		f.wantStatus("m", missions.Failed)
		f.wantErr("retry", f.retry("m").Err, missions.ErrConflict)
		f.wantStatus("m", missions.Failed)
	})
}

func testDelete(s *suite) {
	s.run("delete returns the mission as it stood and removes its log", func(f *fixture) {
		f.finish(completion(f.started(named("m", "t"), "a"), `"kept"`))
		before := f.get("m")
		result := f.remove("m")
		f.must(result.Err)
		f.wantSame("the mission returned", result.Mission, before)
		_, err := f.Store.Log(f.ctx, "m", 0, 10)
		f.wantErr("log", err, missions.ErrNotFound)
		wantEqual(f, "missions", len(f.list(missions.Filter{})), 0)
	})
	s.run("delete cancels a PENDING mission first, so that its events are whole", func(f *fixture) {
		m := named("m", "t")
		m.Tags = []string{"red"}
		f.create(m)
		position := f.checkpoint()
		wantEqual(f, "status", f.remove("m").Mission.Status, missions.Cancelled)
		events := f.events(position)
		wantEqual(f, "events", len(events), 1)
		wantEqual(f, "new status", events[0].NewStatus, missions.Cancelled)
		wantEqual(f, "by tag", len(f.list(missions.Filter{Tag: "red"})), 0)
	})
	s.run("an id that was deleted may be used anew, and inherits nothing", func(f *fixture) {
		f.finish(completion(f.started(named("m", "t"), "a"), `"old"`))
		f.must(f.remove("m").Err)
		other := named("m", "t")
		other.Name = "other"
		f.create(other)
		m := f.get("m")
		wantEqual(f, "name", m.Name, "other")
		wantEqual(f, "result", f.json(m.Result), "null")
		wantEqual(f, "log entries", len(f.log("m")), 1)
	})
}
