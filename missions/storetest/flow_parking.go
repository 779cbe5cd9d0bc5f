package storetest

import (
	"encoding/json"
	"time"

	"missioncontrol/missions"
)

func testParking(s *suite) {
	s.run("it costs no attempt, and frees the lease", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		now := f.now()
		end := park(m, 3600, signalled("go"))
		end.Checkpoint, end.Usage = json.RawMessage(`"here"`), missions.Usage{"usd": 1}
		parked := f.finish(end)
		f.wantSame("as answered", parked, f.get("m"))
		f.wantWaiting("m", "go")
		wantEqual(f, "attempt", parked.Attempt, 0)
		wantEqual(f, "turn", parked.Turn, 1)
		wantEqual(f, "agent_id", parked.AgentID, "")
		wantEqual(f, "lease_expires_at", parked.LeaseExpiresAt, 0)
		f.wantNear("waiting_until", parked.WaitingUntil, now.Add(time.Hour))
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		f.wantErr("the lease", f.progress(progressOf(m, 50, "")), missions.ErrLeaseLost)
		f.wantSame("lost", f.heartbeat("a", refOf(m)).Lost, []string{"m"})
		f.Store = f.Reopen(f.T)
		f.signal("m", "go", `7`)
		m = f.claimOne("a")
		wantEqual(f, "attempt", m.Attempt, 1)
		wantEqual(f, "turn", m.Turn, 2)
		wantEqual(f, "timed_out", m.TimedOut, false)
		wantEqual(f, "checkpoint", string(m.Checkpoint), `"here"`)
		wantEqual(f, "signal", string(m.Signals[0].Data), `7`)
		f.report(m, "", missions.Usage{"usd": 2})
		f.wantSame("usage", f.get("m").Usage, missions.Usage{"usd": 3})
		f.wantRecount()
	})
	s.run("if its time is up first, it is claimable", func(f *fixture) {
		f.create(named("source", "other"))
		m := f.started(named("m", "t"), "a")
		f.finish(park(m, 3600, signalled("go"), completed("source")))
		f.advance(50 * time.Minute)
		f.wantClaimable()
		due := f.advance(11 * time.Minute)
		f.wantSame("ready", due.Ready, []string{"t"})
		m = f.claimOne("a")
		wantEqual(f, "timed_out", m.TimedOut, true)
		f.finish(park(m, 0, signalled("go")))
		wantEqual(f, "timed_out in the next wait", f.get("m").TimedOut, false)
		f.signal("m", "go", "")
		wantEqual(f, "timed_out after it", f.claimOne("a").TimedOut, false)
	})
	s.run("a very short time is one", func(f *fixture) {
		f.finish(park(f.started(named("m", "t"), "a"), 1e-7))
		f.advance(time.Second)
		wantEqual(f, "timed_out", f.claimOne("a").TimedOut, true)
	})
	s.run("for some time only", func(f *fixture) {
		f.finish(park(f.started(named("m", "t"), "a"), 3600))
		f.wantWaiting("m")
		f.wantSame("waits for a time", idsOf(f.list(missions.Filter{Waiting: missions.WaitTime})), []string{"m"})
		f.advance(61 * time.Minute)
		wantEqual(f, "timed_out", f.claimOne("a").TimedOut, true)
	})
	s.run("for nothing, it is a release", func(f *fixture) {
		f.finish(park(f.started(named("m", "t"), "a"), 0))
		wantEqual(f, "turn", f.claimOne("a").Turn, 2)
	})
	s.run("a condition that cannot be met makes it claimable, whatever on_unmet says", func(f *fixture) {
		f.create(named("s1", "t"), named("s2", "t"), named("s3", "t"))
		f.create(waiting("m", completed("s1")))
		f.complete("s1", `1`)
		f.due()
		m := f.take("m")
		f.finish(park(m, 0, completed("s2"), completed("s3")))
		f.fail("s2")
		f.due()
		m = f.take("m")
		wantEqual(f, "turn", m.Turn, 2)
		wantEqual(f, "input", m.Inputs["s2"].Status, missions.Failed)
		f.finish(park(m, 0, completed("s2"))) // it has ended already
		wantEqual(f, "turn", f.take("m").Turn, 3)
		f.complete("s3", `1`)
		f.due()
	})
	s.run("unknown sources, and itself, are refused, and it runs on", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		before, position := f.whole("m"), f.checkpoint()
		for name, condition := range map[string]missions.Condition{"a mission": completed("nobody"), "a batch": batchEnded("nothing")} {
			end := park(m, 0, condition)
			end.Checkpoint, end.Usage = json.RawMessage(`1`), missions.Usage{"usd": 1}
			f.wantErr(name, f.tryFinish(end).Err, missions.ErrInvalid)
		}
		f.create(waiting("waits", completed("m")))
		f.wantErr("a mission that waits for it", f.tryFinish(park(m, 0, completed("waits"))).Err, missions.ErrInvalid)
		f.create(waiting("behind", signalled("go"), completed("waits")))
		f.wantErr("a mission that waits for one that does", f.tryFinish(park(m, 0, completed("behind"))).Err, missions.ErrInvalid)
		f.must(f.remove("waits").Err)
		f.due()
		wantEqual(f, "the mission", f.whole("m"), before)
		f.wantEvents("m", position)
	})
	s.run("timeout_seconds and stall_seconds apply within a turn, a deadline ends the wait", func(f *fixture) {
		m := named("m", "t")
		m.TimeoutSeconds, m.StallSeconds, m.Deadline = 600, 300, f.now().Add(10*time.Hour)
		f.create(m)
		f.must(f.registerSilent("a", 1000*time.Hour))
		f.finish(park(f.claimOne("a"), 0, signalled("go")))
		f.advance(2 * time.Hour)
		f.wantWaiting("m", "go")
		f.signal("m", "go", "")
		f.finish(park(f.claimOne("a"), 0, signalled("again")))
		f.advance(9 * time.Hour)
		f.wantStatus("m", missions.Failed)
	})
	s.run("a mission that was parked can be cancelled and retried", func(f *fixture) {
		f.finish(park(f.started(named("m", "t"), "a"), 3600, signalled("go")))
		f.must(f.cancel("m").Err)
		f.wantWaits(0, 0, 0)
		f.must(f.retry("m").Err)
		f.wantWaiting("m", "go")
		f.signal("m", "go", "")
		wantEqual(f, "turn", f.claimOne("a").Turn, 2)
	})
	s.run("retry_policy, attempts and failures go on as before", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 2
		f.create(m)
		f.register("a", "t")
		f.finish(failure(f.claimOne("a"), "no luck", true))
		f.advance(2 * time.Minute)
		for range 3 {
			m = f.claimOne("a")
			wantEqual(f, "attempt", m.Attempt, 2)
			f.finish(park(m, 60))
			f.advance(2 * time.Minute)
		}
		f.finish(failure(f.claimOne("a"), "no luck", true))
		f.wantStatus("m", missions.Failed)
	})
}

func (f *fixture) tryChildren(parent missions.Mission, batch ...missions.Mission) ([]missions.CreateResult, error) {
	return f.Store.CreateChildren(f.ctx, string(parent.AgentID), refOf(parent), batch)
}

// children creates missions whose parent is held.
func (f *fixture) children(parent missions.Mission, batch ...missions.Mission) {
	f.Helper()
	results, err := f.tryChildren(parent, batch...)
	f.must(err)
	for _, r := range results {
		f.must(r.Err)
		wantEqual(f, "created", r.Created, true)
		wantEqual(f, "parent_id", r.Mission.ParentID, parent.ID)
	}
}

func testChildren(s *suite) {
	family := func(f *fixture) (parent missions.Mission) {
		f.Helper()
		f.create(named("parent", "t"))
		parent = f.take("parent")
		f.children(parent, named("child", "t"), named("running", "t"), with("detached", missions.Flow{ParentID: "parent", Detached: true}))
		f.children(f.take("child"), named("grandchild", "t"))
		f.take("running")
		f.wantSame("children", idsOf(f.list(missions.Filter{ParentID: "parent"})), []string{"detached", "running", "child"})
		return parent
	}
	for name, end := range map[string]func(*fixture, missions.Mission){
		"cancelling":        func(f *fixture, _ missions.Mission) { f.must(f.cancel("parent").Err) },
		"the final failure": func(f *fixture, m missions.Mission) { f.finish(failure(m, "x", false)) },
		"the maximum usage": func(f *fixture, m missions.Mission) { f.finish(failure(m, "x", false)) },
		"the deletion": func(f *fixture, m missions.Mission) {
			f.finish(release(m))
			f.must(f.remove("parent").Err)
		},
	} {
		s.run(name+" of the parent cancels its children recursively, unless they are detached", func(f *fixture) {
			parent := family(f)
			end(f, parent)
			due := f.due()
			f.wantSame("stopped", len(due.Stop), 2) // child and running
			for _, id := range []string{"child", "running", "grandchild"} {
				f.wantStatus(id, missions.Cancelled)
			}
			f.wantStatus("detached", missions.Pending)
			wantEqual(f, "running", f.agent("takes").MissionsRunning, 0)
			f.wantNoWakes()
			f.wantRecount()
		})
	}
	s.run("a failure that is not final, parking and completion leave them alone", func(f *fixture) {
		parent := family(f)
		f.finish(failure(parent, "no luck", true))
		f.advance(2 * time.Minute)
		parent = f.take("parent")
		f.finish(park(parent, 60))
		f.advance(2 * time.Minute)
		f.finish(completion(f.take("parent"), `1`))
		f.due()
		for id, want := range map[string]missions.Status{"child": missions.Running, "running": missions.Running, "grandchild": missions.Pending, "detached": missions.Pending} {
			f.wantStatus(id, want)
		}
		f.must(f.cancel("child").Err)
		f.due()
		f.wantStatus("grandchild", missions.Cancelled)
		f.wantStatus("running", missions.Running)
	})
	s.run("a parent waits for its children", func(f *fixture) {
		f.create(named("parent", "t"))
		parent := f.take("parent")
		f.children(parent, named("c1", "t"), named("c2", "t"))
		f.finish(park(parent, 0, completed("c1"), ended("c2")))
		f.complete("c1", `1`)
		f.fail("c2")
		f.due()
		parent = f.take("parent")
		wantEqual(f, "inputs", len(parent.Inputs), 2)
		f.finish(completion(parent, `1`))
	})
	s.run("only the holder creates children, and again without harm", func(f *fixture) {
		f.create(named("parent", "t"))
		parent := f.take("parent")
		f.children(parent, named("c1", "t"))
		results, err := f.tryChildren(parent, named("c1", "t"), named("c2", "t"))
		f.must(err)
		wantEqual(f, "created again", results[0].Created, false)
		f.must(results[0].Err)
		wantEqual(f, "created", results[1].Created, true)
		f.finish(release(parent))
		position := f.checkpoint()
		_, err = f.tryChildren(parent, named("c3", "t"))
		f.wantErr("under a lease that was lost", err, missions.ErrLeaseLost)
		again := f.take("parent")
		_, err = f.tryChildren(parent, named("c3", "t"))
		f.wantErr("under an older lease", err, missions.ErrLeaseLost)
		parent.AgentID = "somebody"
		_, err = f.tryChildren(parent, named("c3", "t"))
		f.wantErr("by another agent", err, missions.ErrLeaseLost)
		_, err = f.tryChildren(missions.Mission{ID: "nobody", AgentID: "takes", Lease: 1}, named("c3", "t"))
		f.wantErr("of no mission", err, missions.ErrNotFound)
		f.wantEvents("c3", position)
		f.children(again, named("c3", "t"))
	})
	s.run("a mission that names its parent is a child as well", func(f *fixture) {
		f.create(named("parent", "t"), with("child", missions.Flow{ParentID: "parent"}))
		f.must(f.cancel("parent").Err)
		f.due()
		f.wantStatus("child", missions.Cancelled)
		f.retryWith(missions.RetryRequest{ID: "parent", Dependents: true})
		f.due()
		f.wantClaimable("parent", "child")
		f.must(f.cancel("parent").Err)
		f.due()
		f.wantStatus("child", missions.Cancelled)
	})
}
