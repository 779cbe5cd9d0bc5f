package storetest

import (
	"time"

	"missioncontrol/missions"
)

func testHeartbeat(s *suite) {
	s.run("moves the end of the leases it lists", func(f *fixture) {
		f.create(numbered("m", "t", 2)...)
		f.register("a", "t")
		claimed := f.claim("a", 2)
		f.advance(40 * time.Minute)
		now := f.now()
		f.heartbeat("a", refOf(claimed[0]), refOf(claimed[1]))
		f.wantNear("lease_expires_at", f.get("m-0000").LeaseExpiresAt, now.Add(ttl))
		wantEqual(f, "stopped", len(f.advance(40*time.Minute).Stop), 0)
		f.wantStatus("m-0000", missions.Running)
		f.wantStatus("m-0001", missions.Running)
		wantEqual(f, "stopped", len(f.advance(25*time.Minute).Stop), 2)
	})
	s.run("gives up a lease that two in a row do not list", func(f *fixture) {
		f.create(named("lost-reply", "t"))
		f.register("a", "t")
		f.claim("a", 1)
		wantEqual(f, "given up at the first", len(f.heartbeat("a").GivenUp), 0)
		f.wantStatus("lost-reply", missions.Running)
		f.wantSame("given up at the second", f.heartbeat("a").GivenUp, []string{"t"})
		f.wantStatus("lost-reply", missions.Pending)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
		wantEqual(f, "claimed again", f.claimOne("a").ID, "lost-reply")
	})
	s.run("a lease listed in between is kept", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		for range 3 {
			f.heartbeat("a")
			f.heartbeat("a", refOf(m))
		}
		f.wantStatus("m", missions.Running)
	})
	s.run("an agent that is still receiving a claim's reply keeps what it does not list", func(f *fixture) {
		f.create(numbered("m", "t", 2)...)
		f.register("a", "t")
		listed := f.claimOne("a")
		f.claimOne("a") // its reply is on the way
		for range 3 {
			f.advance(40 * time.Minute)
			result := f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Running: []missions.LeaseRef{refOf(listed)}, Receiving: true, Lease: ttl})
			f.must(result.Err)
			wantEqual(f, "given up", len(result.GivenUp), 0)
			f.wantNear("lease_expires_at", f.get("m-0001").LeaseExpiresAt, f.now().Add(ttl))
		}
		f.wantStatus("m-0001", missions.Running)
		f.heartbeat("a", refOf(listed))
		result := f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Running: []missions.LeaseRef{refOf(listed)}, Receiving: true, Lease: ttl})
		wantEqual(f, "given up after one that left it out", len(result.GivenUp), 0)
		wantEqual(f, "given up at the next", len(f.heartbeat("a", refOf(listed)).GivenUp), 0) // the count began anew
		f.wantSame("given up at the second in a row", f.heartbeat("a", refOf(listed)).GivenUp, []string{"t"})
		f.wantStatus("m-0000", missions.Running)
	})
	s.run("does not renew what it does not list", func(f *fixture) {
		f.started(named("m", "t"), "a")
		f.advance(40 * time.Minute)
		f.heartbeat("a")
		due := f.advance(25 * time.Minute)
		f.wantSame("stopped", due.Stop, []missions.Stopped{{AgentID: "a", MissionID: "m"}})
	})
	s.run("a last attempt that is given up fails, and is not said to be back", func(f *fixture) {
		m := named("once", "t")
		m.MaxAttempts = 1
		f.started(m, "a")
		f.heartbeat("a")
		wantEqual(f, "given up", len(f.heartbeat("a").GivenUp), 0)
		failed := f.wantStatus("once", missions.Failed)
		if failed.Error == "" {
			f.Error("a mission FAILED without an error")
		}
	})
	s.run("sorts what is no longer held into cancelled and lost", func(f *fixture) {
		f.create(numbered("m", "t", 5)...)
		f.register("a", "t")
		f.register("b", "t")
		held := f.claim("a", 5)
		f.must(f.cancel("m-0000").Err)     // cancelled under this lease
		f.finish(completion(held[1], `1`)) // finished
		f.finish(release(held[2]))         // released, and claimed again
		theirs := f.claimOne("b")          //
		f.must(f.cancel("m-0003").Err)     // cancelled, retried, and claimed again
		f.must(f.retry("m-0003").Err)      //
		f.claimOne("b")                    //
		wantEqual(f, "given to b", theirs.ID, "m-0002")
		result := f.heartbeat("a", refOf(held[0]), refOf(held[1]), refOf(held[2]), refOf(held[3]), refOf(held[4]),
			missions.LeaseRef{MissionID: "never-was", Lease: 1})
		f.wantSame("cancel", result.Cancel, []string{"m-0000"})
		f.wantSame("lost", result.Lost, []string{"m-0001", "m-0002", "m-0003", "never-was"})
		f.wantSame("cancel, asked again", f.heartbeat("a", refOf(held[0]), refOf(held[4])).Cancel, []string{"m-0000"})
	})
	s.run("another agent's lease is lost, and not renewed", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.register("b", "t")
		f.advance(40 * time.Minute)
		f.heartbeat("a")
		f.wantSame("lost", f.heartbeat("b", refOf(m)).Lost, []string{"m"})
		wantEqual(f, "stopped", len(f.advance(25*time.Minute).Stop), 1)
	})
	s.run("an older lease beside the newest does not hide it", func(f *fixture) {
		old := f.started(named("m", "t"), "a")
		f.finish(release(old))
		newest := f.claimOne("a")
		for range 3 {
			f.heartbeat("a", refOf(newest), refOf(old))
			f.heartbeat("a", refOf(old), refOf(newest))
		}
		wantEqual(f, "held", f.wantStatus("m", missions.Running).Attempt, 1)
		f.must(f.tryFinish(completion(newest, `1`)).Err)
	})
	testHeartbeatAgents(s)
}

func testHeartbeatAgents(s *suite) {
	s.run("keeps what the agent says of itself", func(f *fixture) {
		f.register("a", "t")
		now := f.advance(10 * time.Minute).StoreNow
		cpu, memory := 0.75, int64(1<<33)
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "a", CPU: &cpu, MemoryBytes: &memory, Draining: true, Lease: ttl}).Err)
		a := f.agent("a")
		f.wantSame("cpu", a.CPU, 0.75)
		f.wantSame("memory_bytes", a.MemoryBytes, 8589934592)
		wantEqual(f, "state", a.State, missions.Draining)
		f.wantNear("last_heartbeat", a.LastHeartbeat, now)
		f.heartbeat("a")
		wantEqual(f, "state", f.agent("a").State, missions.Online)
	})
	s.run("brings an offline agent back", func(f *fixture) {
		f.register("a", "t")
		f.wantSame("offline", f.advance(ttl+time.Minute).Offline, []string{"a"})
		before := f.checkpoint()
		f.heartbeat("a")
		wantEqual(f, "state", f.agent("a").State, missions.Online)
		events := f.events(before)
		wantEqual(f, "events", len(events), 1)
		wantEqual(f, "kind", events[0].Kind, missions.EventAgentOnline)
		f.wantRecount()
	})
	s.run("an agent that is unknown or has left is not found", func(f *fixture) {
		f.register("left", "t")
		_, err := f.Store.Leave(f.ctx, "left", "")
		f.must(err)
		f.register("here", "t")
		results, err := f.Store.Heartbeat(f.ctx, []missions.Heartbeat{
			{AgentID: "stranger", Lease: ttl}, {AgentID: "here", Lease: ttl}, {AgentID: "left", Lease: ttl},
		})
		f.must(err)
		f.wantErr("stranger", results[0].Err, missions.ErrNotFound)
		f.wantErr("here", results[1].Err, nil)
		f.wantErr("left", results[2].Err, missions.ErrNotFound)
		wantEqual(f, "state", f.agent("left").State, missions.Offline)
	})
}
