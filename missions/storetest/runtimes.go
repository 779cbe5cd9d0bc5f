package storetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

func (f *fixture) runTimes(kind string, minutes int) []missions.RunTimes {
	f.Helper()
	list, err := f.Store.RunTimes(f.ctx, kind, minutes)
	f.must(err)
	for i := range list {
		if i > 0 && list[i].From != list[i-1].To {
			f.Fatalf("sample %d begins at %v, and the one before ends at %v", i, list[i].From.Time(), list[i-1].To.Time())
		}
	}
	return list
}

// lengths formats run times: about how long each sample is, and its buckets.
func lengths(list []missions.RunTimes) (lines []string) {
	for _, r := range list {
		lines = append(lines, fmt.Sprint(r.To.Sub(r.From).Round(10*time.Second), " ", r.Buckets))
	}
	return lines
}

func testRunTimes(s *suite) {
	s.run("before the first sample there are none", func(f *fixture) {
		f.finish(completion(f.hold("m", "t", 1)[0], `1`))
		f.wantSame("run times", f.runTimes("", 60), []missions.RunTimes{})
	})
	s.run("minute by minute, by type, and after reopening", func(f *fixture) {
		f.toMinute()
		begun := f.sample()
		x, y := f.hold("x", "x", 4), f.hold("y", "y", 1)
		f.finish(failure(x[3], "x", false)) // only what completes has a run time
		f.watch(time.Minute, time.Minute)
		f.finish(completion(x[0], `1`))
		f.finish(completion(x[1], `1`))
		f.watch(2*time.Minute, time.Minute)
		f.finish(completion(y[0], `1`))
		f.Advance(30 * time.Second)
		f.finish(completion(x[2], `1`))
		f.Store = f.Reopen(f.T)
		all := f.runTimes("", 60)
		f.wantNear("begin", all[0].From, begun)
		f.wantNear("end", all[3].To, f.now())
		f.wantSame("all", lengths(all), []string{"1m0s []", "1m0s [[100 2]]", "1m0s []", "30s [[316 2]]"})
		f.wantSame("x", lengths(f.runTimes("x", 60)), []string{"1m0s []", "1m0s [[100 2]]", "1m0s []", "30s [[316 1]]"})
		f.wantSame("of none", lengths(f.runTimes("none", 2)), []string{"1m0s []", "30s []"})
		f.wantPercentile("p50", all[1].P50, time.Minute)
		f.wantPercentile("p95", f.runTimes("x", 1)[0].P95, 3*time.Minute+30*time.Second)
		f.wantSame("of no run", all[2].P50, nil)
	})
	s.run("a longer time has samples of ten minutes", func(f *fixture) {
		f.toMinute()
		for int64(f.now())/60e6%10 != 0 {
			f.Advance(time.Minute)
		}
		f.sample()
		f.finish(completion(f.hold("m", "t", 1)[0], `1`))
		f.watch(2*time.Hour, time.Minute)
		held := f.hold("late", "t", 2)
		f.watch(5*time.Minute, time.Minute)
		f.finish(completion(held[0], `1`))
		f.watch(time.Minute, time.Minute)
		f.Advance(30 * time.Second)
		f.finish(completion(held[1], `1`))
		day := lengths(f.runTimes("t", missions.MaxHistory))
		wantEqual(f, "samples", len(day), 13)
		wantEqual(f, "the latest, with what goes on", day[12], "7m30s [[316 1] [562 1]]")
		wantEqual(f, "the one before", day[11], "10m0s []")
		wantEqual(f, "minutes", len(f.runTimes("t", missions.MaxShortRunTimes)), missions.MaxShortRunTimes)
		wantEqual(f, "of more than an hour", lengths(f.runTimes("t", 61))[5], "7m30s [[316 1] [562 1]]")
	})
	s.run("while nobody took samples there is a long one", func(f *fixture) {
		f.toMinute()
		f.sample()
		held := f.hold("m", "t", 1)
		f.watch(10*time.Minute, 10*time.Minute)
		f.finish(completion(held[0], `1`))
		f.watch(time.Minute, time.Minute)
		f.wantSame("all", lengths(f.runTimes("", 60)), []string{"10m0s []", "1m0s [[1000 1]]", "0s []"})
	})
}
