package storetest

import (
	"time"

	"missioncontrol/missions"
)

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
