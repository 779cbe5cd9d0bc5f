package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"missioncontrol/missions"
)

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
		for _, most := range []int{1, 15, 16, 17, 40} {
			given += len(f.claim("w", most))
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
		f.wantOthers("w", true)
		f.wantEqualIDs(f.claim("gpu", 10), "m")
		f.wantSame("as stored", f.get("m").Flow.Requires, m.Flow.Requires)
		f.wantStatus("other", missions.Pending)
		f.wantOthers("gpu", true)
		unserved, err := f.Store.Unserved(f.ctx)
		f.must(err)
		f.wantSame("unserved", unserved, map[string]int64{"t": 1})
		if waits := f.stats("t").OldestClaimableSeconds; waits == nil {
			f.Error("nothing is claimable")
		}
		f.cancel("other")
		f.wantOthers("gpu", false)
		f.wantRecount()
	})
}

// wantOthers checks whether a claim that gets nothing says that other agents could.
func (f *fixture) wantOthers(agent string, want bool) {
	f.Helper()
	result := f.tryClaim(missions.ClaimRequest{AgentID: agent, Max: 9, Lease: ttl})
	f.must(result.Err)
	f.wantEqualIDs(result.Missions)
	wantEqual(f, "others could", result.Others, want)
}
