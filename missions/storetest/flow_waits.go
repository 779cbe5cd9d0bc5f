package storetest

import (
	"fmt"
	"strings"
	"time"

	"missioncontrol/missions"
)

// endings are the ways in which a mission "source" of type t can end, and its status then; "gone" if it
// was deleted.
var endings = map[string]struct {
	status missions.Status
	end    func(*fixture)
}{
	"completed": {missions.Completed, func(f *fixture) { f.complete("source", `{"n":1}`) }},
	"failed":    {missions.Failed, func(f *fixture) { f.fail("source") }},
	"cancelled": {missions.Cancelled, func(f *fixture) { f.must(f.cancel("source").Err) }},
	"cancelled while running": {missions.Cancelled, func(f *fixture) {
		f.take("source")
		f.must(f.cancel("source").Err)
	}},
	"deleted": {missions.Cancelled, func(f *fixture) { f.must(f.remove("source").Err) }},
	"expired": {missions.Failed, func(f *fixture) { f.advance(61 * time.Minute) }}, // its deadline
	"timed out": {missions.Failed, func(f *fixture) { // its last attempt
		f.must(f.registerSilent("slow", 1000*time.Hour))
		f.must(f.tryClaim(missions.ClaimRequest{AgentID: "slow", Max: 1, Lease: 1000 * time.Hour}).Err)
		f.advance(31 * time.Minute)
	}},
	"lost with its agent": {missions.Failed, func(f *fixture) {
		f.take("source")
		_, err := f.Store.Lost(f.ctx, "takes", "killed", f.now().Add(time.Second))
		f.must(err)
	}},
	"over its maximum": {missions.Failed, func(f *fixture) { f.report(f.take("source"), "", missions.Usage{"usd": 2}) }},
}

// source is a mission that can end in each of those ways.
func (f *fixture) source() missions.Mission {
	m := with("source", missions.Flow{MaxUsage: missions.Usage{"usd": 1}})
	m.MaxAttempts, m.TimeoutSeconds, m.Deadline = 1, 30*60, f.now().Add(time.Hour)
	return m
}

// testWaitEnds: every end of what is waited for, before and after the wait begins, for every on_unmet.
func testWaitEnds(s *suite) {
	for name, ending := range endings {
		for _, when := range []missions.When{missions.WhenCompleted, missions.WhenEnded} {
			for _, unmet := range []missions.OnUnmet{missions.UnmetCancel, missions.UnmetFail, missions.UnmetRun} {
				s.run(fmt.Sprintf("%s, when %s, on_unmet %s", name, when, unmet), func(f *fixture) {
					f.create(f.source())
					waiter := with("waiter", missions.Flow{After: []missions.Condition{{Mission: "source", When: when}}, OnUnmet: unmet})
					f.create(waiter)
					f.wantWaiting("waiter", "source")
					f.wantWaits(1, 0, 0)
					ending.end(f)
					f.due()
					f.wantOutcome("waiter", ending.status, when, unmet)
					if name != "deleted" { // a condition whose source has ended when the wait begins
						waiter.ID = "late"
						f.create(waiter)
						f.wantOutcome("late", ending.status, when, unmet)
					}
					f.wantNoWakes()
				})
			}
		}
	}
}

// wantOutcome checks what has become of a mission that waited for another one.
func (f *fixture) wantOutcome(id string, source missions.Status, when missions.When, unmet missions.OnUnmet) {
	f.Helper()
	m := f.get(id)
	want := missions.Pending
	if source != missions.Completed && when == missions.WhenCompleted {
		switch unmet {
		case missions.UnmetCancel:
			want = missions.Cancelled
		case missions.UnmetFail:
			want = missions.Failed
		case missions.UnmetRun:
		}
		if want != missions.Pending && !strings.Contains(f.lastReason(id), "source is "+string(source)) {
			f.Errorf("the reason is %q, without a word of the source", f.lastReason(id))
		}
	}
	wantEqual(f, "status", m.Status, want)
	wantEqual(f, "finished", m.FinishedAt != 0, want != missions.Pending)
	f.wantSame("waiting_for", m.WaitingFor, nil)
	if len(m.WaitedFor) != 1 || m.WaitedFor[0].Status != source {
		f.Errorf("waited_for is %s, want that the source is %s", f.json(m.WaitedFor), source)
	}
	if want == missions.Pending {
		claimed := f.take(id)
		wantEqual(f, "input", claimed.Inputs["source"].Status, source)
		f.finish(completion(claimed, `1`))
	}
}

func (f *fixture) lastReason(id string) string {
	f.Helper()
	log := f.log(id)
	return log[len(log)-1].Reason
}

// wantNoWakes checks that nobody is left to be told of anything.
func (f *fixture) wantNoWakes() {
	f.Helper()
	part, err := f.Store.Due(f.ctx, 1000)
	f.must(err)
	wantEqual(f, "more is due", part.More, false)
}

// wantWaits checks how many missions wait for missions, batches and signals.
func (f *fixture) wantWaits(forMissions, forBatches, forSignals int) {
	f.Helper()
	for kind, want := range map[missions.WaitKind]int{missions.WaitMission: forMissions, missions.WaitBatch: forBatches, missions.WaitSignal: forSignals} {
		wantEqual(f, "missions that wait for a "+string(kind), len(f.list(missions.Filter{Waiting: kind})), want)
	}
}

func testWaits(s *suite) {
	s.run("several conditions are met one after the other, and stay met", func(f *fixture) {
		f.create(named("a", "t"), named("b", "t"))
		f.closeBatch("empty-open-later")
		f.create(with("c", missions.Flow{Batch: "tests"}))
		f.create(waiting("m", completed("a"), ended("b"), batchCompleted("tests"), signalled("go")))
		f.wantWaiting("m", "a", "b", "tests", "go")
		f.complete("a", `"A"`)
		f.due()
		f.wantWaiting("m", "b", "tests", "go")
		f.must(f.remove("a").Err)
		f.must(f.remove("b").Err)
		f.due()
		f.wantWaiting("m", "tests", "go")
		f.signal("m", "go", `1`)
		f.wantWaiting("m", "tests")
		f.Store = f.Reopen(f.T)
		f.complete("c", `"C"`)
		f.closeBatch("tests")
		f.due()
		m := f.take("m")
		f.wantSame("inputs", m.Inputs, map[string]missions.Input{
			"a": {Status: missions.Completed, Result: []byte(`"A"`)}, "b": {Status: missions.Cancelled},
			"tests": {Status: missions.Completed, Result: []byte(`{"total":1,"by_status":{"CANCELLED":0,"COMPLETED":1,"FAILED":0,"PENDING":0,"RUNNING":0}}`)},
		})
		wantEqual(f, "its own signal", len(m.Signals), 1)
	})
	s.run("the first condition that cannot be met decides", func(f *fixture) {
		f.create(named("a", "t"), named("b", "t"))
		f.create(waiting("m", completed("a"), completed("b"), signalled("go")))
		f.fail("b")
		f.due()
		f.wantStatus("m", missions.Cancelled)
		f.complete("a", `1`)
		f.due()
		f.wantErr("a signal afterwards", f.trySignal(missions.SignalRequest{MissionID: "m", Name: "go"}).Err, missions.ErrConflict)
		f.wantNoWakes()
	})
	s.run("a chain ends with its first mission", func(f *fixture) {
		f.create(named("m0", "t"))
		for i := range 20 {
			f.create(waiting(fmt.Sprint("m", i+1), completed(fmt.Sprint("m", i))))
		}
		f.must(f.cancel("m0").Err)
		f.due()
		wantEqual(f, "cancelled", len(f.list(missions.Filter{Status: missions.Cancelled})), 21)
		f.wantWaits(0, 0, 0)
		f.wantRecount()
	})
	s.run("missions of one request wait for those before them", func(f *fixture) {
		f.create(named("a", "t"), waiting("b", completed("a")), waiting("c", completed("a"), completed("b")))
		f.wantClaimable("a")
		f.complete("a", `1`)
		f.due()
		f.wantClaimable("b")
		f.complete("b", `2`)
		f.due()
		f.wantSame("inputs", f.take("c").Inputs, map[string]missions.Input{
			"a": {Status: missions.Completed, Result: []byte(`1`)}, "b": {Status: missions.Completed, Result: []byte(`2`)}})
	})
	s.run("a mission that waits can be cancelled, deleted and given a deadline", func(f *fixture) {
		f.create(named("a", "t"))
		dying := waiting("dies", completed("a"))
		dying.Deadline = f.now().Add(time.Hour)
		f.create(waiting("cancelled", completed("a")), waiting("deleted", completed("a")), dying)
		f.must(f.cancel("cancelled").Err)
		f.must(f.remove("deleted").Err)
		f.advance(61 * time.Minute)
		f.wantStatus("dies", missions.Failed)
		f.complete("a", `1`)
		f.due()
		f.wantClaimable()
		f.wantStatus("cancelled", missions.Cancelled)
		f.wantWaits(0, 0, 0)
	})
	s.run("not_before counts from the end of the wait", func(f *fixture) {
		f.create(named("a", "t"))
		m := waiting("m", completed("a"))
		m.NotBefore = f.now().Add(time.Hour)
		f.create(m)
		f.complete("a", `1`)
		f.due()
		f.wantSame("waits for a time", idsOf(f.list(missions.Filter{Waiting: missions.WaitTime})), []string{"m"})
		f.wantClaimable()
		f.advance(61 * time.Minute)
		f.wantClaimable("m")
	})
	testWaitLimits(s)
	testWaitsRefused(s)
}

func testWaitLimits(s *suite) {
	limited := func(unmet missions.OnUnmet) missions.Mission {
		return with("m", missions.Flow{After: []missions.Condition{completed("a"), signalled("go")}, AfterTimeoutSeconds: 3600, OnUnmet: unmet})
	}
	for unmet, want := range map[missions.OnUnmet]missions.Status{
		missions.UnmetCancel: missions.Cancelled, missions.UnmetFail: missions.Failed, missions.UnmetRun: missions.Pending,
	} {
		s.run("a wait that takes too long, on_unmet "+string(unmet), func(f *fixture) {
			f.create(named("a", "other"))
			now := f.now()
			f.create(limited(unmet))
			m := f.wantWaiting("m", "a", "go")
			f.wantNear("waiting_until", m.WaitingUntil, now.Add(time.Hour))
			f.wantNear("waiting_since", m.WaitingSince, now)
			f.advance(59 * time.Minute)
			f.wantWaiting("m", "a", "go")
			due := f.advance(2 * time.Minute)
			m = f.wantStatus("m", want)
			wantEqual(f, "timed_out", m.TimedOut, want == missions.Pending)
			f.wantWaits(0, 0, 0)
			if want == missions.Pending {
				f.wantSame("ready", due.Ready, []string{"t"})
				claimed := f.take("m")
				wantEqual(f, "timed_out as claimed", claimed.TimedOut, true)
				wantEqual(f, "inputs", len(claimed.Inputs), 0)
			} else if !strings.Contains(f.lastReason("m"), "time") {
				f.Errorf("the reason is %q, without a word of the time", f.lastReason("m"))
			}
			f.must(f.cancel("a").Err) // nobody waits for it any more
			f.due()
		})
	}
	s.run("next_due knows the end of a wait", func(f *fixture) {
		f.create(named("a", "other"))
		now := f.now()
		f.create(limited(""))
		f.wantNear("next_due", f.due().NextDue, now.Add(time.Hour))
		f.must(f.cancel("a").Err)
		f.due()
		wantEqual(f, "next_due", f.due().NextDue, 0)
	})
}

func testWaitsRefused(s *suite) {
	s.run("unknown sources, closed batches and parents that have ended are refused, and nothing changes", func(f *fixture) {
		f.create(named("done", "t"))
		f.must(f.cancel("done").Err)
		f.closeBatch("closed")
		position := f.checkpoint()
		for name, m := range map[string]missions.Mission{
			"an unknown mission": waiting("m", ended("done"), completed("nobody")),
			"an unknown batch":   waiting("m", ended("done"), batchEnded("nothing")),
			"an unknown parent":  with("m", missions.Flow{ParentID: "nobody"}),
			"itself":             waiting("m", completed("m")),
			"its own batch":      with("m", missions.Flow{Batch: "own", After: []missions.Condition{batchEnded("own")}}),
		} {
			f.wantErr(name, f.createOne(m).Err, missions.ErrInvalid)
		}
		f.wantErr("a closed batch", f.createOne(with("m", missions.Flow{Batch: "closed"})).Err, missions.ErrConflict)
		f.wantErr("a parent that has ended", f.createOne(with("m", missions.Flow{ParentID: "done"})).Err, missions.ErrConflict)
		f.wantErr("a new batch and an unknown mission", f.createOne(with("m", missions.Flow{
			Batch: "new", CloseBatch: true, After: []missions.Condition{completed("nobody")}})).Err, missions.ErrInvalid)
		_, err := f.Store.Batch(f.ctx, "new")
		f.wantErr("the batch of a mission that was refused", err, missions.ErrNotFound)
		_, err = f.Store.Get(f.ctx, "m")
		f.wantErr("get", err, missions.ErrNotFound)
		wantEqual(f, "events", len(f.events(position)), 0)
		wantEqual(f, "missions", len(f.list(missions.Filter{})), 1)
		f.wantRecount()
	})
	s.run("creating it again is the same with the same flow, and a conflict with another", func(f *fixture) {
		flow := func() missions.Flow {
			return missions.Flow{After: []missions.Condition{completed("a"), signalled("go", "yes", "no")}, AfterTimeoutSeconds: 10,
				MaxUsage: missions.Usage{"usd": 1, "tokens": 5}, RetryPolicy: &missions.RetryOptions{Factor: pointer(3.0)}, ParentID: "a", Batch: "b"}
		}
		f.create(named("a", "t"))
		f.create(with("m", flow()))
		again := f.createOne(with("m", flow()))
		f.must(again.Err)
		wantEqual(f, "created", again.Created, false)
		f.wantSame("the mission", again.Mission, f.get("m"))
		for name, change := range map[string]func(*missions.Flow){
			"after": func(x *missions.Flow) { x.After = x.After[:1] }, "when": func(x *missions.Flow) { x.After[0].When = missions.WhenEnded },
			"choices": func(x *missions.Flow) { x.After[1].Choices = nil }, "the timeout": func(x *missions.Flow) { x.AfterTimeoutSeconds = 11 },
			"on_unmet": func(x *missions.Flow) { x.OnUnmet = missions.UnmetRun }, "max_usage": func(x *missions.Flow) { x.MaxUsage["usd"] = 2 },
			"on_exceeded": func(x *missions.Flow) { x.OnExceeded = missions.ExceededAsk }, "retry_policy": func(x *missions.Flow) { x.RetryPolicy = nil },
			"parent_id": func(x *missions.Flow) { x.ParentID = "" }, "detached": func(x *missions.Flow) { x.Detached = true },
			"batch": func(x *missions.Flow) { x.Batch = "c" },
		} {
			other := flow()
			change(&other)
			f.wantErr("another "+name, f.createOne(with("m", other)).Err, missions.ErrConflict)
		}
		f.wantErr("no flow", f.createOne(with("m", missions.Flow{})).Err, missions.ErrConflict)
		f.wantErr("a flow for one without", f.createOne(with("a", flow())).Err, missions.ErrConflict)
		_, err := f.Store.Batch(f.ctx, "c")
		f.wantErr("the batch of a mission that was refused", err, missions.ErrNotFound)
		f.must(f.cancel("a").Err) // cancels m
		f.due()
		again = f.createOne(with("m", flow())) // its source and its parent have ended since
		f.must(again.Err)
		wantEqual(f, "status", again.Mission.Status, missions.Cancelled)
	})
}
