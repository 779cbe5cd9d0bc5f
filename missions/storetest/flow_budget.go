package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"missioncontrol/missions"
)

func testMaxUsage(s *suite) {
	limited := func(id string, on missions.OnExceeded) missions.Mission {
		return with(id, missions.Flow{MaxUsage: missions.Usage{"usd": 5}, OnExceeded: on})
	}
	s.run("the report that exceeds the maximum fails the mission in its step, and its holder is told", func(f *fixture) {
		m := f.started(limited("m", ""), "a")
		wantEqual(f, "stopped at the maximum", f.report(m, "", missions.Usage{"usd": 5}), false)
		position := f.checkpoint()
		wantEqual(f, "stopped above it", f.report(m, `"here"`, missions.Usage{"usd": 5.5}), true)
		failed := f.wantStatus("m", missions.Failed)
		f.wantSame("usage", failed.Usage, missions.Usage{"usd": 5.5})
		wantEqual(f, "checkpoint", string(failed.Checkpoint), `"here"`)
		if !strings.Contains(string(failed.Error), "usd") {
			f.Errorf("error is %q, without a word of the unit", failed.Error)
		}
		f.wantEvents("m", position, "RUNNING→FAILED attempt 1 agent a")
		f.wantSame("cancel", f.heartbeat("a", refOf(m)).Cancel, []string{"m"})
		f.wantSame("lost", f.heartbeat("a", refOf(m)).Lost, nil)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		f.wantRecount()
	})
	s.run("usage of earlier turns counts, and so does that of a failure, which can be repeated", func(f *fixture) {
		m := f.started(limited("m", missions.ExceededFail), "a")
		f.report(m, "", missions.Usage{"usd": 3})
		f.finish(release(m))
		m = f.claimOne("a")
		end := failure(m, "no luck", true)
		end.Usage = missions.Usage{"usd": 3}
		f.finish(end)
		f.wantStatus("m", missions.Failed)
		f.wantErr("the failure again", f.tryFinish(end).Err, nil)
	})
	s.run("a completion is stored, whatever it has used", func(f *fixture) {
		m := f.started(limited("m", ""), "a")
		end := completion(m, `"done"`)
		end.Usage = missions.Usage{"usd": 7}
		f.finish(end)
		wantEqual(f, "result", string(f.wantStatus("m", missions.Completed).Result), `"done"`)
	})
	s.run("with ask, it is parked until it has a new maximum", func(f *fixture) {
		m := f.started(limited("m", missions.ExceededAsk), "a")
		wantEqual(f, "stopped", f.report(m, `"here"`, missions.Usage{"usd": 6}), true)
		f.wantSame("cancel", f.heartbeat("a", refOf(m)).Cancel, []string{"m"})
		parked := f.wantWaiting("m", missions.BudgetSignal)
		wantEqual(f, "attempt", parked.Attempt, 0)
		wantEqual(f, "a prompt", parked.WaitingFor[0].Prompt != "", true)
		f.wantSame("listed as waiting for a signal", idsOf(f.list(missions.Filter{Waiting: missions.WaitSignal})), []string{"m"})
		f.wantClaimable()
		result := f.signal("m", missions.BudgetSignal, `{"usd":10}`)
		wantEqual(f, "delivered", result.Delivered, missions.DeliveredWaiting)
		m = f.claimOne("a")
		wantEqual(f, "turn", m.Turn, 2)
		wantEqual(f, "attempt", m.Attempt, 1)
		wantEqual(f, "checkpoint", string(m.Checkpoint), `"here"`)
		f.wantSame("max_usage", m.MaxUsage, missions.Usage{"usd": 10})
		wantEqual(f, "stopped at the new maximum", f.report(m, "", missions.Usage{"usd": 4}), false)
		wantEqual(f, "stopped above it", f.report(m, "", missions.Usage{"usd": 4.5}), true)
		f.wantWaiting("m", missions.BudgetSignal)
	})
	s.run("with ask, what a release waits for is waited for as well", func(f *fixture) {
		m := f.started(limited("m", missions.ExceededAsk), "a")
		end := park(m, 3600, signalled("review"))
		end.Usage = missions.Usage{"usd": 6}
		f.finish(end)
		f.wantWaiting("m", missions.BudgetSignal, "review")
		f.signal("m", "review", "")
		f.wantWaiting("m", missions.BudgetSignal)
		f.signal("m", missions.BudgetSignal, `{"usd":10}`)
		f.wantClaimable("m")
	})
	s.run("with ask, a failure that is final stays one", func(f *fixture) {
		m := f.started(limited("m", missions.ExceededAsk), "a")
		end := failure(m, "it cannot be done", false)
		end.Usage = missions.Usage{"usd": 6}
		f.finish(end)
		wantEqual(f, "error", f.wantStatus("m", missions.Failed).Error, "it cannot be done")
	})
}

func testBudgets(s *suite) {
	asking := func(f *fixture) {
		f.Helper()
		m := f.started(with("m", missions.Flow{MaxUsage: missions.Usage{"usd": 5}, OnExceeded: missions.ExceededAsk}), "a")
		f.report(m, "", missions.Usage{"usd": 6})
	}
	s.run("an answer that is no new maximum is refused, and changes nothing", func(f *fixture) {
		asking(f)
		before, position := f.whole("m"), f.checkpoint()
		for _, data := range []string{`10`, `"yes"`, `{}`, `{"usd":"10"}`, `{"usd":-1}`, `{"USD":10}`, `{"usd":5.5}`, `null`, ``} {
			q := missions.SignalRequest{MissionID: "m", Name: missions.BudgetSignal}
			if data != "" {
				q.Data = json.RawMessage(data)
			}
			f.wantErr("budget "+data, f.trySignal(q).Err, missions.ErrInvalid)
		}
		wantEqual(f, "the mission", f.whole("m"), before)
		wantEqual(f, "events", len(f.events(position)), 0)
	})
	s.run("a maximum in many units is taken whole", func(f *fixture) {
		asking(f)
		budget := missions.Usage{"usd": 1000}
		for i := range missions.MaxUnits - 1 {
			budget[fmt.Sprintf("a_unit_with_a_rather_long_name_%d", i)] = 123456789.123456
		}
		f.signal("m", missions.BudgetSignal, f.json(budget))
		f.wantSame("max_usage", f.claimOne("a").MaxUsage, budget)
	})
	s.run("one that was sent before counts if it is enough", func(f *fixture) {
		m := f.started(with("m", missions.Flow{MaxUsage: missions.Usage{"usd": 5}, OnExceeded: missions.ExceededAsk}), "a")
		f.signal("m", missions.BudgetSignal, `{"usd":5.5}`)
		f.signal("m", missions.BudgetSignal, `{"usd":8}`)
		f.report(m, "", missions.Usage{"usd": 6})
		f.wantSame("max_usage", f.claimOne("a").MaxUsage, missions.Usage{"usd": 8})
	})
	s.run("a signal of that name is like any other to a mission that does not ask", func(f *fixture) {
		f.create(waiting("m", signalled(missions.BudgetSignal)))
		f.signal("m", missions.BudgetSignal, `"plenty"`)
		f.wantClaimable("m")
	})
}

func testRetryPolicy(s *suite) {
	failing := func(id string, options missions.RetryOptions) missions.Mission {
		m := with(id, missions.Flow{RetryPolicy: &options})
		m.MaxAttempts = 10
		return m
	}
	wait := func(f *fixture, want time.Duration) {
		f.Helper()
		now := f.now()
		f.finish(failure(f.claimOne("a"), "no luck", true))
		f.wantNear("next_attempt_at", f.get("m").NextAttemptAt, now.Add(want))
		f.advance(want + time.Minute)
	}
	s.run("a mission has a back-off of its own", func(f *fixture) {
		f.create(failing("m", missions.RetryOptions{FirstSeconds: pointer(600.0), Factor: pointer(3.0), MaxSeconds: pointer(10000.0), Jitter: pointer(0.0)}))
		f.must(f.registerSilent("a", 1000*time.Hour))
		for _, want := range []time.Duration{600 * time.Second, 1800 * time.Second, 5400 * time.Second, 10000 * time.Second, 10000 * time.Second} {
			wait(f, want)
		}
	})
	s.run("a part of it changes that part", func(f *fixture) {
		f.create(failing("m", missions.RetryOptions{Factor: pointer(1.0)}))
		f.must(f.registerSilent("a", 1000*time.Hour))
		for range 3 {
			wait(f, time.Minute)
		}
	})
	s.run("no wait at all", func(f *fixture) {
		f.create(failing("m", missions.RetryOptions{FirstSeconds: pointer(0.0)}))
		f.register("a", "t")
		for attempt := range 4 {
			m := f.claimOne("a")
			wantEqual(f, "attempt", m.Attempt, attempt+1)
			f.finish(failure(m, "no luck", true))
		}
	})
	s.run("retry_after replaces the back-off of that attempt", func(f *fixture) {
		f.create(failing("m", missions.RetryOptions{}))
		f.must(f.registerSilent("a", 1000*time.Hour))
		now := f.now()
		end := failure(f.claimOne("a"), "come back later", true)
		end.RetryAfter = pointer(7200.0)
		f.finish(end)
		f.wantNear("next_attempt_at", f.get("m").NextAttemptAt, now.Add(2*time.Hour))
		f.advance(2*time.Hour + time.Minute)
		end = failure(f.claimOne("a"), "at once", true)
		end.RetryAfter = pointer(0.0)
		f.finish(end)
		wait(f, 4*time.Minute)
	})
	s.run("retry_after does not give a mission more attempts", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 1
		end := failure(f.started(m, "a"), "come back later", true)
		end.RetryAfter = pointer(5.0)
		f.finish(end)
		f.wantStatus("m", missions.Failed)
	})
}
