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
	l, err := f.Store.Lead(f.ctx, candidate, lasts)
	f.must(err)
	return l
}

// wantLeader checks who leads, and for how much longer.
func (f *fixture) wantLeader(what string, got missions.Leadership, holder string, left time.Duration) {
	f.Helper()
	wantEqual(f, what, got.Holder, holder)
	if off := got.Left - left; off < -Slack || off > Slack {
		f.Errorf("%s: %v are left, want about %v", what, got.Left, left)
	}
}

func testLeadership(s *suite) {
	s.run("one candidate leads, for as long as it renews", func(f *fixture) {
		f.wantLeader("the first", f.lead("a"), "a", lasts)
		f.Advance(lasts / 2)
		f.wantLeader("what another is told", f.lead("b"), "a", lasts/2)
		f.wantLeader("after a renewal", f.lead("a"), "a", lasts)
		f.Advance(lasts - time.Minute)
		f.wantLeader("before the renewed end", f.lead("b"), "a", time.Minute)
		f.Advance(2 * time.Minute)
		f.wantLeader("after the end", f.lead("b"), "b", lasts)
		f.wantLeader("what the old leader is told", f.lead("a"), "b", lasts)
	})
	s.run("a leader may resign, and nobody else for it", func(f *fixture) {
		f.lead("a")
		f.must(f.Store.Resign(f.ctx, "b"))
		f.wantLeader("after another one resigned", f.lead("b"), "a", lasts)
		f.must(f.Store.Resign(f.ctx, "a"))
		f.wantLeader("after it resigned", f.lead("b"), "b", lasts)
	})
	s.run("of many candidates at once one leads", func(f *fixture) {
		const candidates = 12
		told := make([]missions.Leadership, candidates)
		var wait sync.WaitGroup
		for i := range candidates {
			wait.Go(func() {
				var err error
				told[i], err = f.Store.Lead(f.ctx, fmt.Sprint("candidate ", i), lasts)
				f.wantErr("lead", err, nil)
			})
		}
		wait.Wait()
		for _, l := range told {
			wantEqual(f, "leader", l.Holder, told[0].Holder)
		}
	})
}
