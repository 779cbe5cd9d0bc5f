package storetest

import (
	"slices"
	"time"

	"missioncontrol/missions"
)

func testRetryFlow(s *suite) {
	dependents := func(f *fixture) {
		f.Helper()
		f.create(named("a", "t"), named("other", "other"))
		f.create(waiting("b", completed("a")), waiting("c", completed("b"), completed("other")))
		f.create(waiting("ended", ended("a")), with("runs", missions.Flow{After: []missions.Condition{completed("a")}, OnUnmet: missions.UnmetRun}))
		f.create(waiting("by-hand", completed("a")))
		f.must(f.cancel("by-hand").Err)
		f.fail("a")
		f.due()
		f.wantStatus("b", missions.Cancelled)
		f.wantStatus("c", missions.Cancelled)
	}
	s.run("with dependents, those are retried that it had cancelled", func(f *fixture) {
		dependents(f)
		f.retryWith(missions.RetryRequest{ID: "a", Dependents: true})
		f.due()
		f.wantWaiting("b", "a")
		f.wantWaiting("c", "b", "other")
		f.wantStatus("by-hand", missions.Cancelled)
		f.complete("a", `"second"`)
		f.due()
		b := f.take("b")
		wantEqual(f, "input", string(b.Inputs["a"].Result), `"second"`)
		f.finish(completion(b, `1`))
		f.due()
		f.wantWaiting("c", "other")
		f.wantNoWakes()
		f.wantRecount()
	})
	s.run("also before they were told", func(f *fixture) {
		f.create(named("a", "t"))
		f.create(waiting("b", completed("a")), waiting("c", completed("b")))
		f.fail("a")
		f.retryWith(missions.RetryRequest{ID: "a", Dependents: true})
		f.due()
		f.wantWaiting("b", "a")
		f.wantWaiting("c", "b")
	})
	s.run("if it ends again before they were told, they are cancelled again", func(f *fixture) {
		f.create(named("a", "t"))
		f.create(waiting("b", completed("a")), waiting("c", completed("b")))
		f.fail("a")
		f.due()
		f.retryWith(missions.RetryRequest{ID: "a", Dependents: true})
		f.must(f.cancel("a").Err)
		f.dueBy(1)
		f.wantStatus("b", missions.Cancelled)
		f.wantStatus("c", missions.Cancelled)
		f.retryWith(missions.RetryRequest{ID: "a", Dependents: true})
		f.dueBy(1)
		f.wantWaiting("b", "a")
		f.wantWaiting("c", "b")
	})
	s.run("without, they stay", func(f *fixture) {
		dependents(f)
		f.must(f.retry("a").Err)
		f.due()
		f.wantStatus("b", missions.Cancelled)
	})
	s.run("a mission that is retried alone does not wait for what cannot be met", func(f *fixture) {
		dependents(f)
		f.must(f.retry("b").Err)
		f.wantStatus("b", missions.Pending)
		wantEqual(f, "input", f.take("b").Inputs["a"].Status, missions.Failed)
		f.must(f.retry("c").Err) // b runs, and other has not ended
		f.wantWaiting("c", "b", "other")
	})
	s.run("nor for what is gone", func(f *fixture) {
		f.create(named("a", "t"), with("x", missions.Flow{Batch: "gone", CloseBatch: true}))
		f.create(waiting("b", completed("a"), batchCompleted("gone"), signalled("go")))
		f.must(f.cancel("b").Err)
		f.must(f.remove("a").Err)
		f.must(f.remove("x").Err)
		f.advance(2 * time.Hour)
		_, err := f.Store.Retain(f.ctx, 3*time.Hour, 100)
		f.must(err)
		_, err = f.Store.Retain(f.ctx, time.Hour, 0)
		f.must(err)
		f.must(f.retry("b").Err)
		f.wantWaiting("b", "go")
		f.signal("b", "go", "")
		m := f.take("b")
		wantEqual(f, "input", m.Inputs["a"].Status, missions.Cancelled)
	})
	s.run("a dependent whose deadline has passed stays", func(f *fixture) {
		f.create(named("a", "t"))
		b := waiting("b", completed("a"))
		b.Deadline = f.now().Add(time.Hour)
		f.create(b, waiting("c", completed("a")))
		f.fail("a")
		f.due()
		f.advance(2 * time.Hour)
		f.retryWith(missions.RetryRequest{ID: "a", Dependents: true})
		f.due()
		f.wantStatus("b", missions.Cancelled)
		f.wantWaiting("c", "a")
	})
}

// dueBy processes everything that is due, so many at a time.
func (f *fixture) dueBy(limit int) {
	f.Helper()
	for range 1000 {
		part, err := f.Store.Due(f.ctx, limit)
		f.must(err)
		if !part.More {
			return
		}
	}
	f.Fatal("there is always more that is due")
}

func testGraph(s *suite) {
	s.run("missions are found by what they wait for, their parent and their batch", func(f *fixture) {
		want := func(what string, filter missions.Filter, ids ...string) {
			f.Helper()
			got := idsOf(f.list(filter))
			slices.Sort(got)
			f.wantSame(what, got, append([]string{}, ids...))
		}
		f.create(named("a", "t"), with("in", missions.Flow{Batch: "a"}), with("child", missions.Flow{ParentID: "a", Batch: "b"}))
		f.create(waiting("w1", completed("a"), signalled("go")), waiting("w2", ended("a"), batchEnded("b")), waiting("w3", batchEnded("a")))
		delayed := named("delayed", "t")
		delayed.NotBefore = f.now().Add(time.Hour)
		f.create(delayed)
		now := func() {
			f.Helper()
			want("behind mission a", missions.Filter{After: completed("a")}, "w1", "w2")
			want("behind mission a, PENDING", missions.Filter{After: completed("a"), Status: missions.Pending}, "w1", "w2")
			want("behind mission a, RUNNING", missions.Filter{After: completed("a"), Status: missions.Running})
			want("behind batch a", missions.Filter{After: batchEnded("a")}, "w3")
			want("behind batch b", missions.Filter{After: batchEnded("b")}, "w2")
			want("children", missions.Filter{ParentID: "a"}, "child")
			want("children of no mission", missions.Filter{ParentID: "w1"})
			want("in batch a", missions.Filter{Batch: "a"}, "in")
			want("in batch b, child of a", missions.Filter{Batch: "b", ParentID: "a", Type: "t"}, "child")
			want("in batch b, of another type", missions.Filter{Batch: "b", Type: "other"})
			want("for a mission", missions.Filter{Waiting: missions.WaitMission}, "w1", "w2")
			want("for a batch", missions.Filter{Waiting: missions.WaitBatch}, "w2", "w3")
			want("for a signal", missions.Filter{Waiting: missions.WaitSignal}, "w1")
			want("for a time", missions.Filter{Waiting: missions.WaitTime}, "delayed")
			want("for a batch, behind mission a", missions.Filter{Waiting: missions.WaitBatch, After: completed("a")}, "w2")
			want("one page after the other", missions.Filter{Waiting: missions.WaitMission, Limit: 1}, "w1", "w2")
		}
		now()
		f.Store = f.Reopen(f.T)
		now()
		f.complete("a", `1`)
		f.due()
		want("behind mission a, though that is met", missions.Filter{After: completed("a")}, "w1", "w2")
		want("for a mission", missions.Filter{Waiting: missions.WaitMission})
		want("for a signal", missions.Filter{Waiting: missions.WaitSignal}, "w1")
		f.must(f.remove("w2").Err)
		want("for a batch", missions.Filter{Waiting: missions.WaitBatch}, "w3")
		want("behind batch b", missions.Filter{After: batchEnded("b")})
		f.finish(failure(f.take("child"), "no luck", true))
		want("in a back-off", missions.Filter{Waiting: missions.WaitTime}, "child", "delayed")
		want("in a back-off, in the batch", missions.Filter{Waiting: missions.WaitTime, Batch: "b"}, "child")
		f.advance(2 * time.Hour)
		want("for a time", missions.Filter{Waiting: missions.WaitTime})
	})
	s.run("a next wait replaces the one before", func(f *fixture) {
		f.create(named("a", "t"), named("b", "t"))
		f.create(waiting("m", completed("a")))
		f.complete("a", `1`)
		f.due()
		f.finish(park(f.take("m"), 0, completed("b")))
		wantEqual(f, "behind a", len(f.list(missions.Filter{After: completed("a")})), 0)
		wantEqual(f, "behind b", len(f.list(missions.Filter{After: completed("b")})), 1)
		f.must(f.remove("m").Err)
		f.create(waiting("m", completed("a"))) // another one with its id, in a step or not
		wantEqual(f, "behind a", len(f.list(missions.Filter{After: completed("a")})), 1)
		wantEqual(f, "behind b", len(f.list(missions.Filter{After: completed("b")})), 0)
	})
}

func testFlowEvents(s *suite) {
	s.run("waits and signals are told of, in order", func(f *fixture) {
		now := f.now()
		f.create(named("a", "t"))
		m := with("m", missions.Flow{After: []missions.Condition{completed("a"), signalled("go")}, AfterTimeoutSeconds: 3600})
		m.CorrelationID, m.Traceparent = "c-1", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
		f.create(m)
		f.signal("m", "go", `{"secret":1}`)
		f.complete("a", `1`)
		f.due()
		claimed := f.take("m")
		f.signal("m", "more", "")
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "takes", Running: []missions.LeaseRef{refOf(claimed)}, Seen: []missions.SignalRef{{MissionID: "m", Seq: 2}}, Lease: ttl}).Err)
		f.finish(park(claimed, 0, signalled("again")))
		f.must(f.cancel("m").Err)
		f.wantEvents("m", nil, "created", "waiting", "signalled", "ready", "PENDING→RUNNING attempt 1 agent takes",
			"signalled", "signal_seen", "signal_seen", "RUNNING→PENDING attempt 0 agent takes", "waiting", "PENDING→CANCELLED attempt 0 agent ")
		var told []missions.Event
		for _, e := range f.events(nil) {
			if e.MissionID != "m" {
				continue
			}
			wantEqual(f, "correlation_id", e.CorrelationID, "c-1")
			wantEqual(f, "traceparent", e.Traceparent, m.Traceparent)
			wantEqual(f, "an id", e.ID.Version(), 7)
			f.wantNear("at", e.At, now)
			if e.Kind != missions.EventCreated && e.Kind != missions.EventStatusChanged {
				told = append(told, e)
			}
		}
		f.wantSame("the first wait", told[0].Types, []string{"mission a", "signal go"})
		f.wantNear("its end", told[0].Since, now.Add(time.Hour))
		wantEqual(f, "its turn", told[0].Attempt, 0)
		f.wantSame("the signal", []any{told[1].Name, told[1].Attempt, told[1].Message}, []any{"go", 1, "someone"})
		wantEqual(f, "a reason", told[2].Reason != "", true)
		f.wantSame("what was seen", []any{told[4].Attempt, told[4].AgentID, told[5].Attempt}, []any{1, "takes", 2})
		f.wantSame("the second wait", []any{told[6].Types, told[6].Since, told[6].Attempt}, []any{[]string{"signal again"}, nil, 1})
	})
	s.run("nothing waits, nothing is told", func(f *fixture) {
		m := named("m", "t")
		m.NotBefore = f.now().Add(time.Hour)
		f.create(m, with("in", missions.Flow{Batch: "b", CloseBatch: true, MaxUsage: missions.Usage{"usd": 1}}))
		f.advance(2 * time.Hour)
		f.wantEvents("m", nil, "created")
		f.wantEvents("in", nil, "created")
	})
}
