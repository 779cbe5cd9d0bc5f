package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"missioncontrol/missions"
)

func testClaim(s *suite) {
	s.run("gives a running mission under a lease", func(f *fixture) {
		f.create(named("m", "t"))
		f.register("a", "t")
		now := f.now()
		m := f.claimOne("a")
		wantEqual(f, "status", m.Status, missions.Running)
		wantEqual(f, "attempt", m.Attempt, 1)
		wantEqual(f, "agent_id", m.AgentID, "a")
		f.wantNear("lease_expires_at", m.LeaseExpiresAt, now.Add(ttl))
		f.wantNear("started_at", m.StartedAt, now)
		if m.Lease <= 0 {
			f.Errorf("lease is %d, want a fencing token greater than 0", m.Lease)
		}
		m.Lease = 0 // only in the reply to the claim
		f.wantSame("the mission read back", f.get("m"), m)
		wantEqual(f, "claimed again", len(f.claim("a", 10)), 0)
	})
	s.run("refuses agents that may not claim", func(f *fixture) {
		f.create(named("m", "t"))
		f.register("left", "t")
		_, err := f.Store.Leave(f.ctx, "left", "goodbye")
		f.must(err)
		f.register("draining", "t")
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "draining", Draining: true, Lease: ttl}).Err)
		for agent, want := range map[string]*missions.Error{
			"stranger": missions.ErrNotFound, "left": missions.ErrConflict, "draining": missions.ErrConflict,
		} {
			f.wantErr(agent, f.tryClaim(missions.ClaimRequest{AgentID: agent, Types: []string{"t"}, Max: 1, Lease: ttl, Alive: true}).Err, want)
		}
		f.wantStatus("m", missions.Pending)
		f.heartbeat("draining") // no longer draining
		wantEqual(f, "claimed by the agent that drained", f.claimOne("draining").ID, "m")
	})
	s.run("waits for not_before", func(f *fixture) {
		m := named("later", "t")
		m.NotBefore = f.now().Add(time.Hour)
		f.create(m)
		f.register("a", "t")
		wantEqual(f, "claimed early", len(f.claim("a", 1)), 0)
		wantEqual(f, "ready early", len(f.advance(58*time.Minute).Ready), 0)
		wantEqual(f, "claimed early", len(f.claim("a", 1)), 0)
		f.wantSame("ready", f.advance(3*time.Minute).Ready, []string{"t"})
		wantEqual(f, "claimed in time", f.claimOne("a").ID, "later")
	})
	s.run("is a sign of life only when the agent itself has asked", func(f *fixture) {
		f.register("a", "t")
		f.advance(ttl + time.Minute)
		wantEqual(f, "state", f.agent("a").State, missions.Offline)
		f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 1, Lease: ttl})
		wantEqual(f, "state after a claim on its behalf", f.agent("a").State, missions.Offline)
		now := f.now()
		f.claim("a", 1)
		wantEqual(f, "state after its own claim", f.agent("a").State, missions.Online)
		f.wantNear("last_heartbeat", f.agent("a").LastHeartbeat, now)
	})
	s.run("keeps within a budget of bytes, but for the first mission", func(f *fixture) {
		batch := numbered("big", "t", 6)
		for i := range batch {
			batch[i].Data = json.RawMessage(`{"x":"` + strings.Repeat("x", 100<<10) + `"}`)
		}
		f.create(batch...)
		f.register("a", "t")
		budget := func(bytes int) int {
			return len(f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 10, MaxBytes: bytes, Lease: ttl}).Missions)
		}
		wantEqual(f, "with a budget of 1 byte", budget(1), 1)
		wantEqual(f, "with a budget of two and a half", budget(250<<10), 2)
		wantEqual(f, "without a budget", budget(0), 3)
	})
	testClaimTogether(s)
}

func testClaimTogether(s *suite) {
	s.run("no two requests of a batch share a mission", func(f *fixture) {
		f.create(numbered("m", "t", 5)...)
		f.register("a", "t")
		f.register("b", "t")
		results, err := f.Store.Claim(f.ctx, []missions.ClaimRequest{
			{AgentID: "a", Max: 2, Lease: ttl}, {AgentID: "nobody", Max: 2, Lease: ttl},
			{AgentID: "b", Max: 2, Lease: ttl}, {AgentID: "a", Max: 2, Lease: ttl},
		})
		f.must(err)
		f.wantSame("first", idsOf(results[0].Missions), []string{"m-0000", "m-0001"})
		f.wantErr("second", results[1].Err, missions.ErrNotFound)
		f.wantSame("third", idsOf(results[2].Missions), []string{"m-0002", "m-0003"})
		f.wantSame("fourth", idsOf(results[3].Missions), []string{"m-0004"})
	})
	s.run("no two callers share a mission", func(f *fixture) {
		const missionCount, callers = 300, 24
		f.create(numbered("m", "t", missionCount)...)
		for i := range callers {
			f.register(fmt.Sprintf("a%d", i), "t")
		}
		taken := make([][]missions.Mission, callers)
		var wait sync.WaitGroup
		for i := range callers {
			wait.Go(func() {
				for {
					q := missions.ClaimRequest{AgentID: fmt.Sprintf("a%d", i), Max: 1 + i%7, Lease: ttl}
					results, err := f.Store.Claim(f.ctx, []missions.ClaimRequest{q})
					if err != nil || results[0].Err != nil {
						f.Errorf("claim: %v, %v", err, results)
						return
					}
					if len(results[0].Missions) == 0 {
						return
					}
					taken[i] = append(taken[i], results[0].Missions...)
				}
			})
		}
		wait.Wait()
		owners, leases := map[string]string{}, map[int64]string{}
		for i := range callers {
			for _, m := range taken[i] {
				if other, twice := owners[m.ID]; twice {
					f.Errorf("mission %s was given to %s and to %s", m.ID, other, m.AgentID)
				}
				if other, twice := leases[m.Lease]; twice {
					f.Errorf("lease %d stands for %s and for %s", m.Lease, other, m.ID)
				}
				owners[m.ID], leases[m.Lease] = string(m.AgentID), m.ID
			}
		}
		wantEqual(f, "missions given out", len(owners), missionCount)
		f.wantRecount()
	})
}

func testClaimOrder(s *suite) {
	s.run("priority first, then age", func(f *fixture) {
		var batch []missions.Mission
		for i, p := range []missions.Priority{missions.Low, missions.Normal, missions.Critical, missions.High,
			missions.Normal, missions.Low, missions.High, missions.Critical} {
			m := named(fmt.Sprintf("%d-%s", i, p), "t")
			m.Priority = p
			batch = append(batch, m)
		}
		f.create(batch...)
		f.register("a", "t")
		var order []string
		for range len(batch) {
			order = append(order, f.claimOne("a").ID)
		}
		f.wantSame("order", order, []string{"2-CRITICAL", "7-CRITICAL", "3-HIGH", "6-HIGH", "1-NORMAL", "4-NORMAL", "0-LOW", "5-LOW"})
	})
	s.run("several types are served in one order", func(f *fixture) {
		batch := []missions.Mission{named("x1", "x"), named("y1", "y"), named("z1", "z"), named("y2", "y"), named("x2", "x"), named("x3", "x")}
		batch[4].Priority = missions.High
		f.create(batch...)
		f.register("a", "x", "y")
		f.wantSame("order", idsOf(f.claim("a", 10)), []string{"x2", "x1", "y1", "y2", "x3"})
		f.wantStatus("z1", missions.Pending)
	})
	s.run("only the types asked for, and else those registered", func(f *fixture) {
		f.create(named("x1", "x"), named("y1", "y"), named("z1", "z"))
		f.register("a", "y", "x")
		asked := f.tryClaim(missions.ClaimRequest{AgentID: "a", Types: []string{"z"}, Max: 10, Lease: ttl})
		f.wantSame("missions", idsOf(asked.Missions), []string{"z1"})
		f.wantSame("types looked for", asked.Types, []string{"z"})
		own := f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 10, Lease: ttl})
		f.wantSame("missions", idsOf(own.Missions), []string{"x1", "y1"})
		slices.Sort(own.Types)
		f.wantSame("types looked for", own.Types, []string{"x", "y"})
	})
	s.run("a type named twice counts once", func(f *fixture) {
		f.create(numbered("m", "t", 3)...)
		f.register("a", "t")
		q := missions.ClaimRequest{AgentID: "a", Types: []string{"t", "t"}, Max: 2, Lease: ttl}
		f.wantSame("missions", idsOf(f.tryClaim(q).Missions), []string{"m-0000", "m-0001"})
	})
	s.run("a mission that comes back keeps its age", func(f *fixture) {
		f.create(numbered("m", "t", 3)...)
		f.register("a", "t")
		first := f.claimOne("a")
		f.finish(release(first))
		wantEqual(f, "claimed next", f.claimOne("a").ID, first.ID)
	})
}

func testFencing(s *suite) {
	s.run("tokens grow over release, delete, and reopening", func(f *fixture) {
		f.register("a", "t")
		var last int64
		next := func(what string) missions.Mission {
			f.Helper()
			m := f.claimOne("a")
			if m.Lease <= last {
				f.Errorf("%s: token %d does not exceed %d", what, m.Lease, last)
			}
			last = m.Lease
			return m
		}
		f.create(named("m", "t"))
		m := next("first claim")
		f.finish(release(m))
		m = next("after a release")
		f.finish(completion(m, `1`))
		f.must(f.remove("m").Err)
		f.create(named("m", "t"))
		m = next("after the id was deleted and created anew")
		f.finish(release(m))
		f.Store = f.Reopen(f.T)
		m = next("after reopening")
		f.finish(completion(m, `1`))
		f.must(f.remove("m").Err)
		f.Store = f.Reopen(f.T)
		f.create(named("m", "t"))
		next("after delete and reopening")
	})
	s.run("a token of an earlier mission of the same id opens nothing", func(f *fixture) {
		old := f.started(named("m", "t"), "a")
		f.must(f.cancel("m").Err)
		f.must(f.remove("m").Err)
		f.create(named("m", "t"))
		f.claimOne("a")
		f.wantErr("complete", f.tryFinish(completion(old, `1`)).Err, missions.ErrLeaseLost)
		f.wantStatus("m", missions.Running)
	})
}
