package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"missioncontrol/missions"
)

func testCheckpoints(s *suite) {
	for name, end := range map[string]func(*fixture, missions.Mission){
		"a failure": func(f *fixture, m missions.Mission) {
			f.finish(failure(m, "no luck", true))
			f.advance(2 * time.Minute)
		},
		"a stall":   func(f *fixture, _ missions.Mission) { f.advance(25 * time.Minute); f.advance(9 * time.Minute) },
		"a timeout": func(f *fixture, m missions.Mission) { f.keepAlive(m, 35*time.Minute); f.advance(9 * time.Minute) },
		"the agent's death": func(f *fixture, _ missions.Mission) {
			_, err := f.Store.Lost(f.ctx, "a", "killed", f.now().Add(time.Second))
			f.must(err)
		},
		"the end of the lease": func(f *fixture, _ missions.Mission) { f.advance(ttl + time.Minute); f.advance(9 * time.Minute) },
		"the agent leaving": func(f *fixture, _ missions.Mission) {
			_, err := f.Store.Leave(f.ctx, "a", "")
			f.must(err)
		},
		"a release": func(f *fixture, m missions.Mission) { f.finish(release(m)) },
		"parking": func(f *fixture, m missions.Mission) {
			f.finish(park(m, 60))
			f.advance(2 * time.Minute)
		},
		"a final failure and a retry": func(f *fixture, m missions.Mission) {
			f.finish(failure(m, "no luck", false))
			f.must(f.retry("m").Err)
		},
		"reopening": func(f *fixture, m missions.Mission) {
			f.finish(release(m))
			f.Store = f.Reopen(f.T)
		},
	} {
		s.run("a checkpoint survives "+name, func(f *fixture) {
			m := named("m", "t")
			if name == "a stall" {
				m.StallSeconds = 20 * 60
			}
			if name == "a timeout" {
				m.TimeoutSeconds = 30 * 60
			}
			claimed := f.started(m, "a")
			wantEqual(f, "checkpoint of the first turn", string(claimed.Checkpoint), "")
			wantEqual(f, "turn", claimed.Turn, 1)
			f.report(claimed, `{"page":1}`, nil)
			f.report(claimed, `{"page":2}`, nil)
			wantEqual(f, "checkpoint", string(f.get("m").Checkpoint), `{"page":2}`)
			end(f, claimed)
			again := f.take("m")
			wantEqual(f, "checkpoint of the next turn", string(again.Checkpoint), `{"page":2}`)
			wantEqual(f, "turn", again.Turn, 2)
		})
	}
	testCheckpointsRest(s)
}

// keepAlive renews a lease for some time.
func (f *fixture) keepAlive(m missions.Mission, d time.Duration) {
	f.Helper()
	for range 5 {
		f.heartbeat(string(m.AgentID), refOf(m))
		f.advance(d / 5)
	}
}

func testCheckpointsRest(s *suite) {
	s.run("every report can carry one, and so can the end of an attempt", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		end := failure(m, "no luck", true)
		end.Checkpoint = json.RawMessage(`"failed"`)
		f.finish(end)
		f.advance(2 * time.Minute)
		m = f.claimOne("a")
		wantEqual(f, "checkpoint", string(m.Checkpoint), `"failed"`)
		end = release(m)
		end.Checkpoint = json.RawMessage(`"released"`)
		f.finish(end)
		m = f.claimOne("a")
		wantEqual(f, "checkpoint", string(m.Checkpoint), `"released"`)
		end = park(m, 1)
		end.Checkpoint = json.RawMessage(`"parked"`)
		f.finish(end)
		f.advance(time.Minute)
		wantEqual(f, "checkpoint", string(f.claimOne("a").Checkpoint), `"parked"`)
	})
	s.run("completion and retry fresh clear it", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.report(m, `1`, nil)
		f.finish(failure(m, "no luck", false))
		f.retryWith(missions.RetryRequest{ID: "m", Fresh: true})
		wantEqual(f, "checkpoint after retry fresh", string(f.get("m").Checkpoint), "")
		m = f.claimOne("a")
		wantEqual(f, "checkpoint of the next turn", string(m.Checkpoint), "")
		wantEqual(f, "turn", m.Turn, 2)
		f.report(m, `2`, nil)
		end := completion(m, `true`)
		end.Checkpoint = json.RawMessage(`3`)
		f.finish(end)
		wantEqual(f, "checkpoint after completion", string(f.get("m").Checkpoint), "")
		f.Store = f.Reopen(f.T)
		wantEqual(f, "checkpoint after completion, read again", string(f.get("m").Checkpoint), "")
	})
	s.run("the lease protects it", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.report(m, `1`, nil)
		f.finish(release(m))
		f.claimOne("a")
		f.wantErr("a stale report", f.progress(reporting(m, `2`, nil)), missions.ErrLeaseLost)
		wantEqual(f, "checkpoint", string(f.get("m").Checkpoint), `1`)
	})
	s.run("the largest checkpoint is kept whole, also beside large data", func(f *fixture) {
		large := `"` + strings.Repeat("x", missions.MaxCheckpointBytes-2) + `"`
		m := named("m", "t")
		m.Data = json.RawMessage(`{"d":"` + strings.Repeat("y", 300<<10) + `"}`)
		claimed := f.started(m, "a")
		f.report(claimed, large, nil)
		f.finish(release(claimed))
		f.Store = f.Reopen(f.T)
		got := f.claimOne("a")
		wantEqual(f, "checkpoint", string(got.Checkpoint) == large, true)
		wantEqual(f, "data", string(got.Data) == string(m.Data), true)
		listed := f.list(missions.Filter{})
		wantEqual(f, "listed checkpoint", string(listed[0].Checkpoint) == large, true)
	})
	s.run("turns count every claim, attempts what they counted before", func(f *fixture) {
		f.create(named("m", "t"))
		f.register("a", "t")
		for turn := 1; turn <= 4; turn++ {
			m := f.claimOne("a")
			wantEqual(f, "turn", m.Turn, turn)
			wantEqual(f, "attempt", m.Attempt, 1)
			f.finish(release(m))
		}
		m := f.claimOne("a")
		f.finish(failure(m, "x", false))
		f.must(f.retry("m").Err)
		wantEqual(f, "attempt after a retry", f.get("m").Attempt, 0)
		m = f.claimOne("a")
		wantEqual(f, "turn", m.Turn, 6)
		wantEqual(f, "attempt", m.Attempt, 1)
	})
}

func testUsage(s *suite) {
	s.run("usage is cumulative within a turn, and summed over turns", func(f *fixture) {
		want := func(usage missions.Usage) {
			f.Helper()
			f.wantSame("usage", f.get("m").Usage, usage)
		}
		m := f.started(named("m", "t"), "a")
		f.report(m, "", missions.Usage{"usd": 0.25, "tokens": 100})
		f.report(m, "", missions.Usage{"usd": 0.25, "tokens": 100}) // adds nothing
		want(missions.Usage{"usd": 0.25, "tokens": 100})
		f.report(m, "", missions.Usage{"usd": 0.5})
		want(missions.Usage{"usd": 0.5, "tokens": 100})
		f.report(m, "", missions.Usage{"usd": 0.375}) // overtaken on its way
		want(missions.Usage{"usd": 0.5, "tokens": 100})
		end := failure(m, "no luck", true)
		end.Usage = missions.Usage{"usd": 1}
		f.finish(end)
		f.finish(end) // its reply was lost
		want(missions.Usage{"usd": 1, "tokens": 100})
		f.advance(2 * time.Minute)
		m = f.claimOne("a")
		f.wantSame("usage as claimed", m.Usage, missions.Usage{"usd": 1, "tokens": 100})
		f.report(m, "", missions.Usage{"usd": 0.5})
		f.Store = f.Reopen(f.T)
		f.report(m, "", missions.Usage{"usd": 0.5})
		want(missions.Usage{"usd": 1.5, "tokens": 100})
		done := completion(m, `1`)
		done.Usage = missions.Usage{"usd": 0.75, "images": 2}
		f.finish(done)
		f.finish(done)
		want(missions.Usage{"usd": 1.75, "tokens": 100, "images": 2})
	})
	s.run("a report under a lease that was lost adds nothing", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.report(m, "", missions.Usage{"usd": 1})
		f.finish(release(m))
		f.wantErr("a late report", f.progress(reporting(m, "", missions.Usage{"usd": 9})), missions.ErrLeaseLost)
		f.wantSame("usage", f.get("m").Usage, missions.Usage{"usd": 1})
	})
	s.run("more units than there may be are refused, and nothing of the report is stored", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		eight := missions.Usage{}
		for i := range missions.MaxUnits {
			eight[fmt.Sprint("unit", i)] = 1
		}
		f.report(m, `1`, eight)
		f.wantErr("a ninth unit", f.progress(reporting(m, `2`, missions.Usage{"more": 1})), missions.ErrTooLarge)
		end := completion(m, `1`)
		end.Usage = missions.Usage{"more": 1}
		f.wantErr("a ninth unit at the end", f.tryFinish(end).Err, missions.ErrTooLarge)
		got := f.wantStatus("m", missions.Running)
		f.wantSame("usage", got.Usage, eight)
		wantEqual(f, "checkpoint", string(got.Checkpoint), `1`)
	})
	s.run("usage goes on over a retry", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.report(m, "", missions.Usage{"usd": 1})
		f.finish(failure(m, "x", false))
		f.retryWith(missions.RetryRequest{ID: "m", Fresh: true})
		f.report(f.claimOne("a"), "", missions.Usage{"usd": 2})
		f.wantSame("usage", f.get("m").Usage, missions.Usage{"usd": 3})
	})
	testMaxUsage(s)
	testBudgets(s)
}
