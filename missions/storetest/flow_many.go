package storetest

import (
	"fmt"

	"missioncontrol/missions"
)

func testManyWaiters(s *suite) {
	crowd := func(f *fixture, n int, flow missions.Flow) {
		f.Helper()
		batch := make([]missions.Mission, n)
		for i := range batch {
			batch[i] = with(fmt.Sprintf("m%04d", i), flow)
		}
		f.create(batch...)
	}
	s.run("a thousand wait for one mission, and are told some at a time", func(f *fixture) {
		f.create(named("a", "other"))
		crowd(f, 1000, missions.Flow{After: []missions.Condition{completed("a")}})
		f.register("o", "other")
		f.finish(completion(f.claimOne("o"), `"done"`))
		ready, calls := 0, 0
		for more := true; more; calls++ {
			part, err := f.Store.Due(f.ctx, 150)
			f.must(err)
			more = part.More
			waits := len(f.list(missions.Filter{Waiting: missions.WaitMission}))
			if told := 1000 - waits - ready; told > 150 || told == 0 && more {
				f.Fatalf("one call told %d, the limit is 150", told)
			}
			if ready = 1000 - waits; calls == 2 {
				f.Store = f.Reopen(f.T)
			}
		}
		wantEqual(f, "told", ready, 1000)
		f.register("a", "t")
		claimed := f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 1000, Lease: ttl}).Missions
		wantEqual(f, "claimable", len(claimed), 1000)
		wantEqual(f, "input", string(claimed[999].Inputs["a"].Result), `"done"`)
		f.wantRecount()
	})
	s.run("a thousand wait for one batch that fails, and are cancelled; a retry brings them back", func(f *fixture) {
		f.create(with("a", missions.Flow{Batch: "b", CloseBatch: true}))
		crowd(f, 1000, missions.Flow{After: []missions.Condition{batchCompleted("b")}, Batch: "crowd"})
		f.must(f.cancel("a").Err)
		f.dueBy(300)
		b := f.closeBatch("crowd")
		wantEqual(f, "cancelled", b.ByStatus[missions.Cancelled], 1000)
		wantEqual(f, "ended", b.EndedAt != 0, true)
		f.wantRecount()
	})
	s.run("a thousand children are cancelled with their parent, and retried with it", func(f *fixture) {
		f.create(named("parent", "t"))
		crowd(f, 1000, missions.Flow{ParentID: "parent"})
		f.must(f.cancel("parent").Err)
		f.dueBy(300)
		wantEqual(f, "cancelled", len(f.list(missions.Filter{Status: missions.Cancelled})), 1001)
		f.retryWith(missions.RetryRequest{ID: "parent", Dependents: true})
		f.dueBy(300)
		wantEqual(f, "PENDING", len(f.list(missions.Filter{Status: missions.Pending})), 1001)
		f.wantRecount()
	})
	s.run("a mission with a hundred conditions", func(f *fixture) {
		m := missions.Mission{ID: "m", Name: "m", Type: "t", Flow: &missions.Flow{}}
		for i := range missions.MaxConditions {
			id := fmt.Sprintf("s%03d", i)
			f.create(named(id, "t"))
			m.After = append(m.After, ended(id))
		}
		m.Normalize()
		f.create(m)
		for i := range missions.MaxConditions {
			f.wantStatus("m", missions.Pending)
			f.must(f.remove(fmt.Sprintf("s%03d", i)).Err)
			if i == 50 {
				f.due()
				f.Store = f.Reopen(f.T)
			}
		}
		f.due()
		wantEqual(f, "inputs", len(f.take("m").Inputs), missions.MaxConditions)
	})
	s.run("many sources end at once", func(f *fixture) {
		for i := range 200 {
			f.create(named(fmt.Sprintf("s%03d", i), "other"))
			f.create(waiting(fmt.Sprintf("w%03d", i), ended(fmt.Sprintf("s%03d", i))))
		}
		var requests []missions.CancelRequest
		for i := range 200 {
			requests = append(requests, missions.CancelRequest{ID: fmt.Sprintf("s%03d", i)})
		}
		_, err := f.Store.Cancel(f.ctx, requests)
		f.must(err)
		f.Store = f.Reopen(f.T)
		f.dueBy(7)
		f.register("a", "t")
		wantEqual(f, "claimable", len(f.claim("a", 1000)), 200)
	})
}
