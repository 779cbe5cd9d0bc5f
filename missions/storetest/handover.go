package storetest

import (
	"time"

	"missioncontrol/missions"
)

func testCreateAndClaim(s *suite) {
	claim := func(agent string, most int) missions.ClaimRequest {
		return missions.ClaimRequest{AgentID: agent, Max: most, Lease: ttl}
	}
	s.run("a new mission goes to a claim of the same step", func(f *fixture) {
		f.register("a", "t")
		now := f.now()
		created, claimed, err := f.Store.CreateAndClaim(f.ctx, numbered("m", "t", 2), []missions.ClaimRequest{claim("a", 1)})
		f.must(err)
		for i, given := range []bool{true, false} {
			f.must(created[i].Err)
			wantEqual(f, "created", created[i].Created, true)
			wantEqual(f, "given", created[i].Given, given)
			wantEqual(f, "status as created", created[i].Mission.Status, missions.Pending)
		}
		f.must(claimed[0].Err)
		f.wantSame("missions given", idsOf(claimed[0].Missions), []string{"m-0000"})
		f.wantSame("types looked for", claimed[0].Types, []string{"t"})
		m := claimed[0].Missions[0]
		wantEqual(f, "status as given", m.Status, missions.Running)
		f.wantNear("lease_expires_at", m.LeaseExpiresAt, now.Add(ttl))
		f.wantStatus("m-0001", missions.Pending)
		f.finish(completion(m, "1"))
		wantEqual(f, "entries in the log", len(f.log(m.ID)), 3)
		wantEqual(f, "running", f.agent("a").MissionsRunning, 0)
	})
	s.run("what is given is what is kept", func(f *fixture) {
		f.register("a", "render", "default")
		full := everything("full", f.now())
		full.NotBefore = 0
		batch := []missions.Mission{full, named("plain", "")}
		batch[1].TimeoutSeconds = 1.000000001 // stored as whole microseconds
		_, claimed, err := f.Store.CreateAndClaim(f.ctx, batch, []missions.ClaimRequest{claim("a", 2)})
		f.must(err)
		f.wantSame("missions given", idsOf(claimed[0].Missions), []string{"full", "plain"})
		for _, m := range claimed[0].Missions {
			m.Lease = 0 // only in the reply to the claim
			f.wantSame("the mission read back", f.get(m.ID), m)
			wantEqual(f, "entries in the log", len(f.log(m.ID)), 2)
		}
		f.finish(release(claimed[0].Missions[1]))
		again := f.claimOne("a")
		wantEqual(f, "given again", again.ID, "plain")
		wantEqual(f, "entries in the log of the one given again", len(f.log("plain")), 4)
	})
	s.run("the best goes first, whether it is new or not", func(f *fixture) {
		old := named("old", "t")
		old.Priority = missions.High
		f.create(old)
		f.register("a", "t")
		created, claimed, err := f.Store.CreateAndClaim(f.ctx, []missions.Mission{named("new", "t")}, []missions.ClaimRequest{claim("a", 1)})
		f.must(err)
		wantEqual(f, "given", created[0].Given, false)
		f.wantSame("missions given", idsOf(claimed[0].Missions), []string{"old"})
	})
	s.run("each item and each claim stands by itself", func(f *fixture) {
		f.create(named("there", "other"))
		f.register("a", "t")
		f.register("idle", "other")
		f.claimOne("idle")
		later := named("later", "t")
		later.NotBefore = f.now().Add(time.Hour)
		clash := named("there", "t")
		created, claimed, err := f.Store.CreateAndClaim(f.ctx, []missions.Mission{clash, later, named("m", "t")},
			[]missions.ClaimRequest{claim("stranger", 1), claim("idle", 1), claim("a", 9)})
		f.must(err)
		f.wantErr("a clash", created[0].Err, missions.ErrConflict)
		f.must(created[1].Err)
		wantEqual(f, "given before its time", created[1].Given, false)
		wantEqual(f, "given", created[2].Given, true)
		f.wantErr("a stranger's claim", claimed[0].Err, missions.ErrNotFound)
		wantEqual(f, "missions for a type that has none", len(claimed[1].Missions), 0)
		f.must(claimed[1].Err)
		f.wantSame("missions given", idsOf(claimed[2].Missions), []string{"m"})
	})
	s.run("without claims, and without missions", func(f *fixture) {
		created, claimed, err := f.Store.CreateAndClaim(f.ctx, numbered("m", "t", 1), nil)
		f.must(err)
		wantEqual(f, "created", created[0].Created, true)
		wantEqual(f, "claims answered", len(claimed), 0)
		f.register("a", "t")
		_, claimed, err = f.Store.CreateAndClaim(f.ctx, nil, []missions.ClaimRequest{claim("a", 1)})
		f.must(err)
		f.wantSame("missions given", idsOf(claimed[0].Missions), []string{"m-0000"})
	})
}
