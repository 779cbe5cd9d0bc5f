package storetest

import (
	"time"

	"missioncontrol/missions"
)

// Modes, for short.
const (
	keep           = missions.ConflictKeep
	replacePending = missions.ConflictReplacePending
	replace        = missions.ConflictReplace
)

// keyed returns a mission of type t with the unique key k.
func keyed(id string, mode missions.OnConflict) missions.Mission { return keyedFor(id, mode, 0) }

// keyedFor returns one that holds the key for some time at least.
func keyedFor(id string, mode missions.OnConflict, d time.Duration) missions.Mission {
	return with(id, missions.Flow{Unique: &missions.Unique{Key: "k", OnConflict: mode, ForSeconds: d.Seconds()}})
}

// wantKept checks that a mission is not created because another one holds its key, and that this changes nothing.
func (f *fixture) wantKept(m missions.Mission, holder string) {
	f.Helper()
	before, position := f.whole(holder), f.checkpoint()
	result := f.createOne(m)
	f.must(result.Err)
	wantEqual(f, "created", result.Created, false)
	wantEqual(f, "the holder", result.Mission.ID, holder)
	f.wantSame("as stored", result.Mission, f.get(holder))
	wantEqual(f, "the holder is unchanged", f.whole(holder), before)
	wantEqual(f, "events", len(f.events(position)), 0)
	if m.ID != holder {
		_, err := f.Store.Get(f.ctx, m.ID)
		f.wantErr("the other mission", err, missions.ErrNotFound)
	}
}

// wantReplaced creates a mission that replaces others, and checks which ones and whom they were taken from.
func (f *fixture) wantReplaced(m missions.Mission, replaced ...missions.Stopped) missions.Mission {
	f.Helper()
	position := f.checkpoint()
	result := f.createOne(m)
	f.must(result.Err)
	wantEqual(f, "created", result.Created, true)
	f.wantSame("replaced", append([]missions.Stopped{}, result.Replaced...), append([]missions.Stopped{}, replaced...))
	for _, of := range replaced {
		f.wantStatus(of.MissionID, missions.Cancelled)
		reason := ""
		for _, e := range f.events(position) {
			if e.MissionID == of.MissionID && e.NewStatus == missions.Cancelled {
				reason = e.Reason
			}
		}
		wantEqual(f, "reason", reason, "replaced by mission "+m.ID)
		log := f.log(of.MissionID)
		wantEqual(f, "reason in the log", log[len(log)-1].Reason, reason)
	}
	return result.Mission
}

func pendingOne(id string) missions.Stopped { return missions.Stopped{MissionID: id} }
func heldBy(agent, id string) missions.Stopped {
	return missions.Stopped{AgentID: agent, MissionID: id}
}

func testUnique(s *suite) {
	testUniqueKeep(s)
	testUniqueFor(s)
	testUniqueReplacePending(s)
	testUniqueReplace(s)
	testUniqueEnds(s)
	testUniqueRetry(s)
	testUniqueFlow(s)
	testUniqueSchedules(s)
}

func testUniqueKeep(s *suite) {
	s.run("keep: a key has one mission, as long as that lives", func(f *fixture) {
		f.create(keyed("m", keep))
		f.wantSame("as stored", f.get("m").Unique, missions.Unique{Key: "k", OnConflict: keep})
		f.wantKept(keyed("n", keep), "m")
		f.Store = f.Reopen(f.T)
		f.wantKept(keyed("n", keep), "m")
		m := f.take("m")
		f.wantSame("as claimed", m.Unique, missions.Unique{Key: "k", OnConflict: keep})
		f.wantKept(keyed("n", keep), "m")
		f.finish(completion(m, `1`))
		f.create(keyed("n", keep))
		f.wantKept(keyed("o", keep), "n")
		f.wantRecount()
	})
	s.run("keys are held one by one", func(f *fixture) {
		f.create(keyed("m", keep))
		other := keyed("n", keep)
		other.Unique.Key = "K"
		f.create(other, named("o", "t"))
		f.wantKept(keyed("p", keep), "m")
	})
	s.run("any characters", func(f *fixture) {
		for i, key := range []string{"sync:42", "u/k", "Ürlaub 7", "a\"b'c\\d", "{x}*?[y]"} {
			for j, mode := range []missions.OnConflict{keep, replacePending} {
				m := keyed(string(rune('a'+2*i+j)), mode)
				m.Unique.Key = key
				f.create(m)
			}
		}
	})
	s.run("a repeated request is answered with the same mission, also once it has ended", func(f *fixture) {
		m := keyedFor("m", replacePending, time.Hour)
		f.create(m)
		f.wantKept(m, "m")
		f.complete("m", `1`)
		f.wantKept(m, "m")
		f.create(keyed("n", replace))
		f.wantKept(m, "m")
		for name, change := range map[string]func(*missions.Unique){
			"key": func(u *missions.Unique) { u.Key = "other" }, "on_conflict": func(u *missions.Unique) { u.OnConflict = replace },
			"for_seconds": func(u *missions.Unique) { u.ForSeconds++ },
		} {
			other := keyedFor("m", replacePending, time.Hour)
			change(other.Unique)
			f.wantErr("another "+name, f.createOne(other).Err, missions.ErrConflict)
		}
	})
	s.run("two of one request", func(f *fixture) {
		results, err := f.Store.Create(f.ctx, []missions.Mission{
			keyed("a", keep), keyed("b", keep), keyed("c", replace), keyed("d", replacePending), keyed("e", keep), keyed("d", replacePending),
		})
		f.must(err)
		got := []any{}
		for _, r := range results {
			f.must(r.Err)
			got = append(got, r.Mission.ID, r.Created)
		}
		f.wantSame("results", got, []any{"a", true, "a", false, "c", true, "d", true, "d", false, "d", false})
		f.wantStatus("a", missions.Cancelled)
		f.wantStatus("c", missions.Cancelled)
		f.wantClaimable("d")
		f.wantRecount()
	})
	s.run("a mission that is not created cannot be waited for", func(f *fixture) {
		f.create(keyed("m", keep))
		results, err := f.Store.Create(f.ctx, []missions.Mission{keyed("n", keep), waiting("behind", completed("n")), waiting("waits", completed("m"))})
		f.must(err)
		wantEqual(f, "kept", results[0].Mission.ID, "m")
		f.wantErr("behind the one that is not created", results[1].Err, missions.ErrInvalid)
		f.wantErr("behind the one that is kept", results[2].Err, nil)
	})
	s.run("a mission that is not created closes its batch all the same", func(f *fixture) {
		f.create(keyed("m", keep))
		kept := with("n", missions.Flow{Batch: "b", CloseBatch: true, Unique: &missions.Unique{Key: "k"}})
		for range 2 {
			result := f.createOne(kept)
			f.must(result.Err)
			wantEqual(f, "the holder", result.Mission.ID, "m")
		}
		f.wantBatch("b", false, 0, true)
	})
	s.run("it can be given to a claim of the same step", func(f *fixture) {
		f.register("a", "t")
		claims := []missions.ClaimRequest{{AgentID: "a", Max: 5, Lease: ttl}}
		created, claimed, err := f.Store.CreateAndClaim(f.ctx, []missions.Mission{keyed("m", keep), keyed("n", keep)}, claims)
		f.must(err)
		wantEqual(f, "created", created[1].Created, false)
		f.wantSame("claimed", idsOf(claimed[0].Missions), []string{"m"})
		created, claimed, err = f.Store.CreateAndClaim(f.ctx, []missions.Mission{keyed("n", replace)}, claims)
		f.must(err)
		f.wantSame("replaced", created[0].Replaced, []missions.Stopped{heldBy("a", "m")})
		f.wantSame("claimed", idsOf(claimed[0].Missions), []string{"n"})
	})
}

func testUniqueFor(s *suite) {
	s.run("for_seconds: the key is held for that long, whatever becomes of the mission", func(f *fixture) {
		f.create(keyedFor("m", keep, time.Hour))
		f.complete("m", `1`)
		f.wantKept(keyed("n", keep), "m")
		f.advance(50 * time.Minute)
		f.Store = f.Reopen(f.T)
		f.wantKept(keyed("n", keep), "m")
		f.advance(11 * time.Minute)
		f.create(keyed("n", keep))
	})
	s.run("it counts from the creation, and a mission that lives longer keeps its key", func(f *fixture) {
		f.create(keyedFor("m", keep, time.Hour))
		f.advance(2 * time.Hour)
		f.wantKept(keyed("n", keep), "m")
		f.complete("m", `1`)
		f.create(keyed("n", keep))
	})
	s.run("a time that has passed is over at once, before anybody looks", func(f *fixture) {
		f.create(keyedFor("m", keep, time.Hour))
		f.complete("m", `1`)
		f.Advance(61 * time.Minute)
		f.create(keyed("n", keep))
		f.due()
		f.wantKept(keyed("o", keep), "n")
	})
	s.run("many times pass at once", func(f *fixture) {
		var batch []missions.Mission
		for _, m := range numbered("m", "t", 700) {
			m.Flow = &missions.Flow{Unique: &missions.Unique{Key: m.ID, OnConflict: keep, ForSeconds: 3600}}
			batch = append(batch, m)
		}
		f.create(batch...)
		for _, m := range batch[:600] {
			f.must(f.cancel(m.ID).Err)
		}
		f.Advance(50 * time.Minute)
		if next := f.due(); next.NextDue == 0 || next.NextDue.Sub(next.StoreNow) > 11*time.Minute {
			f.Errorf("due next at %d, now it is %d", next.NextDue, next.StoreNow)
		}
		f.Advance(20 * time.Minute)
		f.dueBy(7)
		wantEqual(f, "due next", f.due().NextDue, 0)
		for i := range batch[:650] {
			again := batch[i]
			again.ID += "-again"
			wantEqual(f, "created", f.createOne(again).Created, i < 600)
		}
	})
	s.run("an ended mission is no obstacle to one that replaces", func(f *fixture) {
		for i, mode := range []missions.OnConflict{replacePending, replace} {
			id := string(rune('a' + i))
			f.create(keyedFor(id, replace, time.Hour))
			f.complete(id, `1`)
			f.wantReplaced(keyed(id+"2", mode))
			f.wantKept(keyed("n", keep), id+"2")
			f.wantStatus(id, missions.Completed)
			f.complete(id+"2", `1`)
		}
		f.create(keyed("n", keep))
	})
	s.run("the mission is deleted before its time has passed", func(f *fixture) {
		for i, remove := range []func(string){
			func(id string) { f.must(f.remove(id).Err) },
			func(string) { _, err := f.Store.Retain(f.ctx, 0, 100); f.must(err) },
		} {
			m := keyedFor(string(rune('a'+i)), replace, time.Hour)
			f.create(m)
			f.complete(m.ID, `1`)
			f.advance(time.Minute)
			remove(m.ID)
			_, err := f.Store.Get(f.ctx, m.ID)
			f.wantErr("get", err, missions.ErrNotFound)
			f.wantErr("created while it is held", f.createOne(keyed("n", keep)).Err, missions.ErrConflict)
		}
		f.advance(61 * time.Minute)
		f.create(keyed("n", keep))
		f.must(f.remove("n").Err) // it is cancelled in the same step
		f.create(keyed("n", keep))
	})
}

func testUniqueReplacePending(s *suite) {
	s.run("replace_pending: a PENDING holder is cancelled", func(f *fixture) {
		f.create(keyed("m", keep))
		f.wantReplaced(keyed("n", replacePending), pendingOne("m"))
		f.wantReplaced(keyed("o", replacePending), pendingOne("n"))
		f.wantKept(keyed("p", keep), "o")
		f.wantClaimable("o")
		f.wantRecount()
	})
	s.run("behind a RUNNING one waits the newest", func(f *fixture) {
		f.create(keyed("m", replacePending))
		m := f.take("m")
		f.wantReplaced(keyed("n", replacePending))
		f.wantWaiting("n", "m")
		f.wantReplaced(keyed("o", replacePending), pendingOne("n"))
		f.wantWaiting("o", "m")
		f.wantKept(keyed("p", keep), "m")
		f.Store = f.Reopen(f.T)
		f.wantReplaced(keyed("p", replacePending), pendingOne("o"))
		f.wantClaimable()
		f.finish(completion(m, `7`))
		f.wantKept(keyed("q", keep), "p")
		f.due()
		p := f.take("p")
		wantEqual(f, "input", string(p.Inputs["m"].Result), "7")
		f.finish(completion(p, `1`))
		f.create(keyed("q", keep))
		f.wantRecount()
	})
	s.run("whatever the end is", func(f *fixture) {
		for name, end := range map[string]func(missions.Mission){
			"failed":    func(m missions.Mission) { f.finish(failure(m, "broken", false)) },
			"cancelled": func(m missions.Mission) { f.must(f.cancel(m.ID).Err) },
			"deleted":   func(m missions.Mission) { f.must(f.cancel(m.ID).Err); f.must(f.remove(m.ID).Err) },
		} {
			m := f.started(keyed(name, replacePending), "a")
			f.wantReplaced(keyed(name+"2", replacePending))
			end(m)
			f.due()
			f.complete(name+"2", `1`)
		}
	})
	s.run("until the end is told, it is replaced like any other", func(f *fixture) {
		m := f.started(keyed("m", replacePending), "a")
		f.create(keyed("n", replacePending))
		f.finish(completion(m, `1`))
		f.wantReplaced(keyed("o", replacePending), pendingOne("n"))
		f.wantClaimable("o")
	})
	s.run("a holder that goes back to the queue is PENDING", func(f *fixture) {
		m := f.started(keyed("m", replacePending), "a")
		f.create(keyed("n", replacePending))
		f.finish(release(m))
		f.wantWaiting("n", "m")
		f.wantClaimable("m")
		f.wantKept(keyed("o", keep), "m")
		f.wantReplaced(keyed("o", replacePending), pendingOne("n"), pendingOne("m"))
		f.wantClaimable("o")
		f.wantRecount()
	})
	s.run("the one behind is cancelled or deleted", func(f *fixture) {
		m := f.started(keyed("m", replacePending), "a")
		f.create(keyed("n", replacePending))
		f.must(f.cancel("n").Err)
		f.wantReplaced(keyed("o", replacePending))
		f.must(f.remove("o").Err)
		f.wantKept(keyed("p", keep), "m")
		f.finish(completion(m, `1`))
		f.create(keyed("p", keep))
		f.wantRecount()
	})
	s.run("its own time counts from its own creation", func(f *fixture) {
		m := f.started(keyedFor("m", replacePending, 3*time.Hour), "a")
		f.must(f.registerSilent("a", 1000*time.Hour, "t"))
		f.create(keyedFor("n", replacePending, 2*time.Hour))
		f.advance(50 * time.Minute)
		f.finish(completion(m, `1`))
		f.due()
		f.complete("n", `1`)
		f.wantKept(keyed("o", keep), "n")
		f.advance(75 * time.Minute)
		f.create(keyed("o", keep))
	})
}

func testUniqueReplace(s *suite) {
	s.run("replace: a RUNNING holder is cancelled, and the new mission can be claimed at once", func(f *fixture) {
		m := f.started(keyed("m", keep), "a")
		f.wantReplaced(keyed("n", replace), heldBy("a", "m"))
		f.wantSame("cancel", f.heartbeat("a", refOf(m)).Cancel, []string{"m"})
		f.wantErr("its lease", f.tryFinish(completion(m, `1`)).Err, missions.ErrLeaseLost)
		f.wantClaimable("n")
		f.wantRecount()
	})
	s.run("also the one behind it", func(f *fixture) {
		f.started(keyed("m", keep), "a")
		f.create(keyed("n", replacePending))
		f.wantReplaced(keyed("o", replace), pendingOne("n"), heldBy("a", "m"))
		f.due()
		f.wantClaimable("o")
		f.wantKept(keyed("p", keep), "o")
	})
	s.run("PENDING ones", func(f *fixture) {
		f.create(keyedFor("m", keep, time.Hour))
		f.wantReplaced(keyed("n", replace), pendingOne("m"))
		f.complete("n", `1`)
		f.create(keyed("o", keep)) // the time was that of m
	})
}
