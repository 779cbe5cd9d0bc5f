package storetest

import (
	"fmt"
	"sync"
	"time"

	"missioncontrol/missions"
)

// lead tries to make a candidate the leader for an hour.
func (f *fixture) lead(candidate string) missions.Leadership {
	f.Helper()
	l, err := f.Store.Lead(f.ctx, candidate, ttl)
	f.must(err)
	return l
}

// wantLeader checks which candidate leads, and for how much longer.
func (f *fixture) wantLeader(what string, got missions.Leadership, holder string, left time.Duration) {
	f.Helper()
	wantEqual(f, what, got.Holder, holder)
	if off := got.Left - left; off < -Slack || off > Slack {
		f.Errorf("%s: %v are left, want about %v", what, got.Left, left)
	}
}

func testLeadership(s *suite) {
	s.run("one candidate leads, for as long as it renews", func(f *fixture) {
		f.wantLeader("the first", f.lead("a"), "a", ttl)
		f.Advance(ttl / 2)
		f.wantLeader("what another is told", f.lead("b"), "a", ttl/2)
		f.wantLeader("after a renewal", f.lead("a"), "a", ttl)
		f.Advance(ttl - time.Minute)
		f.wantLeader("before the renewed end", f.lead("b"), "a", time.Minute)
		f.Advance(2 * time.Minute)
		f.wantLeader("after the end", f.lead("b"), "b", ttl)
		f.wantLeader("what the old leader is told", f.lead("a"), "b", ttl)
	})
	s.run("a leader may resign, and nobody else for it", func(f *fixture) {
		f.lead("a")
		f.must(f.Store.Resign(f.ctx, "b"))
		f.wantLeader("after another one resigned", f.lead("b"), "a", ttl)
		f.must(f.Store.Resign(f.ctx, "a"))
		f.wantLeader("after it resigned", f.lead("b"), "b", ttl)
	})
	s.run("of many candidates at once one leads", func(f *fixture) {
		const candidates = 12
		notified := make([]missions.Leadership, candidates)
		var wait sync.WaitGroup
		for i := range candidates {
			wait.Go(func() {
				var err error
				notified[i], err = f.Store.Lead(f.ctx, fmt.Sprint("candidate ", i), ttl)
				f.wantErr("lead", err, nil)
			})
		}
		wait.Wait()
		for _, l := range notified {
			wantEqual(f, "leader", l.Holder, notified[0].Holder)
		}
	})
}
