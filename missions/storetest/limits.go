package storetest

import (
	"cmp"
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

// atTimeOfDay moves the clock to a time of day, UTC.
func (f *fixture) atTimeOfDay(d time.Duration) {
	f.Helper()
	const day = 24 * time.Hour
	f.advance((day + d - time.Duration(int64(f.now())%day.Microseconds())*time.Microsecond) % day)
}

func testLimitTimes(s *suite) {
	s.run("a rate of starts", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Type: "t", Rate: &missions.Rate{Count: 2, PerSeconds: 7200}})
		f.create(numbered("m", "t", 5)...)
		for _, m := range f.wantNext("m-0000", "m-0001") {
			f.finish(completion(m, `1`))
		}
		l := f.limit("l")
		wantEqual(f, "full", l.Full, missions.FullRate)
		f.wantNear("opens", l.OpensAt, f.now().Add(time.Hour))
		f.wantNear("due", f.due().NextDue, f.now().Add(time.Hour))
		f.advance(50 * time.Minute)
		f.wantNext()
		f.wantSame("ready", f.advance(11*time.Minute).Ready, []string{"t"})
		f.finish(completion(f.wantNext("m-0002")[0], `1`))
		f.Store = f.Reopen(f.T)
		f.wantNext()
		f.advance(10 * time.Hour)
		f.wantNext("m-0003", "m-0004")
	})
	s.run("a budget", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Budget: &missions.Budget{Unit: "usd", Amount: 5, PerSeconds: 86400}})
		f.atTimeOfDay(time.Hour)
		f.create(limited("a", "", "l"), limited("b", "", "l"), limited("c", "", "l"))
		held := f.claim("w", 1)
		f.report(held[0], "", missions.Usage{"usd": 3, "tokens": 100})
		f.report(held[0], "", missions.Usage{"usd": 4})
		wantEqual(f, "spent", f.limit("l").Spent, 4)
		f.wantLimit("l", 1, 2, "")
		more := f.claim("w", 1)
		end := completion(more[0], `1`)
		end.Usage = missions.Usage{"usd": 2}
		f.finish(end)
		f.wantLimit("l", 1, 1, missions.FullBudget)
		wantEqual(f, "spent", f.limit("l").Spent, 6)
		f.wantNext()
		f.Store = f.Reopen(f.T)
		f.wantNext()
		f.advance(22 * time.Hour)
		f.wantNext()
		f.wantSame("ready", f.advance(2*time.Hour).Ready, []string{"t"})
		wantEqual(f, "spent", f.limit("l").Spent, 0)
		f.wantNext("a", "c")
	})
	s.run("an agent closes a limit for a time", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l"})
		f.setLimit(missions.LimitSpec{Name: "other"})
		f.create(limited("a", "", "l"), limited("b", "", "l"))
		held := f.claim("w", 1)
		end := failure(held[0], "429", true)
		end.Limit, end.RetryAfter = "other", pointer(3600.0)
		f.wantErr("a limit of others", f.tryFinish(end).Err, missions.ErrInvalid)
		end.Limit = "none"
		f.wantErr("no limit", f.tryFinish(end).Err, missions.ErrInvalid)
		end.Limit = "l"
		f.finish(end)
		f.wantLimit("l", 0, 2, missions.FullBlocked)
		f.wantNear("closed", f.limit("l").BlockedUntil, f.now().Add(time.Hour))
		f.wantNext()
		f.Store = f.Reopen(f.T)
		f.wantNext()
		f.wantSame("ready", f.advance(61*time.Minute).Ready, []string{"t"})
		held = f.claim("w", 10)
		f.wantAnyOrder(held, "a", "b")
		back := release(held[0])
		back.Limit, back.RetryAfter = "l", pointer(60.0)
		f.finish(back)
		f.wantLimit("l", 1, 1, missions.FullBlocked)
		f.advance(2 * time.Minute)
		f.wantNext(held[0].ID)
	})
	s.run("a quota of what is pending", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Type: "t", MaxPendingPerKey: pointer[int64](2)})
		later := limited("later", "k")
		later.NotBefore = f.now().Add(time.Hour)
		f.create(limited("a", "k", "x"), later, limited("other", "o"), named("free", "t"))
		refused := f.createOne(limited("b", "k"))
		f.wantErr("the third", refused.Err, missions.ErrQuota)
		_, err := f.Store.Get(f.ctx, "b")
		f.wantErr("it is not there", err, missions.ErrNotFound)
		again := f.createOne(limited("a", "k", "x"))
		f.wantErr("a repeat", again.Err, nil)
		f.cancel("later")
		f.create(limited("b", "k"))
		f.wantErr("the third again", f.createOne(limited("c", "k")).Err, missions.ErrQuota)
		wantEqual(f, "given", len(f.claim("w", 10)), 4)
		f.create(limited("c", "k"))
		f.wantRecount()
	})
}

func testTurns(s *suite) {
	s.run("keys take turns, oldest first within a key", func(f *fixture) {
		f.register("w", "t")
		for i := range 4 {
			f.create(limited(fmt.Sprintf("a%d", i), "a"))
		}
		f.create(limited("b0", "b"), limited("b1", "b"), limited("c0", "c"))
		f.wantNext("a0", "b0", "c0", "a1", "b1", "a2", "a3")
	})
	s.run("a key that comes in does not wait, nor does it overtake for ever", func(f *fixture) {
		f.register("w", "t")
		for i := range 6 {
			f.create(limited(fmt.Sprintf("a%d", i), "a"))
		}
		wantEqual(f, "claimed", f.takeAny(1), "a0")
		wantEqual(f, "claimed", f.takeAny(1), "a1")
		var got []string
		for i := range 4 { // it always has one
			f.create(limited(fmt.Sprintf("b%d", i), "b"))
			got = append(got, f.takeAny(1), f.takeAny(1))
		}
		bs := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return id[0] != 'b' })
		if len(bs) != 4 {
			f.Errorf("claimed %v: the keys do not take turns", got)
		}
	})
	s.run("by weight", func(f *fixture) {
		f.register("w", "t")
		f.setLimit(missions.LimitSpec{Name: "l", Type: "t", Keys: map[string]missions.KeyLimit{"heavy": {Weight: 3}}})
		for i := range 40 {
			f.create(limited(fmt.Sprintf("heavy%02d", i), "heavy"), limited(fmt.Sprintf("light%02d", i), "light"))
		}
		heavy := 0
		for range 20 {
			if strings.HasPrefix(f.takeAny(1), "heavy") {
				heavy++
			}
		}
		if heavy != 15 {
			f.Errorf("%d of 20 have the key with three turns, want 15", heavy)
		}
	})
	s.run("missions without a key have a turn, too", func(f *fixture) {
		f.register("w", "t")
		f.create(numbered("m", "t", 4)...)
		f.create(limited("a0", "a"), limited("a1", "a"))
		got := []string{}
		for range 4 {
			got = append(got, f.takeAny(1))
		}
		keyed := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return id[0] != 'a' })
		if len(keyed) != 2 {
			f.Errorf("claimed %v: those with a key wait for those without", got)
		}
	})
	s.run("a higher priority comes first, whoever's turn it is", func(f *fixture) {
		f.register("w", "t")
		high := limited("high", "a")
		high.Priority = missions.High
		f.create(limited("a", "a"), limited("b", "b"), high)
		f.wantNext("high", "a", "b")
	})
	s.run("a claim of several, and several types", func(f *fixture) {
		f.register("w", "t", "u")
		for i := range 5 {
			f.create(limited(fmt.Sprintf("a%d", i), "a"))
		}
		f.create(limited("b0", "b"), named("u0", "u"))
		f.wantAnyOrder(f.claim("w", 4), "a0", "a1", "b0", "a2")
		f.wantNext("a3", "a4", "u0")
	})
	s.run("a claim of many with few keys", func(f *fixture) {
		f.register("w", "t")
		for i := range 200 {
			f.create(limited(fmt.Sprintf("m%03d", i), fmt.Sprint("key", i%2)))
		}
		f.Store = f.Reopen(f.T)
		given := 0
		for _, most := range []int{1, 15, 16, 17, 40, 200} {
			for got := f.claim("w", most); len(got) > 0 && given < 200; got = nil {
				given += len(got)
			}
		}
		for got := f.claim("w", 100); len(got) > 0; got = f.claim("w", 100) {
			given += len(got)
		}
		wantEqual(f, "given", given, 200)
		f.wantRecount()
	})
	s.run("what leaves the queue takes its turn along", func(f *fixture) {
		f.register("w", "t")
		f.create(limited("a0", "a"), limited("a1", "a"), limited("b0", "b"), limited("b1", "b"))
		f.cancel("a0")
		f.cancel("b0")
		f.cancel("b1")
		f.retry("b1")
		f.Store = f.Reopen(f.T)
		f.wantNext("a1", "b1")
		f.wantRecount()
	})
	s.run("listed by key", func(f *fixture) {
		f.create(limited("a", "k 1"), limited("b", "other"), limited("c", "k 1", "x"))
		f.wantSame("found", idsOf(f.list(missions.Filter{Key: "k 1"})), []string{"c", "a"})
	})
	s.run("many keys", func(f *fixture) {
		f.register("w", "t")
		var all []missions.Mission
		for i := range 900 {
			all = append(all, limited(fmt.Sprintf("m%03d", i), fmt.Sprintf("key%d", i)))
		}
		for i := range 100 {
			all = append(all, limited(fmt.Sprintf("z%03d", i), "key0"))
		}
		f.create(all...)
		f.Store = f.Reopen(f.T)
		got := f.claim("w", 300)
		for len(got) < 900 {
			got = append(got, f.claim("w", 200)...)
		}
		for i, m := range got[:900] {
			if want := fmt.Sprintf("m%03d", i); m.ID != want {
				f.Fatalf("mission %d is %s, want %s", i, m.ID, want)
			}
		}
		rest := got[900:]
		for len(rest) < 100 {
			rest = append(rest, f.claim("w", 70)...)
		}
		if !slices.IsSortedFunc(rest, func(a, b missions.Mission) int { return cmp.Compare(a.ID, b.ID) }) {
			f.Errorf("the rest: %v", idsOf(rest))
		}
		f.wantRecount()
	})
}

func testRequires(s *suite) {
	s.run("an agent needs the labels", func(f *fixture) {
		f.register("w", "t")
		_, err := f.Store.Register(f.ctx, missions.Agent{ID: "gpu", Name: "gpu", Role: "worker", Types: []string{"t"}, Capacity: 4,
			Labels: map[string]string{"gpu": "h100", "zone": "a"}}, ttl)
		f.must(err)
		m := limited("m", "")
		m.Flow = &missions.Flow{Requires: map[string]string{"gpu": "h100"}}
		other := limited("other", "")
		other.Flow = &missions.Flow{Requires: map[string]string{"gpu": "h100", "zone": "b"}}
		f.create(m, other, named("any", "t"))
		f.wantNext("any")
		f.wantEqualIDs(f.claim("gpu", 10), "m")
		f.wantSame("as stored", f.get("m").Flow.Requires, m.Flow.Requires)
		f.wantStatus("other", missions.Pending)
		unserved, err := f.Store.Unserved(f.ctx)
		f.must(err)
		f.wantSame("unserved", unserved, map[string]int64{"t": 1})
		if waits := f.stats("t").OldestClaimableSeconds; waits == nil {
			f.Error("nothing is claimable")
		}
		f.wantRecount()
	})
}
