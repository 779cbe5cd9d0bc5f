package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/missions"
)

// limited returns a mission of type t with a key, "" for none, that names limits.
func limited(id, key string, limits ...string) missions.Mission {
	m := missions.Mission{ID: id, Name: "mission " + id, Type: "t", Flow: &missions.Flow{Key: key, Limits: limits}}
	m.Normalize()
	return m
}

func (f *fixture) trySetLimit(l missions.LimitSpec) (missions.LimitResult, error) {
	f.Helper()
	l.Normalize()
	f.must(l.Validate())
	return f.Store.SetLimit(f.ctx, missions.LimitRequest{Spec: l, By: "alice", ByProven: true})
}

func (f *fixture) setLimit(l missions.LimitSpec) missions.LimitStatus {
	f.Helper()
	result, err := f.trySetLimit(l)
	f.must(err)
	return result.Limit
}

func (f *fixture) limit(name string) missions.LimitStatus {
	f.Helper()
	l, err := f.Store.Limit(f.ctx, name)
	f.must(err)
	return l
}

// wantLimit checks what a limit counts.
func (f *fixture) wantLimit(name string, running, waiting int64, full missions.LimitFull) {
	f.Helper()
	l := f.limit(name)
	if l.Running != running || l.Waiting != waiting || l.Full != full {
		f.Errorf("limit %s has %d running, %d waiting and is full because of %q; want %d, %d, %q", name, l.Running, l.Waiting, l.Full, running, waiting, full)
	}
}

// takeAny claims missions for agent w, and returns the ids.
func (f *fixture) takeAny(most int) string {
	f.Helper()
	return strings.Join(idsOf(f.claim("w", most)), " ")
}

// wantNext claims one mission after the other, as many as there are to be, and then no more.
func (f *fixture) wantNext(ids ...string) (claimed []missions.Mission) {
	f.Helper()
	var got []string
	for range ids {
		for _, m := range f.claim("w", 1) {
			claimed = append(claimed, m)
			got = append(got, m.ID)
		}
	}
	if rest := f.claim("w", 10); len(rest) > 0 {
		got = append(got, idsOf(rest)...)
	}
	if !slices.Equal(got, ids) {
		f.Fatalf("claimed %v, want %v", got, ids)
	}
	return claimed
}

func testLimits(s *suite) {
	s.run("a total of running missions, by name", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Total: pointer[int64](2)})
		f.create(limited("a", "", "l"), limited("b", "", "l"), limited("c", "", "l"), named("free", "t"))
		f.wantLimit("l", 0, 3, "")
		held := f.wantNext("a", "b", "free")
		f.wantLimit("l", 2, 1, missions.FullTotal)
		f.wantHeld("c")
		f.finish(completion(held[0], `1`))
		f.wantLimit("l", 1, 1, "")
		f.wantHeld()
		wantEqual(f, "as stored", strings.Join(f.get("c").Flow.Limits, " "), "l")
		f.wantNext("c")
		f.finish(failure(held[1], "no", true))
		f.wantLimit("l", 1, 1, "")
		f.wantRecount()
	})
	s.run("a total of a type, and of all", func(f *fixture) {
		f.register("w", "t", "u")
		f.setLimit(missions.LimitSpec{Name: "l", Type: "t", Total: pointer[int64](1)})
		f.create(named("a", "t"), named("b", "t"), named("c", "u"), limited("k", "key"))
		f.wantNext("a", "c")
		f.wantLimit("l", 1, 2, missions.FullTotal)
		f.wantHeld("b", "k")
		f.setLimit(missions.LimitSpec{Name: "l", Type: missions.AllTypes, Total: pointer[int64](3)})
		f.wantLimit("l", 2, 2, "")
		wantEqual(f, "given", len(f.claim("w", 10)), 1)
		f.wantLimit("l", 3, 1, missions.FullTotal)
	})
	s.run("a limit that is set while missions run counts them", func(f *fixture) {
		f.register("w", "t")
		f.create(limited("a", "k", "l"), limited("b", "k", "l"), limited("c", "k", "l"))
		f.wantEqualIDs(f.claim("w", 2), "a", "b")
		f.setLimit(missions.LimitSpec{Name: "l", Total: pointer[int64](1)})
		f.wantLimit("l", 2, 1, missions.FullTotal)
		f.wantNext()
		f.setLimit(missions.LimitSpec{Name: "l", PerKey: pointer[int64](3)})
		f.wantNext("c")
	})
	s.run("paused, and not any more", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "all", Type: missions.AllTypes, Paused: true})
		f.create(named("a", "t"), limited("b", "k"), limited("c", "", "x"))
		f.wantNext()
		f.wantLimit("all", 0, 3, missions.FullPaused)
		f.setLimit(missions.LimitSpec{Name: "all", Type: missions.AllTypes})
		f.wantSame("ready", f.due().Ready, []string{"t"})
		wantEqual(f, "given", len(f.claim("w", 10)), 3)
	})
	s.run("per key", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Type: "t", PerKey: pointer[int64](1), Keys: map[string]missions.KeyLimit{
			"big": {PerKey: pointer[int64](2)}, "off": {Paused: true}}})
		f.create(limited("a1", "a"), limited("a2", "a"), limited("big1", "big"), limited("big2", "big"), limited("big3", "big"),
			limited("off1", "off"), named("free1", "t"), named("free2", "t"))
		held := f.claim("w", 10)
		f.wantAnyOrder(held, "a1", "big1", "big2", "free1", "free2")
		f.wantHeld("a2", "big3", "off1")
		l := f.limit("l")
		wantEqual(f, "running", l.Running, 5)
		f.wantSame("busiest", l.Busiest, []missions.BusyKey{{Key: "big", Running: 2}, {Key: "a", Running: 1}})
		f.finish(completion(byID(held, "a1"), `1`))
		f.wantNext("a2")
		f.setLimit(missions.LimitSpec{Name: "l", Type: "t", PerKey: pointer[int64](3)})
		f.wantAnyOrder(f.claim("w", 10), "big3", "off1")
		f.wantRecount()
	})
	s.run("two limits, and the key of one", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "x", PerKey: pointer[int64](1)})
		f.setLimit(missions.LimitSpec{Name: "y", Total: pointer[int64](1)})
		f.create(limited("both", "k", "x", "y"), limited("x1", "k", "x"), limited("y1", "", "y"))
		held := f.wantNext("both")
		f.wantLimit("x", 1, 1, "")
		f.wantLimit("y", 1, 1, missions.FullTotal)
		f.finish(release(held[0]))
		f.wantLimit("x", 0, 2, "")
		held = f.wantNext("both")
		f.finish(completion(held[0], `1`))
		f.wantAnyOrder(f.claim("w", 10), "x1", "y1")
	})
	s.run("deleted while full", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Total: pointer[int64](1), PerKey: pointer[int64](1)})
		f.create(limited("a", "k", "l"), limited("b", "k", "l"), limited("c", "", "l"))
		f.wantNext("a")
		last, err := f.Store.DeleteLimit(f.ctx, missions.DeleteLimitRequest{Name: "l", By: "bob"})
		f.must(err)
		wantEqual(f, "running", last.Limit.Running, 1)
		f.wantSame("ready", f.due().Ready, []string{"t"})
		f.wantAnyOrder(f.claim("w", 10), "b", "c")
		_, err = f.Store.Limit(f.ctx, "l")
		f.wantErr("get", err, missions.ErrNotFound)
		_, err = f.Store.DeleteLimit(f.ctx, missions.DeleteLimitRequest{Name: "l"})
		f.wantErr("delete again", err, missions.ErrNotFound)
	})
	s.run("set, listed, and told of once per change", func(f *fixture) {
		before := f.checkpoint()
		spec := missions.LimitSpec{Name: "l", Total: pointer[int64](3), Note: "contract", Keys: map[string]missions.KeyLimit{"k": {Weight: 2}}}
		first := f.setLimit(spec)
		result, err := f.trySetLimit(spec)
		f.must(err)
		wantEqual(f, "changed", result.Changed, false)
		f.wantSame("the same", result.Limit, first)
		f.setLimit(missions.LimitSpec{Name: "other", Paused: true})
		page, err := f.Store.Limits(f.ctx, missions.LimitsRequest{Limit: 1})
		f.must(err)
		wantEqual(f, "first", page.Limits[0].Name, "l")
		page, err = f.Store.Limits(f.ctx, missions.LimitsRequest{Limit: 1, Cursor: page.Next})
		f.must(err)
		f.wantSame("second", page.Limits[0], f.limit("other"))
		wantEqual(f, "end", page.Next, "")
		told := []string{}
		for _, e := range f.events(before) {
			if e.Kind == missions.EventLimitChanged {
				told = append(told, e.Name+" by "+e.Message)
			}
		}
		f.wantSame("events", told, []string{"l by alice", "other by alice"})
	})
	s.run("a change is only made to the one that was read", func(f *fixture) {
		spec := missions.LimitSpec{Name: "l", Note: "one"}
		set := func(ifChangedAt missions.Time) error {
			_, err := f.Store.SetLimit(f.ctx, missions.LimitRequest{Spec: spec, IfChangedAt: ifChangedAt})
			return err
		}
		f.wantErr("of one that is gone", set(1), missions.ErrNotFound)
		read := f.setLimit(spec)
		f.advance(time.Second)
		spec.Note = "two"
		f.must(set(read.ChangedAt))
		spec.Note = "three"
		f.wantErr("of an earlier one", set(read.ChangedAt), missions.ErrConflict)
		wantEqual(f, "as it was", f.limit("l").Note, "two")
	})
	s.run("ends of attempts free what they held", testFreed)
	s.run("what is counted outlives the process", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Type: "t", Total: pointer[int64](2), PerKey: pointer[int64](1)})
		f.create(limited("a", "k"), limited("b", "k"), named("c", "t"), named("d", "t"))
		held := f.claim("w", 10)
		f.wantAnyOrder(held, "a", "c")
		f.Store = f.Reopen(f.T)
		f.wantLimit("l", 2, 2, missions.FullTotal)
		f.wantNext()
		f.finish(completion(byID(held, "c"), `1`))
		f.wantNext("d")
		f.finish(completion(byID(held, "a"), `1`))
		f.wantNext("b")
		f.wantRecount()
	})
}

// testFreed ends attempts in every way under a limit of one.
func testFreed(f *fixture) {
	f.setLimit(missions.LimitSpec{Name: "l", PerKey: pointer[int64](1)})
	for i, end := range []func(m missions.Mission){
		func(m missions.Mission) { f.finish(completion(m, `1`)) },
		func(m missions.Mission) { f.finish(failure(m, "no", false)) },
		func(m missions.Mission) { f.finish(failure(m, "later", true)) },
		func(m missions.Mission) { f.finish(release(m)) },
		func(m missions.Mission) { f.cancel(m.ID) },
		func(m missions.Mission) { f.advance(2 * ttl) },
		func(missions.Mission) {
			_, err := f.Store.Leave(f.ctx, "w", "left")
			f.must(err)
		},
		func(missions.Mission) {
			_, err := f.Store.Lost(f.ctx, "w", "lost", f.now().Add(time.Minute))
			f.must(err)
		},
	} {
		f.register("w", "t")
		first, second := limited(fmt.Sprintf("m%d-first", i), "k", "l"), limited(fmt.Sprintf("m%d-second", i), "k", "l")
		f.create(first, second)
		m := f.wantNext(first.ID)[0]
		end(m)
		f.wantLimit("l", 0, f.limit("l").Waiting, "")
		f.register("w", "t")
		wantEqual(f, "given", len(f.claim("w", 10)), 1)
		for _, id := range []string{first.ID, second.ID} {
			if !f.get(id).Status.Terminal() {
				f.cancel(id)
			}
		}
		f.wantLimit("l", 0, 0, "")
	}
	f.wantRecount()
}

// wantHeld checks which missions limits hold back.
func (f *fixture) wantHeld(ids ...string) {
	f.Helper()
	holds, err := f.Store.Held(f.ctx)
	f.must(err)
	f.wantAnyOrder(f.list(missions.Filter{Waiting: missions.WaitLimit, Holds: holds}), ids...)
	wantEqual(f, "counted as held", f.stats("").Waiting[missions.WaitLimit], int64(len(ids)))
}

func (f *fixture) wantEqualIDs(got []missions.Mission, want ...string) {
	f.Helper()
	if ids := idsOf(got); !slices.Equal(ids, want) {
		f.Errorf("got %v, want %v", ids, want)
	}
}

func (f *fixture) wantAnyOrder(got []missions.Mission, want ...string) {
	f.Helper()
	ids := idsOf(got)
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		f.Errorf("got %v, want %v in any order", ids, want)
	}
}

func byID(list []missions.Mission, id string) missions.Mission {
	at := slices.IndexFunc(list, func(m missions.Mission) bool { return m.ID == id })
	return list[at]
}
