package storetest

import (
	"encoding/json"
	"strings"
	"time"

	"missioncontrol/missions"
)

// bulk applies an action to missions, and returns what became of each, in short.
func (f *fixture) bulk(q missions.BulkRequest) (results []missions.BulkResult) {
	f.Helper()
	results, err := f.Store.Bulk(f.ctx, q)
	f.must(err)
	wantEqual(f, "results", len(results), len(q.IDs))
	for i := range results {
		wantEqual(f, "id of a result", results[i].ID, q.IDs[i])
	}
	return results
}

// wantChanged checks which missions a request has changed, and that none of the others has an error.
func (f *fixture) wantChanged(results []missions.BulkResult, ids ...string) {
	f.Helper()
	changed := []string{}
	for _, r := range results {
		f.wantErr(r.ID, r.Err, nil)
		if r.Changed {
			changed = append(changed, r.ID)
		}
	}
	f.wantSame("changed", changed, append([]string{}, ids...))
}

// asOf returns a time behind everything that has happened, and before everything that will.
func (f *fixture) asOf() missions.Time {
	f.Helper()
	now := f.advance(time.Minute).StoreNow
	f.advance(time.Minute)
	return now
}

func testBulk(s *suite) {
	s.run("what has changed since, is gone, or has another status is left alone", func(f *fixture) {
		f.create(numbered("old", "t", 4)...)
		f.must(f.cancel("old-0000").Err)
		asOf := f.asOf()
		f.create(named("new", "t"))
		f.signal("old-0001", "hint", "")
		f.must(f.remove("old-0002").Err)
		ids := []string{"new", "old-0000", "old-0001", "old-0002", "old-0003", "never-was"}
		before := f.whole("old-0001") + f.whole("new") + f.whole("old-0000")
		f.wantChanged(f.bulk(missions.BulkRequest{Action: missions.BulkCancel, IDs: ids, AsOf: asOf}), "old-0003")
		wantEqual(f, "the others", f.whole("old-0001")+f.whole("new")+f.whole("old-0000"), before)
		f.wantStatus("old-0003", missions.Cancelled)
		f.wantRecount()
	})
	s.run("a request that is repeated changes nothing", func(f *fixture) {
		f.create(waiting("m", signalled("go")), named("n", "t"))
		f.must(f.cancel("n").Err)
		q := missions.BulkRequest{Action: missions.BulkSignal, IDs: []string{"m", "m"}, AsOf: f.asOf(), Signal: missions.SignalRequest{Name: "hint"}}
		f.wantChanged(f.bulk(q), "m")
		f.wantChanged(f.bulk(q))
		wantEqual(f, "signals", len(f.get("m").Signals), 1)
		again := missions.BulkRequest{Action: missions.BulkRetry, IDs: []string{"n"}, AsOf: q.AsOf}
		f.wantChanged(f.bulk(again), "n")
		f.must(f.cancel("n").Err)
		f.wantChanged(f.bulk(again))
		f.wantStatus("n", missions.Cancelled)
	})
	s.run("an action does what it does to one mission", func(f *fixture) {
		f.create(named("one", "t"), named("many", "t"))
		position := f.checkpoint()
		f.must(f.cancel("one").Err)
		alone := f.events(position)
		asOf := f.asOf()
		position = f.checkpoint()
		f.wantChanged(f.bulk(missions.BulkRequest{Action: missions.BulkCancel, IDs: []string{"many"}, AsOf: asOf, Cancel: missions.CancelRequest{Reason: "enough", By: "somebody"}}), "many")
		events := f.events(position)
		wantEqual(f, "events", len(events), len(alone))
		wantEqual(f, "reason", events[0].Reason, "cancelled by somebody: enough")
		asOf = f.asOf()
		f.wantChanged(f.bulk(missions.BulkRequest{Action: missions.BulkDelete, IDs: []string{"one", "many"}, AsOf: asOf}), "one", "many")
		wantEqual(f, "missions", len(f.list(missions.Filter{})), 0)
		f.wantRecount()
	})
	testBulkRunning(s)
	testBulkRetry(s)
	testBulkSignal(s)
}

func testBulkRunning(s *suite) {
	s.run("work does not escape by telling of its progress, and what was claimed since is left alone", func(f *fixture) {
		m := f.started(named("reports", "t"), "a")
		f.create(named("claimed", "t"))
		asOf := f.asOf()
		f.claimOne("a")
		f.must(f.progress(progressOf(m, 50, "half")))
		results := f.bulk(missions.BulkRequest{Action: missions.BulkCancel, IDs: []string{"reports", "claimed"}, AsOf: asOf})
		f.wantChanged(results, "reports")
		wantEqual(f, "agent", results[0].AgentID, "a")
		f.wantStatus("claimed", missions.Running)
		f.wantErr("its holder", f.tryFinish(completion(m, "1")).Err, missions.ErrLeaseLost)
	})
	s.run("delete leaves RUNNING missions alone", func(f *fixture) {
		f.started(named("runs", "t"), "a")
		f.create(named("waits", "t"))
		f.wantChanged(f.bulk(missions.BulkRequest{Action: missions.BulkDelete, IDs: []string{"runs", "waits"}, AsOf: f.asOf()}), "waits")
		f.wantStatus("runs", missions.Running)
	})
}

func testBulkRetry(s *suite) {
	s.run("retry makes missions claimable, and errors are of single missions", func(f *fixture) {
		late := named("late", "t")
		late.Deadline = f.now().Add(30 * time.Second)
		soon := named("soon", "t")
		soon.NotBefore = f.now().Add(time.Hour)
		f.create(named("m", "t"), late, soon)
		for _, id := range []string{"m", "late", "soon"} {
			f.must(f.cancel(id).Err)
		}
		results := f.bulk(missions.BulkRequest{Action: missions.BulkRetry, IDs: []string{"m", "late", "soon"}, AsOf: f.asOf()})
		f.wantErr("after its deadline", results[1].Err, missions.ErrConflict)
		for i, changed := range []bool{true, false, true} {
			wantEqual(f, "changed", results[i].Changed, changed)
		}
		wantEqual(f, "ready", results[0].Ready, "t")
		wantEqual(f, "ready before its time", results[2].Ready, "")
		wantEqual(f, "due", results[2].Due, soon.NotBefore)
		f.wantStatus("late", missions.Cancelled)
		f.wantClaimable("m")
	})
	s.run("retry takes the dependents and forgets the checkpoint as it is told", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.create(waiting("behind", completed("m")))
		f.report(m, `7`, nil)
		f.finish(failure(m, "no", false))
		f.due()
		f.wantStatus("behind", missions.Cancelled)
		f.wantChanged(f.bulk(missions.BulkRequest{Action: missions.BulkRetry, IDs: []string{"m"}, AsOf: f.asOf(), Retry: missions.RetryRequest{Fresh: true, Dependents: true}}), "m")
		f.due()
		wantEqual(f, "checkpoint", string(f.get("m").Checkpoint), "")
		f.wantWaiting("behind", "m")
	})
}

func testBulkSignal(s *suite) {
	s.run("a signal wakes who waits for it, and tells who holds a mission", func(f *fixture) {
		f.started(named("runs", "t"), "a")
		f.create(waiting("waits", signalled("go", "yes")), waiting("asks", signalled("go", "no")), waiting("other", signalled("stop")))
		q := missions.BulkRequest{
			Action: missions.BulkSignal, IDs: []string{"runs", "waits", "asks", "other"}, AsOf: f.asOf(),
			Signal: missions.SignalRequest{Name: "go", Data: json.RawMessage(`"yes"`), SignalID: "once", By: "somebody"},
		}
		results := f.bulk(q)
		f.wantErr("none of the choices", results[2].Err, missions.ErrInvalid)
		var got []string
		for _, r := range results {
			got = append(got, strings.Join([]string{r.AgentID, r.Ready, f.json(r.Seq), f.json(r.Changed)}, " "))
		}
		f.wantSame("results", got, []string{"a  1 true", " t 1 true", "  0 false", "  1 true"})
		wantEqual(f, "by", f.get("waits").Signals[0].By, "somebody")
		f.wantWaiting("other", "stop")
		f.wantClaimable("waits")
		runs := f.bulk(q)[0]
		f.wantErr("again", runs.Err, nil)
		wantEqual(f, "the agent of a running mission is told again", runs.Changed, false)
	})
}
