package storetest

import (
	"math"
	"time"

	"missioncontrol/missions"
)

// wantSeconds checks a duration to within the slack.
func (f *fixture) wantSeconds(what string, got *float64, want float64) {
	f.Helper()
	if got == nil || math.Abs(*got-want) > Slack.Seconds() {
		f.Errorf("%s is %s, want about %v", what, f.json(got), want)
	}
}

// wantPercentile checks a percentile to within the guaranteed 5 %.
func (f *fixture) wantPercentile(what string, got *float64, want time.Duration) {
	f.Helper()
	if got == nil || math.Abs(*got-want.Seconds()) > 0.05*want.Seconds()+Slack.Seconds() {
		f.Errorf("%s is %s, want %v within 5 %%", what, f.json(got), want.Seconds())
	}
}

// wantHours checks a distribution of 1, 2, 3 … 100 hours.
func (f *fixture) wantHours(what string, got missions.Distribution) {
	f.Helper()
	f.wantPercentile(what+" p50", got.P50, 50*time.Hour)
	f.wantPercentile(what+" p95", got.P95, 95*time.Hour)
	f.wantPercentile(what+" p99", got.P99, 99*time.Hour)
	f.wantSeconds(what+" average", got.Average, 50.5*3600)
}

func testStats(s *suite) {
	s.run("run times: percentiles within 5 % and the average", func(f *fixture) {
		f.create(numbered("m", "t", 100)...)
		f.must(f.registerSilent("a", 1000*time.Hour))
		q := missions.ClaimRequest{AgentID: "a", Max: 100, Lease: 1000 * time.Hour}
		for _, m := range f.tryClaim(q).Missions {
			f.Advance(time.Hour)
			f.finish(completion(m, `1`))
		}
		f.wantHours("duration", f.stats("").Duration)
		f.wantHours("duration of the type", f.stats("t").Duration)
		f.wantSame("duration of another type", f.stats("other").Duration, missions.Distribution{})
		wantEqual(f, "success rate", *f.stats("t").SuccessRate, 1)
	})
	s.run("queue times: from claimable to claimed", func(f *fixture) {
		f.create(numbered("m", "t", 100)...)
		f.must(f.registerSilent("a", 1000*time.Hour))
		for range 100 {
			f.Advance(time.Hour)
			f.tryClaim(missions.ClaimRequest{AgentID: "a", Max: 1, Lease: 1000 * time.Hour})
		}
		f.wantHours("queue", f.stats("").Queue)
		f.wantHours("queue of the type", f.stats("t").Queue)
	})
	s.run("time before not_before, or in back-off, is not queueing", func(f *fixture) {
		m := named("m", "t")
		m.NotBefore = f.now().Add(5 * time.Hour)
		f.create(m)
		f.must(f.registerSilent("a", 1000*time.Hour))
		f.advance(6 * time.Hour)
		f.claimOne("a")
		f.wantSeconds("queue average", f.stats("t").Queue.Average, 3600)
	})
	s.run("oldest pending, by type", func(f *fixture) {
		f.register("a", "x")
		f.create(named("x1", "x"))
		f.Advance(30 * time.Minute)
		f.create(named("y1", "y"))
		f.wantSeconds("of all", f.stats("").OldestPendingSeconds, 1800)
		f.wantSeconds("of y", f.stats("y").OldestPendingSeconds, 0)
		f.claimOne("a")
		f.wantSeconds("of all", f.stats("").OldestPendingSeconds, 0)
		f.wantSame("of x", f.stats("x").OldestPendingSeconds, nil)
	})
	s.run("success rate is of the missions stored", func(f *fixture) {
		f.create(numbered("m", "t", 5)...)
		f.register("a", "t")
		held := f.claim("a", 5)
		for _, m := range held[:3] {
			f.finish(completion(m, `1`))
		}
		f.finish(failure(held[3], "x", false))
		f.must(f.cancel(held[4].ID).Err)
		wantEqual(f, "rate", *f.stats("").SuccessRate, 0.75)
		counts, err := f.Store.Counts(f.ctx)
		f.must(err)
		wantEqual(f, "rate of the counts", *counts.SuccessRate(), 0.75)
		f.must(f.remove(held[3].ID).Err)
		wantEqual(f, "rate without the failure", *f.stats("").SuccessRate, 1)
	})
	s.run("per minute counts what happened in the last minute", func(f *fixture) {
		now := f.now()
		f.Advance(time.Minute - time.Duration(int64(now)%60e6)*time.Microsecond) // to the start of a minute
		f.register("a", "t")
		f.create(numbered("m", "t", 7)...)
		f.create(named("other", "o"))
		held := f.claim("a", 5)
		f.finish(completion(held[0], `1`))
		f.finish(completion(held[1], `1`))
		f.finish(failure(held[2], "x", false))
		f.finish(release(held[3]))
		f.must(f.cancel(held[4].ID).Err)
		f.wantSame("of all", f.stats("").PerMinute, map[missions.Happening]int64{
			"created": 8, "started": 5, "completed": 2, "failed": 1, "cancelled": 1,
		})
		f.wantSame("of the type", f.stats("o").PerMinute, map[missions.Happening]int64{
			"created": 1, "started": 0, "completed": 0, "failed": 0, "cancelled": 0,
		})
		f.wantNear("last_updated", f.stats("").LastUpdated, f.now())
		f.Advance(3 * time.Minute)
		f.wantSame("later", f.stats("").PerMinute, map[missions.Happening]int64{
			"created": 0, "started": 0, "completed": 0, "failed": 0, "cancelled": 0,
		})
	})
}

func testRetention(s *suite) {
	s.run("deletes what ended longer ago, with its log, and nothing else", func(f *fixture) {
		f.must(f.registerSilent("a", 1000*time.Hour))
		f.create(numbered("m", "t", 6)...)
		q := missions.ClaimRequest{AgentID: "a", Max: 5, Lease: 1000 * time.Hour}
		held := f.tryClaim(q).Missions
		f.finish(completion(held[0], `1`))
		f.finish(failure(held[1], "x", false))
		f.must(f.cancel(held[2].ID).Err)
		f.advance(24 * time.Hour)
		f.finish(completion(held[3], `1`))
		f.advance(24 * time.Hour)
		position := f.checkpoint()
		deleted, err := f.Store.Retain(f.ctx, 36*time.Hour, 1000)
		f.must(err)
		wantEqual(f, "deleted", deleted, 3)
		f.wantSame("left", idsOf(f.list(missions.Filter{})), []string{"m-0005", "m-0004", "m-0003"})
		_, err = f.Store.Log(f.ctx, "m-0000", 0, 1)
		f.wantErr("log", err, missions.ErrNotFound)
		wantEqual(f, "events", len(f.events(position)), 0)
		f.wantRecount()
	})
	s.run("deletes at most so many at a time, oldest end first", func(f *fixture) {
		f.create(numbered("m", "t", 5)...)
		for _, id := range []string{"m-0003", "m-0000", "m-0004", "m-0001", "m-0002"} {
			f.must(f.cancel(id).Err)
			f.Advance(time.Hour)
		}
		for _, want := range []struct {
			deleted int
			left    string
		}{{2, `["m-0004","m-0002","m-0001"]`}, {2, `["m-0002"]`}, {1, `[]`}, {0, `[]`}} {
			deleted, err := f.Store.Retain(f.ctx, 30*time.Minute, 2)
			f.must(err)
			wantEqual(f, "deleted", deleted, want.deleted)
			wantEqual(f, "left", f.json(idsOf(f.list(missions.Filter{}))), want.left)
			f.wantRecount()
		}
	})
	s.run("a retried mission has not ended", func(f *fixture) {
		f.create(named("m", "t"))
		f.must(f.cancel("m").Err)
		f.must(f.retry("m").Err)
		f.advance(48 * time.Hour)
		deleted, err := f.Store.Retain(f.ctx, time.Hour, 10)
		f.must(err)
		wantEqual(f, "deleted", deleted, 0)
	})
	s.run("forgets agents that have been offline for as long", func(f *fixture) {
		f.register("gone", "t")
		_, err := f.Store.Leave(f.ctx, "gone", "")
		f.must(err)
		f.must(f.registerSilent("here", 1000*time.Hour))
		f.advance(24 * time.Hour)
		f.register("late", "t")
		_, err = f.Store.Leave(f.ctx, "late", "")
		f.must(err)
		_, err = f.Store.Retain(f.ctx, 12*time.Hour, 10)
		f.must(err)
		ids, count := f.agentIDs(missions.AgentFilter{}, 10)
		f.wantSame("agents", ids, []string{"here", "late"})
		wantEqual(f, "count", count, 2)
		ids, count = f.agentIDs(missions.AgentFilter{Type: "t"}, 10)
		f.wantSame("agents of the type", ids, []string{"here", "late"})
		wantEqual(f, "count of the type", count, 2)
		f.wantErr("heartbeat", f.tryHeartbeat(missions.Heartbeat{AgentID: "gone", Lease: ttl}).Err, missions.ErrNotFound)
		f.wantRecount()
	})
}
