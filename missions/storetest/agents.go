package storetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

func testAgents(s *suite) {
	s.run("register keeps what an agent says of itself", func(f *fixture) {
		now := f.now()
		given := missions.Agent{
			ID: "a", Name: "Agent Ä", Role: "renderer", Capacity: 7, Types: []string{"x", "y"},
			Version: "1.2.3", Host: "box", Labels: map[string]string{"zone": "north"},
		}
		a, err := f.Store.Register(f.ctx, given, ttl)
		f.must(err)
		f.wantNear("registered_at", a.RegisteredAt, now)
		f.wantNear("last_heartbeat", a.LastHeartbeat, now)
		given.State, given.RegisteredAt, given.LastHeartbeat = missions.Online, a.RegisteredAt, a.LastHeartbeat
		f.wantSame("the agent returned", a, given)
		f.wantSame("the agent read back", f.agent("a"), given)
	})
	s.run("an agent with nothing but an id has empty lists", func(f *fixture) {
		a, err := f.Store.Register(f.ctx, missions.Agent{ID: "a"}, ttl)
		f.must(err)
		f.wantSame("the agent read back", f.agent("a"), a)
		f.wantSame("types and labels", []any{a.Types, a.Labels}, []any{[]string{}, map[string]string{}})
	})
	s.run("register again renews what is known and keeps what is held", func(f *fixture) {
		m := f.started(named("m", "x"), "a")
		first := f.agent("a")
		position := f.checkpoint()
		f.advance(10 * time.Minute)
		again, err := f.Store.Register(f.ctx, missions.Agent{ID: "a", Name: "new", Types: []string{"y"}, Capacity: 9}, ttl)
		f.must(err)
		wantEqual(f, "registered_at", again.RegisteredAt, first.RegisteredAt)
		wantEqual(f, "running", again.MissionsRunning, 1)
		wantEqual(f, "events", len(f.events(position)), 0) // it was already online
		wantEqual(f, "agents of the old type", len(f.agents(missions.AgentFilter{Type: "x"}).Agents), 0)
		wantEqual(f, "agents of the new type", len(f.agents(missions.AgentFilter{Type: "y"}).Agents), 1)
		f.must(f.tryFinish(completion(m, `1`)).Err)
		f.wantRecount()
	})
	s.run("running counts what an agent holds, whatever ends it", func(f *fixture) {
		f.create(numbered("m", "t", 6)...)
		f.register("a", "t")
		held := f.claim("a", 6)
		want := func(n int) {
			f.Helper()
			wantEqual(f, "running", f.agent("a").MissionsRunning, n)
			f.wantRecount()
		}
		want(6)
		f.finish(completion(held[0], `1`))
		f.finish(failure(held[1], "x", true))
		want(4)
		f.finish(release(held[2]))
		f.must(f.cancel(held[3].ID).Err)
		want(2)
		f.heartbeat("a", refOf(held[4]))
		f.heartbeat("a", refOf(held[4])) // releases held[5]
		want(1)
		f.advance(ttl + time.Minute)
		want(0)
	})
	s.run("slots follow capacities, of agents that are not offline", func(f *fixture) {
		want := func(agents, slots int64) {
			f.Helper()
			counts, err := f.Store.Counts(f.ctx)
			f.must(err)
			wantEqual(f, "agents", counts.Agents, agents)
			wantEqual(f, "slots", counts.Slots, slots)
		}
		register := func(id string, capacity int) {
			f.Helper()
			_, err := f.Store.Register(f.ctx, missions.Agent{ID: id, Capacity: capacity}, ttl)
			f.must(err)
		}
		want(0, 0)
		register("a", 4)
		register("b", 3)
		want(2, 7)
		register("a", 1)
		want(2, 4)
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Draining: true, Lease: ttl}).Err)
		want(2, 4)
		_, err := f.Store.Leave(f.ctx, "a", "")
		f.must(err)
		want(1, 3)
		f.advance(ttl + time.Minute)
		want(0, 0)
		f.heartbeat("b")
		want(1, 3)
		register("a", 5)
		want(2, 8)
	})
	testLeave(s)
}

func testLeave(s *suite) {
	s.run("leave gives missions back at once, at no cost of an attempt", func(f *fixture) {
		f.create(named("x1", "x"), named("y1", "y"))
		f.register("a", "x", "y")
		held := f.claim("a", 2)
		result, err := f.Store.Leave(f.ctx, "a", "goodbye")
		f.must(err)
		wantEqual(f, "returned", len(result.GivenBack), 2)
		for _, m := range held {
			back := f.wantStatus(m.ID, missions.Pending)
			wantEqual(f, "attempt", back.Attempt, 0)
			f.wantErr("complete", f.tryFinish(completion(m, `1`)).Err, missions.ErrLeaseLost)
		}
		wantEqual(f, "state", f.agent("a").State, missions.Offline)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		f.register("b", "x", "y")
		wantEqual(f, "claimed by another", len(f.claim("b", 2)), 2)
		f.wantRecount()
	})
	s.run("leaving twice is fine, and an unknown agent is not found", func(f *fixture) {
		f.register("a", "t")
		for range 2 {
			_, err := f.Store.Leave(f.ctx, "a", "")
			f.must(err)
		}
		_, err := f.Store.Leave(f.ctx, "stranger", "")
		f.wantErr("leave", err, missions.ErrNotFound)
		f.wantRecount()
	})
	s.run("who left an offline agent's place must register again", func(f *fixture) {
		f.register("a", "t")
		f.advance(ttl + time.Minute)
		_, err := f.Store.Leave(f.ctx, "a", "")
		f.must(err)
		f.wantErr("heartbeat", f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Lease: ttl}).Err, missions.ErrNotFound)
		f.register("a", "t")
		f.wantErr("heartbeat", f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Lease: ttl}).Err, nil)
	})
	s.run("online and offline are told, each once and with what is known", func(f *fixture) {
		f.register("a", "x", "y")
		f.register("a", "x", "y")
		_, err := f.Store.Leave(f.ctx, "a", "goodbye")
		f.must(err)
		_, err = f.Store.Leave(f.ctx, "a", "goodbye")
		f.must(err)
		f.register("a", "x", "y")
		f.advance(ttl + time.Minute)
		events := f.events(nil)
		wantEqual(f, "events", len(events), 4)
		for i, want := range []missions.EventKind{missions.EventAgentOnline, missions.EventAgentOffline, missions.EventAgentOnline, missions.EventAgentOffline} {
			e := events[i]
			wantEqual(f, "kind", e.Kind, want)
			wantEqual(f, "agent", fmt.Sprint(e.AgentID, " ", e.Name, " ", e.Role, " ", e.Types), "a agent a worker [x y]")
			wantEqual(f, "has a reason", e.Reason != "", true)
		}
		wantEqual(f, "reason", events[1].Reason, "goodbye")
	})
}

func (f *fixture) agents(filter missions.AgentFilter) missions.AgentPage {
	f.Helper()
	if filter.Limit == 0 {
		filter.Limit = 1000
	}
	page, err := f.Store.ListAgents(f.ctx, filter)
	f.must(err)
	return page
}

func testAgentListing(s *suite) {
	s.run("filters by state and type, ordered by id, with the count of all pages", func(f *fixture) {
		f.register("d", "x")
		f.register("b", "x", "y")
		f.register("c", "y")
		f.register("a", "y")
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "b", Draining: true, Lease: ttl}).Err)
		_, err := f.Store.Leave(f.ctx, "c", "")
		f.must(err)
		for _, want := range []struct {
			filter missions.AgentFilter
			ids    string
		}{
			{missions.AgentFilter{}, "[a b c d]"},
			{missions.AgentFilter{State: missions.Online}, "[a d]"},
			{missions.AgentFilter{State: missions.Draining}, "[b]"},
			{missions.AgentFilter{State: missions.Offline}, "[c]"},
			{missions.AgentFilter{Type: "x"}, "[b d]"},
			{missions.AgentFilter{Type: "y"}, "[a b c]"},
			{missions.AgentFilter{Type: "y", State: missions.Online}, "[a]"},
			{missions.AgentFilter{Type: "x", State: missions.Offline}, "[]"},
			{missions.AgentFilter{Type: "none"}, "[]"},
		} {
			for limit := 1; limit <= 5; limit++ {
				ids, count := f.agentIDs(want.filter, limit)
				what := fmt.Sprintf("%+v by %d", want.filter, limit)
				wantEqual(f, what, fmt.Sprint(ids), want.ids)
				wantEqual(f, what+", count", int(count), len(ids))
			}
		}
	})
}

// agentIDs reads every page and returns the IDs, and the count, which must be the
// same on every page.
func (f *fixture) agentIDs(filter missions.AgentFilter, limit int) (ids []string, count int64) {
	f.Helper()
	filter.Limit = limit
	ids, count = []string{}, -1
	for {
		page := f.agents(filter)
		if count >= 0 && page.Count != count {
			f.Errorf("count changes from %d to %d between pages", count, page.Count)
		}
		count = page.Count
		for _, a := range page.Agents {
			ids = append(ids, a.ID)
		}
		if len(page.Agents) > limit {
			f.Errorf("a page of at most %d has %d agents", limit, len(page.Agents))
		}
		if page.Next == "" {
			return ids, count
		}
		filter.Cursor = page.Next
	}
}
