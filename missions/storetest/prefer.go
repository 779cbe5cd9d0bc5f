package storetest

import (
	"time"

	"missioncontrol/missions"
)

// preferring is a mission that prefers an agent for a minute.
func preferring(id, agent string) missions.Mission {
	m := named(id, "t")
	m.Flow = &missions.Flow{Preference: missions.Preference{PreferAgent: agent, PreferSeconds: 60}}
	return m
}

// patient registers agents that are online for an hour without a heartbeat.
func (f *fixture) patient(ids ...string) {
	f.Helper()
	for _, id := range ids {
		f.must(f.registerSilent(id, time.Hour, "t"))
	}
}

func testPreferAgent(s *suite) {
	s.run("others keep off while it is online", func(f *fixture) {
		f.patient("w", "other")
		f.create(preferring("m", "w"), named("any", "t"))
		f.wantEqualIDs(f.claim("other", 10), "any")
		m := f.get("m")
		wantEqual(f, "agent", m.PreferAgent, "w")
		f.wantNear("until", m.PreferUntil, f.now().Add(time.Minute))
		f.Store = f.Reopen(f.T)
		f.wantEqualIDs(f.claim("other", 10))
		f.wantEqualIDs(f.claim("w", 10), "m")
		wantEqual(f, "until, while it runs", f.get("m").PreferUntil, 0)
		f.wantRecount()
	})
	s.run("until its time is up", func(f *fixture) {
		f.patient("w", "other")
		f.create(preferring("m", "w"), preferring("n", "w"))
		f.wantNear("due", f.due().NextDue, f.now().Add(time.Minute))
		f.advance(59 * time.Second)
		f.wantEqualIDs(f.claim("other", 10))
		f.wantSame("ready", f.advance(2*time.Second).Ready, []string{"t"})
		f.wantEqualIDs(f.claim("other", 1), "m")
		f.wantEqualIDs(f.claim("w", 10), "n")
		f.wantRecount()
	})
	s.run("not while it is away, and again once it is back", func(f *fixture) {
		f.patient("w", "other")
		f.create(preferring("a", "w"), preferring("b", "w"), preferring("c", "w"), preferring("never", "stranger"))
		f.wantEqualIDs(f.claim("other", 10), "never")
		left, err := f.Store.Leave(f.ctx, "w", "")
		f.must(err)
		f.wantSame("ready", left.Ready, []string{"t"})
		f.wantEqualIDs(f.claim("other", 1), "a")
		f.patient("w")
		f.wantEqualIDs(f.claim("other", 10))
		beat := f.tryHeartbeat(missions.Heartbeat{AgentID: "w", Draining: true, Lease: time.Hour})
		f.must(beat.Err)
		f.wantSame("ready", beat.Ready, []string{"t"})
		f.wantEqualIDs(f.claim("other", 1), "b")
		f.heartbeat("w")
		f.Store = f.Reopen(f.T)
		f.wantEqualIDs(f.claim("other", 10))
		lost, err := f.Store.Lost(f.ctx, "w", "its connection ended", f.now().Add(time.Second))
		f.must(err)
		f.wantSame("ready", lost.Ready, []string{"t"})
		f.Store = f.Reopen(f.T)
		f.wantEqualIDs(f.claim("other", 10), "c")
		f.wantRecount()
	})
	s.run("silence ends it, too", func(f *fixture) {
		f.patient("other")
		f.must(f.registerSilent("w", 10*time.Second, "t"))
		f.create(preferring("m", "w"))
		f.wantEqualIDs(f.claim("other", 10))
		f.wantSame("ready", f.advance(11*time.Second).Ready, []string{"t"})
		f.wantEqualIDs(f.claim("other", 10), "m")
	})
	s.run("an agent that does not serve it keeps nobody off", func(f *fixture) {
		f.patient("other")
		f.must(f.registerSilent("w", time.Hour, "x"))
		m := preferring("m", "w")
		m.Requires = map[string]string{"gpu": "h100"}
		f.create(preferring("n", "w"), m)
		f.wantEqualIDs(f.claim("other", 10), "n")
		f.patient("w")
		_, err := f.Store.Register(f.ctx, missions.Agent{ID: "gpu", Name: "gpu", Role: "worker", Types: []string{"t"}, Capacity: 4, Labels: m.Requires}, ttl)
		f.must(err)
		f.wantEqualIDs(f.claim("w", 10))
		f.wantEqualIDs(f.claim("gpu", 10), "m")
	})
	s.run("whenever it becomes claimable, with a key and limits", func(f *fixture) {
		f.patient("w", "other")
		f.setLimit(missions.LimitSpec{Name: "l", Total: pointer(int64(1))})
		m := limited("m", "tenant", "l")
		m.Preference = missions.Preference{PreferAgent: "w", PreferSeconds: 60}
		f.create(m, limited("n", "tenant", "l"))
		held := f.claim("w", 1)
		f.wantEqualIDs(held, "m")
		f.wantLimit("l", 1, 1, missions.FullTotal)
		f.finish(failure(held[0], "once more", true))
		f.advance(61 * time.Second) // the back-off
		next := f.claim("other", 10)
		f.wantEqualIDs(next, "n")
		f.finish(completion(next[0], `1`))
		f.wantEqualIDs(f.claim("other", 10))
		f.advance(time.Minute)
		f.wantEqualIDs(f.claim("other", 10), "m")
		f.wantRecount()
	})
	s.run("an agent that releases a mission says who shall have it", func(f *fixture) {
		f.patient("w", "other")
		f.create(named("m", "t"), named("n", "t"))
		held := f.claim("w", 2)
		for _, m := range held {
			end := missions.Finish{AgentID: "w", LeaseRef: refOf(m), Outcome: missions.OutcomeRelease,
				Park: &missions.Park{Preference: missions.Preference{PreferAgent: "w", PreferSeconds: 60}}}
			if m.ID == "n" {
				end.Park.After, end.Park.TimeoutSeconds = []missions.Condition{{Signal: "go"}}, 30
			}
			f.finish(end)
		}
		f.wantEqualIDs(f.claim("other", 10))
		f.wantEqualIDs(f.claim("w", 10), "m")
		f.signal("n", "go", "1")
		f.wantEqualIDs(f.claim("other", 10))
		f.wantEqualIDs(f.claim("w", 10), "n")
		f.cancel("n")
		f.create(preferring("gone", "w"))
		f.cancel("gone")
		f.retry("gone")
		f.wantEqualIDs(f.claim("other", 10))
		f.wantEqualIDs(f.claim("w", 10), "gone")
		f.wantRecount()
	})
}
