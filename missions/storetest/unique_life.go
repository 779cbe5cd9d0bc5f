package storetest

import (
	"encoding/json"
	"strings"
	"time"

	"missioncontrol/missions"
)

func testUniqueEnds(s *suite) {
	s.run("every end frees the key, and nothing else does", func(f *fixture) {
		f.must(f.registerSilent("a", 1000*time.Hour, "t"))
		free := func(last string) {
			f.Helper()
			f.wantReplaced(keyed("after-"+last, keep))
			f.must(f.remove("after-" + last).Err)
		}
		retries := keyed("failed", keep)
		retries.MaxAttempts = 2
		f.create(retries)
		f.finish(failure(f.claimOne("a"), "no luck", true))
		f.wantKept(keyed("n", keep), "failed")
		f.advance(2 * time.Minute)
		f.finish(release(f.claimOne("a")))
		f.wantKept(keyed("n", keep), "failed")
		f.finish(park(f.claimOne("a"), 60))
		f.wantKept(keyed("n", keep), "failed")
		f.advance(2 * time.Minute)
		f.finish(failure(f.claimOne("a"), "no luck", true))
		free("failed")
		dead := keyed("expired", keep)
		dead.Deadline = f.now().Add(time.Minute)
		f.create(dead)
		f.advance(2 * time.Minute)
		f.wantStatus("expired", missions.Failed)
		free("expired")
		lost := keyed("lost", keep)
		lost.MaxAttempts = 1
		f.create(lost)
		f.claimOne("a")
		f.advance(ttl + time.Minute)
		f.wantStatus("lost", missions.Failed)
		free("lost")
		spent := keyed("spent", keep)
		spent.MaxUsage, spent.OnExceeded = missions.Usage{"usd": 1}, missions.ExceededFail
		f.create(spent)
		wantEqual(f, "stopped", f.report(f.claimOne("a"), "", missions.Usage{"usd": 2}), true)
		free("spent")
		f.create(named("source", "other"))
		unmet := keyed("unmet", keep)
		unmet.After, unmet.OnUnmet = []missions.Condition{{Mission: "source", When: missions.WhenCompleted}}, missions.UnmetCancel
		f.create(unmet)
		f.must(f.cancel("source").Err)
		f.due()
		f.wantStatus("unmet", missions.Cancelled)
		free("unmet")
		f.wantRecount()
	})
	s.run("bulk changes", func(f *fixture) {
		f.create(keyed("m", keep))
		bulk := func(action missions.BulkAction, ids ...string) (errs int) {
			f.Helper()
			results, err := f.Store.Bulk(f.ctx, missions.BulkRequest{Action: action, IDs: ids, AsOf: f.now().Add(time.Hour)})
			f.must(err)
			for _, r := range results {
				if r.Err != nil {
					errs++
				}
			}
			return errs
		}
		bulk(missions.BulkCancel, "m")
		f.create(keyed("n", keep))
		bulk(missions.BulkDelete, "n")
		f.create(keyed("o", keep), named("p", "t"))
		f.must(f.cancel("o").Err)
		wantEqual(f, "refused", bulk(missions.BulkRetry, "m", "o"), 1)
		f.wantStatus("m", missions.Pending)
		f.wantStatus("o", missions.Cancelled)
		f.wantKept(keyed("q", keep), "m")
	})
}

func testUniqueRetry(s *suite) {
	s.run("a mission that is retried takes its key again, if nobody holds it", func(f *fixture) {
		f.create(keyedFor("m", keep, time.Hour))
		f.must(f.cancel("m").Err)
		f.must(f.retry("m").Err) // within its time, it holds the key itself
		f.wantKept(keyed("n", keep), "m")
		f.advance(2 * time.Hour)
		f.wantKept(keyed("n", keep), "m")
		f.must(f.cancel("m").Err)
		f.create(keyed("n", keep))
		before, position := f.whole("m"), f.checkpoint()
		err := f.retry("m").Err
		f.wantErr("while another holds it", err, missions.ErrConflict)
		if err != nil && !strings.Contains(err.Error(), `"n"`) {
			f.Errorf("it does not name the holder: %v", err)
		}
		wantEqual(f, "the mission", f.whole("m"), before)
		wantEqual(f, "events", len(f.events(position)), 0)
		f.complete("n", `1`)
		f.must(f.retry("m").Err)
		f.wantKept(keyed("o", keep), "m")
		f.complete("m", `1`)
		f.create(keyed("o", keep))
		f.wantRecount()
	})
	s.run("one that was replaced while it waited", func(f *fixture) {
		m := f.started(keyed("m", replacePending), "a")
		f.create(keyed("n", replacePending))
		f.create(keyed("o", replacePending))
		f.wantErr("while the holder runs", f.retry("n").Err, missions.ErrConflict)
		f.finish(completion(m, `1`))
		f.wantErr("while another is next", f.retry("n").Err, missions.ErrConflict)
		f.due()
		f.complete("o", `1`)
		f.must(f.retry("n").Err)
		f.due()
		f.complete("n", `1`)
		f.wantRecount()
	})
	s.run("with the mission that had it cancelled", func(f *fixture) {
		f.create(named("source", "t"))
		waits := keyed("m", keep)
		waits.After = []missions.Condition{{Mission: "source", When: missions.WhenCompleted}}
		waits.OnUnmet = missions.UnmetCancel
		f.create(waits)
		f.fail("source")
		f.due()
		f.wantStatus("m", missions.Cancelled)
		f.create(keyed("n", keep))
		f.retryWith(missions.RetryRequest{ID: "source", Dependents: true})
		f.due()
		f.wantStatus("m", missions.Cancelled)
		f.complete("n", `1`)
		f.fail("source")
		f.must(f.retry("m").Err)
		f.wantKept(keyed("o", keep), "m")
	})
}

func testUniqueFlow(s *suite) {
	s.run("conditions and the end of the holder, in any order", func(f *fixture) {
		for name, first := range map[string]bool{"holder": true, "source": false} {
			m := f.started(keyed("m-"+name, replacePending), "a")
			f.create(named("s-"+name, "other"))
			both := keyed("n-"+name, replacePending)
			both.After, both.OnUnmet = []missions.Condition{{Mission: "s-" + name, When: missions.WhenEnded}}, missions.UnmetCancel
			f.create(both)
			f.wantWaiting(both.ID, "s-"+name, m.ID)
			steps := []func(){func() { f.finish(completion(m, `1`)) }, func() { f.must(f.cancel("s-" + name).Err) }}
			if !first {
				steps[0], steps[1] = steps[1], steps[0]
			}
			steps[0]()
			f.due()
			f.wantClaimable()
			steps[1]()
			f.due()
			f.complete(both.ID, `1`)
		}
	})
	s.run("a mission that runs whatever becomes of its conditions still stays behind the holder", func(f *fixture) {
		for name, end := range map[string]func(){
			"unmet":   func() { f.must(f.cancel("s-unmet").Err) },
			"timeout": func() { f.advance(11 * time.Minute) },
			"before":  func() {},
		} {
			f.must(f.registerSilent("a", 1000*time.Hour, "t"))
			m := f.started(keyed("m-"+name, replacePending), "a")
			f.create(named("s-"+name, "other"), named("also-"+name, "other"))
			if name == "before" {
				f.must(f.cancel("s-" + name).Err)
			}
			runs := keyed("n-"+name, replacePending)
			runs.After = []missions.Condition{{Mission: "s-" + name, When: missions.WhenCompleted}, {Mission: "also-" + name, When: missions.WhenCompleted}}
			runs.AfterTimeoutSeconds, runs.OnUnmet = 600, missions.UnmetRun
			f.create(runs)
			end()
			f.due()
			f.wantStatus(runs.ID, missions.Pending)
			f.wantClaimable()
			wantEqual(f, "waiting_until", f.get(runs.ID).WaitingUntil, 0)
			f.must(f.cancel("also-" + name).Err)
			f.due()
			f.wantClaimable()
			f.finish(completion(m, `1`))
			f.due()
			n := f.take(runs.ID)
			wantEqual(f, "timed_out", n.TimedOut, name == "timeout")
			f.finish(completion(n, `1`))
			f.wantRecount()
		}
	})
	s.run("a condition that cannot be met ends it, and frees its place", func(f *fixture) {
		m := f.started(keyed("m", replacePending), "a")
		f.create(named("source", "other"))
		waits := keyed("n", replacePending)
		waits.After, waits.OnUnmet = []missions.Condition{{Mission: "source", When: missions.WhenCompleted}}, missions.UnmetFail
		f.create(waits)
		f.must(f.cancel("source").Err)
		f.due()
		f.wantStatus("n", missions.Failed)
		f.wantKept(keyed("o", keep), "m")
		f.finish(completion(m, `1`))
		f.create(keyed("o", keep))
		f.wantRecount()
	})
	s.run("the one behind waits for the holder, which therefore cannot wait for it", func(f *fixture) {
		m := f.started(keyed("m", replacePending), "a")
		f.create(keyed("n", replacePending))
		f.wantErr("parked", f.tryFinish(park(m, 0, completed("n"))).Err, missions.ErrInvalid)
		f.wantStatus("m", missions.Running)
	})
	s.run("children", func(f *fixture) {
		m := f.started(keyed("m", keep), "a")
		child := func(id string, mode missions.OnConflict) missions.CreateResult {
			f.Helper()
			results, err := f.Store.CreateChildren(f.ctx, "a", refOf(m), []missions.Mission{keyed(id, mode)})
			f.must(err)
			return results[0]
		}
		kept := child("c", keep)
		f.must(kept.Err)
		wantEqual(f, "the holder", kept.Mission.ID, "m")
		f.wantErr("to replace the parent", child("c", replace).Err, missions.ErrConflict)
		f.wantErr("to wait for the parent", child("c", replacePending).Err, missions.ErrConflict)
		other := func(id string, mode missions.OnConflict) missions.Mission {
			of := keyed(id, mode)
			of.Unique.Key = "other"
			return of
		}
		results, err := f.Store.CreateChildren(f.ctx, "a", refOf(m), []missions.Mission{other("d", keep), other("e", replacePending), other("f", keep)})
		f.must(err)
		wantEqual(f, "kept", results[2].Mission.ID, "e")
		f.wantStatus("d", missions.Cancelled)
		f.must(f.cancel("m").Err)
		f.due()
		f.wantStatus("e", missions.Cancelled)
		f.create(other("g", keep))
		f.wantRecount()
	})
	s.run("a mission that is replaced counts in its batch, and cancels what waits for it and its children", func(f *fixture) {
		old := keyed("m", keep)
		old.Batch = "b"
		f.create(old, waiting("waits", completed("m")), with("child", missions.Flow{ParentID: "m"}))
		_, err := f.Store.CloseBatches(f.ctx, []string{"b"})
		f.must(err)
		f.wantReplaced(keyed("n", replace), pendingOne("m"))
		f.wantBatch("b", false, 1, true)
		f.due()
		f.wantStatus("waits", missions.Cancelled)
		f.wantStatus("child", missions.Cancelled)
	})
	s.run("what is refused replaces nothing", func(f *fixture) {
		f.create(keyed("m", keep))
		bad := keyed("n", replace)
		bad.After = []missions.Condition{{Mission: "nobody", When: missions.WhenCompleted}}
		f.wantErr("an unknown source", f.createOne(bad).Err, missions.ErrInvalid)
		f.wantErr("another content", f.createOne(keyed("m", replace)).Err, missions.ErrConflict)
		f.wantStatus("m", missions.Pending)
	})
}

func testUniqueSchedules(s *suite) {
	s.run("a schedule's missions can have a key", func(f *fixture) {
		spec := f.hourly("s")
		spec.Mission.Unique = json.RawMessage(`{"key":"k"}`)
		spec.Normalize()
		f.must(spec.Validate())
		first := f.setSchedule(spec).NextAt
		f.create(keyed("m", keep))
		f.advance(31 * time.Minute)
		f.wantSame("while another mission holds it", f.made("s", first), []int{})
		wantEqual(f, "missed", f.schedule("s").Missed, 1)
		if why := f.schedule("s").LastError; !strings.Contains(why, `"m"`) {
			f.Errorf("last_error does not name the holder: %q", why)
		}
		got, err := f.Store.TriggerSchedule(f.ctx, "s")
		f.must(err)
		wantEqual(f, "triggered", got.Mission.ID, "m")
		filled, err := f.Store.Backfill(f.ctx, missions.BackfillRequest{ID: "s", From: first, To: first})
		f.must(err)
		f.wantSame("backfilled", filled, missions.Backfilled{Existing: 1})
		f.must(f.cancel("m").Err)
		f.advance(time.Hour)
		f.wantSame("once it is free", f.made("s", first), []int{3600})
		f.wantKept(keyed("n", keep), missions.OccurrenceID("s", first.Add(time.Hour)))
	})
	s.run("and replace the one before", func(f *fixture) {
		spec := f.hourly("s")
		spec.Mission.Unique = json.RawMessage(`{"key":"k","on_conflict":"replace"}`)
		spec.Normalize()
		first := f.setSchedule(spec).NextAt
		f.must(f.registerSilent("a", 1000*time.Hour, "t"))
		f.advance(31 * time.Minute)
		held := f.take(missions.OccurrenceID("s", first))
		due := f.advance(50 * time.Minute)
		if len(due.Stop) != 0 {
			f.Errorf("stopped %v", due.Stop)
		}
		due = f.advance(9*time.Minute + 30*time.Second)
		f.wantSame("stopped", due.Stop, []missions.Stopped{heldBy("takes", held.ID)})
		f.wantStatus(held.ID, missions.Cancelled)
		f.wantClaimable(missions.OccurrenceID("s", first.Add(time.Hour)))
		filled, err := f.Store.Backfill(f.ctx, missions.BackfillRequest{ID: "s", From: first.Add(-time.Hour), To: first.Add(-time.Hour)})
		f.must(err)
		wantEqual(f, "backfilled", filled.Created, 1)
		f.wantStatus(missions.OccurrenceID("s", first.Add(time.Hour)), missions.Cancelled)
	})
}
