package storetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

// longLease is how long the agent in these scenarios may be silent, and how long its
// leases last.
const longLease = 1000 * time.Hour

// toMinute moves the clock to the start of a minute.
func (f *fixture) toMinute() {
	f.Helper()
	now := f.now()
	f.Advance(time.Minute - time.Duration(int64(now)%60e6)*time.Microsecond)
}

func (f *fixture) sample() missions.Time {
	f.Helper()
	at, err := f.Store.Sample(f.ctx)
	f.must(err)
	return at
}

// watch lets time pass, with a sample after each interval.
func (f *fixture) watch(d, every time.Duration) {
	f.Helper()
	for ; d > 0; d -= every {
		f.Advance(every)
		f.sample()
	}
}

// hold creates missions of a type and claims them with a long lease.
func (f *fixture) hold(prefix, kind string, n int) []missions.Mission {
	f.Helper()
	f.create(numbered(prefix, kind, n)...)
	f.must(f.registerSilent("a", longLease, kind))
	held := f.tryClaim(missions.ClaimRequest{AgentID: "a", Types: []string{kind}, Max: n, Lease: longLease}).Missions
	wantEqual(f, "claimed", len(held), n)
	return held
}

// tally formats the counts of a window.
func tally(w missions.Window) string {
	rate := "none"
	if w.SuccessRate != nil {
		rate = fmt.Sprint(*w.SuccessRate)
	}
	return fmt.Sprintf("%d created, %d started, %d completed, %d failed, %d cancelled, rate %s",
		w.Created, w.Started, w.Completed, w.Failed, w.Cancelled, rate)
}

const nothing = "0 created, 0 started, 0 completed, 0 failed, 0 cancelled, rate none"

func (f *fixture) wantWindows(kind, fiveMinutes, hour, day string) {
	f.Helper()
	got := f.stats(kind).Windows
	wantEqual(f, "5 minutes of type '"+kind+"'", tally(got.FiveMinutes), fiveMinutes)
	wantEqual(f, "1 hour of type '"+kind+"'", tally(got.Hour), hour)
	wantEqual(f, "24 hours of type '"+kind+"'", tally(got.Day), day)
}

func testWindows(s *suite) {
	s.run("before the first sample there are none", func(f *fixture) {
		f.create(named("m", "t"))
		f.wantSame("windows", f.stats("").Windows, missions.Windows{})
	})
	s.run("they count what happened within them, and move on", func(f *fixture) {
		f.toMinute()
		begun := f.sample()
		f.wantNear("the sample's time", begun, f.now())
		f.wantWindows("", nothing, nothing, nothing)
		held := f.hold("x", "x", 8)
		for _, m := range held[:4] {
			f.finish(completion(m, `1`))
		}
		f.finish(failure(held[4], "x", false))
		f.finish(failure(held[5], "x", false))
		f.must(f.cancel(held[6].ID).Err)
		const first = "8 created, 8 started, 4 completed, 2 failed, 1 cancelled, rate 0.6666666666666666"
		f.wantWindows("", first, first, first)
		f.watch(time.Minute, time.Minute)
		f.wantWindows("", first, first, first)
		f.wantWindows("x", first, first, first)
		f.watch(3*time.Minute, time.Minute)
		f.wantWindows("x", first, first, first)
		f.watch(7*time.Minute, time.Minute)
		f.Store = f.Reopen(f.T)
		f.wantWindows("", nothing, first, first)

		f.finish(completion(f.hold("y", "y", 2)[0], `1`))
		const second = "2 created, 2 started, 1 completed, 0 failed, 0 cancelled, rate 1"
		const both = "10 created, 10 started, 5 completed, 2 failed, 1 cancelled, rate 0.7142857142857143"
		f.wantWindows("", second, both, both)
		f.wantWindows("x", nothing, first, first)
		f.wantWindows("y", second, second, second)
		f.wantNear("since when the hour counts", f.stats("").Windows.Hour.Since, begun)

		f.watch(70*time.Minute, time.Minute)
		f.wantWindows("", nothing, nothing, both)
		f.wantNear("since when the hour counts", f.stats("").Windows.Hour.Since, f.now().Add(-time.Hour))
		f.wantWindows("y", nothing, nothing, second)
		f.watch(25*time.Hour, 10*time.Minute)
		f.wantWindows("", nothing, nothing, nothing)
		f.wantWindows("x", nothing, nothing, nothing)
	})
	s.run("durations are those of the window", func(f *fixture) {
		f.toMinute()
		f.sample()
		held := f.hold("m", "t", 100)
		f.watch(time.Hour, 10*time.Minute)
		for _, m := range held[:50] {
			f.finish(completion(m, `1`))
		}
		f.watch(2*time.Hour, 10*time.Minute)
		for _, m := range held[50:] {
			f.finish(completion(m, `1`))
		}
		for _, kind := range []string{"", "t"} {
			got := f.stats(kind).Windows
			f.wantPercentile("p50 of the hour", got.Hour.Duration.P50, 3*time.Hour)
			f.wantSeconds("average of the hour", got.Hour.Duration.Average, 3*3600)
			f.wantSame("queue of the hour", got.Hour.Queue, missions.Distribution{})
			f.wantPercentile("p50 of the day", got.Day.Duration.P50, time.Hour)
			f.wantPercentile("p95 of the day", got.Day.Duration.P95, 3*time.Hour)
			f.wantSeconds("average of the day", got.Day.Duration.Average, 2*3600)
			f.wantSeconds("average queue of the day", got.Day.Queue.Average, 0)
		}
		f.watch(2*time.Hour, time.Minute)
		f.wantSame("later, in the hour", f.stats("t").Windows.Hour.Duration, missions.Distribution{})
		f.wantPercentile("later, p95 of the day", f.stats("t").Windows.Day.Duration.P95, 3*time.Hour)
	})
	s.run("what was before the first sample is in none", func(f *fixture) {
		held := f.hold("m", "t", 3)
		f.finish(completion(held[0], `1`))
		f.Advance(5 * time.Minute)
		f.sample()
		f.wantWindows("", nothing, nothing, nothing)
		f.wantWindows("t", nothing, nothing, nothing)
		f.finish(completion(held[1], `1`))
		const one = "0 created, 0 started, 1 completed, 0 failed, 0 cancelled, rate 1"
		f.wantWindows("", one, one, one)
		f.watch(time.Minute, time.Minute)
		f.wantWindows("t", one, one, one)
		f.wantSeconds("its run time", f.stats("t").Windows.Day.Duration.Average, 5*60)
	})
	s.run("while nobody watched they have a gap and say so", func(f *fixture) {
		f.toMinute()
		f.sample()
		f.create(numbered("m", "t", 3)...)
		f.watch(10*time.Minute, 10*time.Minute)
		const three = "3 created, 0 started, 0 completed, 0 failed, 0 cancelled, rate none"
		f.wantWindows("", nothing, three, three)
		f.wantNear("since", f.stats("").Windows.FiveMinutes.Since, f.now())
		f.watch(30*time.Hour, 30*time.Hour)
		f.create(named("late", "t"))
		const one = "1 created, 0 started, 0 completed, 0 failed, 0 cancelled, rate none"
		f.wantWindows("t", one, one, one)
	})
	s.run("of many types at once the total knows all, and the busiest are told apart", func(f *fixture) {
		f.toMinute()
		f.sample()
		for batch := range 3 {
			many := make([]missions.Mission, 0, 500)
			for i := range 500 {
				many = append(many, named(fmt.Sprintf("m-%d-%d", batch, i), fmt.Sprintf("type-%d", 500*batch+i)))
			}
			f.create(many...)
		}
		f.create(numbered("busy", "zzz", 2)...)
		f.watch(time.Minute, time.Minute)
		wantEqual(f, "all", f.stats("").Windows.Hour.Created, 1502)
		wantEqual(f, "the busiest", f.stats("zzz").Windows.Hour.Created, 2)
	})
}

func (f *fixture) history(kind string, minutes int) []missions.Minute {
	f.Helper()
	history, err := f.Store.History(f.ctx, kind, minutes)
	f.must(err)
	wantEqual(f, "minutes", len(history), minutes)
	return history
}

// lines formats minutes without their times.
func lines(history []missions.Minute) (lines []string) {
	gauge := func(n *int64) string {
		if n == nil {
			return "?"
		}
		return fmt.Sprint(*n)
	}
	for _, m := range history {
		lines = append(lines, fmt.Sprintf("%d %d %d %d %d, %s %s",
			m.Created, m.Started, m.Completed, m.Failed, m.Cancelled, gauge(m.Pending), gauge(m.Running)))
	}
	return lines
}

func testHistory(s *suite) {
	s.run("minute by minute, by type, and after reopening", func(f *fixture) {
		f.toMinute()
		begun := f.sample()
		held := f.hold("x", "x", 3)
		f.create(numbered("y", "y", 2)...)
		f.watch(time.Minute, time.Minute)
		f.finish(completion(held[0], `1`))
		f.finish(failure(held[1], "x", false))
		f.watch(time.Minute, time.Minute)
		f.must(f.cancel("y-0000").Err)
		f.Store = f.Reopen(f.T)
		f.wantSame("all", lines(f.history("", 5)), []string{
			"0 0 0 0 0, ? ?", "0 0 0 0 0, 0 0", "5 3 0 0 0, 2 3", "0 0 1 1 0, 2 1", "0 0 0 0 1, 1 1",
		})
		f.wantSame("x", lines(f.history("x", 3)), []string{"3 3 0 0 0, 0 3", "0 0 1 1 0, 0 1", "0 0 0 0 0, 0 1"})
		f.wantSame("y", lines(f.history("y", 4)), []string{"0 0 0 0 0, 0 0", "2 0 0 0 0, 2 0", "0 0 0 0 0, 2 0", "0 0 0 0 1, 1 0"})
		f.wantSame("of none", lines(f.history("none", 2)), []string{"0 0 0 0 0, 0 0", "0 0 0 0 0, 0 0"})
		wantEqual(f, "when", f.history("", 3)[0].At, begun-begun%60e6)
	})
	s.run("a minute at whose end nobody was there has no gauges", func(f *fixture) {
		f.toMinute()
		f.sample()
		f.create(named("m", "t"))
		f.Advance(2 * time.Minute)
		f.sample()
		f.wantSame("all", lines(f.history("", 3)), []string{"1 0 0 0 0, ? ?", "0 0 0 0 0, 1 0", "0 0 0 0 0, 1 0"})
		f.wantSame("t", lines(f.history("t", 3)), []string{"1 0 0 0 0, ? ?", "0 0 0 0 0, 1 0", "0 0 0 0 0, 1 0"})
	})
	s.run("for a day", func(f *fixture) {
		f.toMinute()
		f.sample()
		f.create(named("m", "t"))
		f.watch(23*time.Hour, 10*time.Minute)
		_, err := f.Store.Retain(f.ctx, longLease, 10)
		f.must(err)
		day := f.history("", missions.MaxHistory)
		wantEqual(f, "created 23 hours ago", day[missions.MaxHistory-1-23*60].Created, 1)
		for i := range day[1:] {
			if day[i+1].At != day[i].At.Add(time.Minute) {
				f.Fatalf("minute %d begins at %v, the one before at %v", i+1, day[i+1].At.Time(), day[i].At.Time())
			}
		}
		f.watch(2*time.Hour, 10*time.Minute)
		for _, m := range f.history("", missions.MaxHistory) {
			wantEqual(f, "created, a day later", m.Created, 0)
		}
	})
}

func testUnserved(s *suite) {
	s.run("pending missions without an agent for their type", func(f *fixture) {
		want := func(when string, want map[string]int64) {
			f.Helper()
			got, err := f.Store.Unserved(f.ctx)
			f.must(err)
			f.wantSame(when, got, want)
		}
		want("nothing", map[string]int64{})
		f.create(numbered("x", "x", 5)...)
		f.create(named("y", "y"))
		later := named("later", "later")
		later.NotBefore = f.now().Add(time.Hour)
		f.create(later)
		also := named("x-later", "x")
		also.NotBefore = later.NotBefore
		f.create(also)
		want("nobody there", map[string]int64{"x": 6, "y": 1})
		f.must(f.registerSilent("a", longLease, "x", "z"))
		want("one for x", map[string]int64{"y": 1})
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "a", Draining: true, Lease: longLease}).Err)
		want("draining", map[string]int64{"x": 6, "y": 1})
		f.must(f.registerSilent("a", longLease, "x", "y"))
		want("for both", map[string]int64{})
		f.advance(2 * time.Hour)
		want("the time of later has come", map[string]int64{"later": 1})
		_, err := f.Store.Leave(f.ctx, "a", "")
		f.must(err)
		want("gone", map[string]int64{"x": 6, "y": 1, "later": 1})
	})
	s.run("how long the first in line have been claimable", func(f *fixture) {
		f.wantSame("nothing", f.stats("").OldestClaimableSeconds, nil)
		m := named("m", "t")
		m.NotBefore = f.now().Add(5 * time.Hour)
		f.create(m)
		f.wantSame("not yet", f.stats("").OldestClaimableSeconds, nil)
		f.advance(5*time.Hour + 10*time.Minute)
		f.wantSeconds("since its time has come", f.stats("").OldestClaimableSeconds, 600)
		f.advance(10 * time.Minute)
		f.wantSeconds("later", f.stats("t").OldestClaimableSeconds, 1200)
		f.wantSeconds("it has been pending for longer", f.stats("t").OldestPendingSeconds, 5*3600+1200)
		urgent := named("urgent", "t")
		urgent.Priority = missions.Critical
		f.create(urgent)
		f.wantSeconds("of all", f.stats("").OldestClaimableSeconds, 1200)
		f.wantSame("of another type", f.stats("u").OldestClaimableSeconds, nil)
	})
}
