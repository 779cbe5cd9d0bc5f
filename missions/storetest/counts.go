package storetest

import (
	"time"

	"missioncontrol/missions"
)

// recount computes the expected counters by listing everything.
func (f *fixture) recount() (counts missions.Counts, byType map[string]map[missions.Status]int64) {
	f.Helper()
	none := func() map[missions.Status]int64 {
		return map[missions.Status]int64{missions.Pending: 0, missions.Running: 0, missions.Completed: 0, missions.Failed: 0, missions.Cancelled: 0}
	}
	counts.ByStatus, byType = none(), map[string]map[missions.Status]int64{}
	for _, m := range f.list(missions.Filter{}) {
		if byType[m.Type] == nil {
			byType[m.Type] = none()
		}
		counts.ByStatus[m.Status]++
		byType[m.Type][m.Status]++
	}
	for _, a := range f.agents(missions.AgentFilter{}).Agents {
		if a.State != missions.Offline {
			counts.Agents++
			counts.Slots += int64(a.Capacity)
		}
	}
	return counts, byType
}

// wantRecount checks every counter against a recount.
func (f *fixture) wantRecount() {
	f.Helper()
	want, byType := f.recount()
	got, err := f.Store.Counts(f.ctx)
	f.must(err)
	f.wantSame("counts by status", got.ByStatus, want.ByStatus)
	wantEqual(f, "agents", got.Agents, want.Agents)
	wantEqual(f, "slots", got.Slots, want.Slots)
	all := f.stats("")
	f.wantSame("statistics by status", all.ByStatus, want.ByStatus)
	wantEqual(f, "total", all.Total, want.Total())
	totals := map[string]int64{}
	for kind, statuses := range byType {
		one := f.stats(kind)
		f.wantSame("by status of type "+kind, one.ByStatus, statuses)
		totals[kind] = missions.Counts{ByStatus: statuses}.Total()
		wantEqual(f, "total of type "+kind, one.Total, totals[kind])
	}
	f.wantSame("by type", all.ByType, totals)
}

func (f *fixture) stats(kind string) missions.Stats {
	f.Helper()
	stats, err := f.Store.Stats(f.ctx, kind)
	f.must(err)
	return stats
}

func testCounts(s *suite) {
	s.run("an empty store counts nothing, and names every status", func(f *fixture) {
		counts, err := f.Store.Counts(f.ctx)
		f.must(err)
		f.wantSame("counts", counts, missions.Counts{ByStatus: map[missions.Status]int64{
			missions.Pending: 0, missions.Running: 0, missions.Completed: 0, missions.Failed: 0, missions.Cancelled: 0,
		}})
		stats := f.stats("")
		f.wantSame("by type", stats.ByType, map[string]int64{})
		f.wantSame("figures", []any{stats.SuccessRate, stats.Duration, stats.Queue, stats.OldestPendingSeconds},
			[]any{nil, missions.Distribution{}, missions.Distribution{}, nil})
	})
	s.run("counters follow every kind of change", func(f *fixture) {
		want := func(pending, running, completed, failed, cancelled int64) {
			f.Helper()
			counts, err := f.Store.Counts(f.ctx)
			f.must(err)
			f.wantSame("counts", counts.ByStatus, map[missions.Status]int64{
				missions.Pending: pending, missions.Running: running, missions.Completed: completed,
				missions.Failed: failed, missions.Cancelled: cancelled,
			})
			f.wantRecount()
		}
		f.register("a", "x", "y")
		f.create(numbered("x", "x", 6)...)
		f.create(numbered("y", "y", 4)...)
		want(10, 0, 0, 0, 0)
		f.createOne(named("x-0000", "x")) // already exists
		want(10, 0, 0, 0, 0)
		held := f.claim("a", 8)
		want(2, 8, 0, 0, 0)
		f.finish(completion(held[0], `1`))
		f.finish(completion(held[0], `1`))
		want(2, 7, 1, 0, 0)
		f.finish(failure(held[1], "x", true))
		want(3, 6, 1, 0, 0)
		f.finish(failure(held[2], "x", false))
		want(3, 5, 1, 1, 0)
		f.finish(release(held[3]))
		want(4, 4, 1, 1, 0)
		f.must(f.cancel(held[4].ID).Err)
		f.must(f.cancel("y-0003").Err)
		want(3, 3, 1, 1, 2)
		f.must(f.retry(held[2].ID).Err)
		f.must(f.retry("y-0003").Err)
		want(5, 3, 1, 0, 1)
		f.must(f.remove(held[0].ID).Err)
		f.must(f.remove("y-0003").Err)
		want(4, 3, 0, 0, 1)
		f.advance(ttl + time.Minute)
		want(7, 0, 0, 0, 1)
		_, err := f.Store.Retain(f.ctx, time.Minute, 100)
		f.must(err)
		want(7, 0, 0, 0, 0)
		f.Store = f.Reopen(f.T)
		want(7, 0, 0, 0, 0)
	})
	s.run("run times are counted when missions complete, and stay when these are deleted", func(f *fixture) {
		f.create(numbered("m", "t", 2)...)
		f.register("a", "t")
		held := f.claim("a", 2)
		f.advance(30 * time.Minute)
		f.finish(completion(held[0], `1`))
		f.finish(failure(held[1], "x", false))
		f.must(f.remove(held[0].ID).Err)
		counts, err := f.Store.Counts(f.ctx)
		f.must(err)
		wantEqual(f, "completed runs", counts.CompletedRuns, 1)
		f.wantSeconds("completed seconds", &counts.CompletedSeconds, 30*60)
	})
}
