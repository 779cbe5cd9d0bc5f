package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"missioncontrol/missions"
)

func testPersistence(s *suite) {
	s.run("everything is equal after reopening", func(f *fixture) {
		f.variety()
		full := everything("full", f.now())
		f.create(full)
		m := f.started(named("late", "z"), "c")
		f.must(f.progress(progressOf(m, 12.5, "on the way")))
		f.must(f.append(lineOf(m, "debug", "line", `{"a":[1]}`)))
		f.flowing(m)
		f.must(f.tryHeartbeat(missions.Heartbeat{AgentID: "b", Draining: true, Lease: ttl}).Err)
		before := f.dump()
		f.Store = f.Reopen(f.T)
		after := f.dump()
		for part := range before {
			wantEqual(f, part, after[part], before[part])
		}
		f.wantRecount()
		f.must(f.tryFinish(completion(m, `"the lease has survived too"`)).Err)
	})
	s.run("what is due stays due", func(f *fixture) {
		later := named("later", "t")
		later.NotBefore = f.now().Add(30 * time.Minute)
		f.create(later)
		f.started(named("held", "x"), "a")
		stalls := named("stalls", "y")
		stalls.StallSeconds = 45 * 60
		f.started(stalls, "b")
		before := f.due().NextDue
		f.Store = f.Reopen(f.T)
		wantEqual(f, "next_due", f.due().NextDue, before)
		f.wantSame("ready", f.advance(31*time.Minute).Ready, []string{"t"})
		wantEqual(f, "stalled", len(f.advance(15*time.Minute).Stop), 1)
		wantEqual(f, "stop", len(f.advance(15*time.Minute).Stop), 1)
	})
}

// dump returns everything that can be read from the store, except what changes only
// with time.
func (f *fixture) dump() map[string]string {
	f.Helper()
	dump := map[string]string{}
	list := f.list(missions.Filter{})
	dump["missions"] = f.json(list)
	for _, m := range list {
		dump["log of "+m.ID] = f.json(f.log(m.ID))
	}
	for _, kind := range missions.WaitKinds() {
		dump["waiting for a "+string(kind)] = f.json(f.list(missions.Filter{Waiting: kind}))
	}
	page, err := f.Store.Batches(f.ctx, "", 100)
	f.must(err)
	dump["batches"] = f.json(page)
	schedules, err := f.Store.Schedules(f.ctx, "", 100, 0)
	f.must(err)
	dump["schedules"] = f.json(schedules)
	counts, err := f.Store.Counts(f.ctx)
	f.must(err)
	dump["counts"] = f.json(counts)
	for _, kind := range []string{"", "x", "y", "z"} {
		stats := f.stats(kind)
		stats.LastUpdated, stats.OldestPendingSeconds, stats.OldestClaimableSeconds, stats.PerMinute, stats.OldestSignalWaitSeconds = 0, nil, nil, nil, nil
		dump["statistics of "+kind] = f.json(stats)
	}
	dump["agents"] = f.json(f.agents(missions.AgentFilter{}))
	for i, e := range f.events(nil) {
		dump[fmt.Sprintf("event %d", i)] = fmt.Sprint(e.Seq, f.json(e))
	}
	dump["identity"] = f.Store.Identity()
	return dump
}

// call is a call of a method that takes a context.
type call struct {
	name string
	do   func(context.Context, missions.Store) error
}

// flowing adds something of everything that missions can wait for, keep, spend and be told. m is held.
func (f *fixture) flowing(m missions.Mission) {
	f.Helper()
	f.report(m, `{"at":[1,2]}`, missions.Usage{"usd": 1.5})
	f.signal(m.ID, "hint", `"`+strings.Repeat("long ", 300)+`"`)
	f.create(with("waits", missions.Flow{After: []missions.Condition{completed(m.ID), signalled("go", "yes", "no")}, AfterTimeoutSeconds: 1000,
		OnUnmet: missions.UnmetRun, Batch: "b1", MaxUsage: missions.Usage{"usd": 3}, OnExceeded: missions.ExceededAsk}))
	f.create(with("child", missions.Flow{ParentID: m.ID, Batch: "b1", CloseBatch: true, RetryPolicy: &missions.RetryOptions{Factor: pointer(3.0)}}))
	f.create(waiting("behind", batchEnded("b1")))
	f.closeBatch("empty")
	f.setSchedule(f.hourly("hourly"))
	_, err := f.Store.TriggerSchedule(f.ctx, "hourly")
	f.must(err)
	f.create(named("ended", "t"))
	f.create(waiting("untold", ended("ended")))
	f.must(f.cancel("ended").Err) // untold is told by the next Due
}

// calls returns a call for every such method. Each would change something, also
// after those before it.
func calls(m missions.Mission) []call {
	just := func(_ any, err error) error { return err }
	return []call{
		{"Create", func(ctx context.Context, s missions.Store) error {
			return just(s.Create(ctx, []missions.Mission{named("new", "t")}))
		}},
		{"Get", func(ctx context.Context, s missions.Store) error { return just(s.Get(ctx, m.ID)) }},
		{"List", func(ctx context.Context, s missions.Store) error {
			return just(s.List(ctx, missions.Filter{Limit: 10}))
		}},
		{"Log", func(ctx context.Context, s missions.Store) error { return just(s.Log(ctx, m.ID, 0, 10)) }},
		{"Signal", func(ctx context.Context, s missions.Store) error {
			return just(s.Signal(ctx, []missions.SignalRequest{{MissionID: m.ID, Name: "go"}}))
		}},
		{"CloseBatches", func(ctx context.Context, s missions.Store) error { return just(s.CloseBatches(ctx, []string{"new"})) }},
		{"Batch", func(ctx context.Context, s missions.Store) error { return just(s.Batch(ctx, "batch")) }},
		{"Batches", func(ctx context.Context, s missions.Store) error { return just(s.Batches(ctx, "", 10)) }},
		{"SetSchedule", func(ctx context.Context, s missions.Store) error {
			return just(s.SetSchedule(ctx, missions.ScheduleRequest{Spec: missions.ScheduleSpec{ID: "new", EverySeconds: 60}}))
		}},
		{"Schedule", func(ctx context.Context, s missions.Store) error { return just(s.Schedule(ctx, "often")) }},
		{"Schedules", func(ctx context.Context, s missions.Store) error { return just(s.Schedules(ctx, "", 10, 0)) }},
		{"TriggerSchedule", func(ctx context.Context, s missions.Store) error { return just(s.TriggerSchedule(ctx, "often")) }},
		{"Backfill", func(ctx context.Context, s missions.Store) error {
			return just(s.Backfill(ctx, missions.BackfillRequest{ID: "often", From: m.CreatedAt.Add(-time.Hour)}))
		}},
		{"DeleteSchedule", func(ctx context.Context, s missions.Store) error {
			return just(s.DeleteSchedule(ctx, missions.DeleteScheduleRequest{ID: "often"}))
		}},
		{"CreateChildren", func(ctx context.Context, s missions.Store) error {
			return just(s.CreateChildren(ctx, "a", refOf(m), []missions.Mission{named("child", "t")}))
		}},
		{"Signals", func(ctx context.Context, s missions.Store) error { return just(s.Signals(ctx, "a", refOf(m), 0, 0)) }},
		{"Input", func(ctx context.Context, s missions.Store) error { return just(s.Input(ctx, "a", refOf(m), "source")) }},
		{"Cancel", func(ctx context.Context, s missions.Store) error {
			return just(s.Cancel(ctx, []missions.CancelRequest{{ID: m.ID}}))
		}},
		{"Retry", func(ctx context.Context, s missions.Store) error {
			return just(s.Retry(ctx, []missions.RetryRequest{{ID: "cancelled"}}))
		}},
		{"Delete", func(ctx context.Context, s missions.Store) error { return just(s.Delete(ctx, []string{"cancelled"})) }},
		{"Bulk", func(ctx context.Context, s missions.Store) error {
			return just(s.Bulk(ctx, missions.BulkRequest{Action: missions.BulkCancel, IDs: []string{"waiting"}, AsOf: m.CreatedAt + 1<<40}))
		}},
		{"Counts", func(ctx context.Context, s missions.Store) error { return just(s.Counts(ctx)) }},
		{"Stats", func(ctx context.Context, s missions.Store) error { return just(s.Stats(ctx, "")) }},
		{"Claim", func(ctx context.Context, s missions.Store) error {
			return just(s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: ttl}}))
		}},
		{"Heartbeat", func(ctx context.Context, s missions.Store) error {
			return just(s.Heartbeat(ctx, []missions.Heartbeat{{AgentID: "a", Draining: true, Lease: ttl}}))
		}},
		{"Progress", func(ctx context.Context, s missions.Store) error {
			return just(s.Progress(ctx, []missions.ProgressUpdate{progressOf(m, 50, "half")}))
		}},
		{"AppendLog", func(ctx context.Context, s missions.Store) error {
			return just(s.AppendLog(ctx, []missions.LogAppend{lineOf(m, "info", "line", "")}))
		}},
		{"Finish", func(ctx context.Context, s missions.Store) error {
			return just(s.Finish(ctx, []missions.Finish{completion(m, `1`)}))
		}},
		{"Register", func(ctx context.Context, s missions.Store) error {
			return just(s.Register(ctx, missions.Agent{ID: "new"}, ttl))
		}},
		{"Leave", func(ctx context.Context, s missions.Store) error { return just(s.Leave(ctx, "a", "")) }},
		{"Lost", func(ctx context.Context, s missions.Store) error { return just(s.Lost(ctx, "a", "", m.StartedAt)) }},
		{"ListAgents", func(ctx context.Context, s missions.Store) error {
			return just(s.ListAgents(ctx, missions.AgentFilter{Limit: 10}))
		}},
		{"Sample", func(ctx context.Context, s missions.Store) error { return just(s.Sample(ctx)) }},
		{"History", func(ctx context.Context, s missions.Store) error { return just(s.History(ctx, "", 10)) }},
		{"Queues", func(ctx context.Context, s missions.Store) error { return just(s.Queues(ctx)) }},
		{"Unserved", func(ctx context.Context, s missions.Store) error { return just(s.Unserved(ctx)) }},
		{"Alerts", func(ctx context.Context, s missions.Store) error { return just(s.Alerts(ctx)) }},
		{"ChangeAlerts", func(ctx context.Context, s missions.Store) error {
			return just(s.ChangeAlerts(ctx, []missions.AlertChange{{Alert: alertOf("new", missions.AlertFiring, m.StartedAt), Tell: true}}))
		}},
		{"Notices", func(ctx context.Context, s missions.Store) error { return just(s.Notices(ctx, 10)) }},
		{"Noticed", func(ctx context.Context, s missions.Store) error { return s.Noticed(ctx, 1) }},
		{"Pending", func(ctx context.Context, s missions.Store) error { return just(s.Outboxes()[0].Pending(ctx, 0, 10)) }},
		{"Acknowledge", func(ctx context.Context, s missions.Store) error { return s.Outboxes()[0].Acknowledge(ctx, 1, "") }},
		{"Acknowledged", func(ctx context.Context, s missions.Store) error {
			_, _, err := s.Outboxes()[0].Acknowledged(ctx)
			return err
		}},
		{"Forget", func(ctx context.Context, s missions.Store) error { return s.Outboxes()[0].Forget(ctx, 1) }},
		{"Lead", func(ctx context.Context, s missions.Store) error { return just(s.Lead(ctx, "me", ttl)) }},
		{"Resign", func(ctx context.Context, s missions.Store) error { return s.Resign(ctx, "me") }},
		{"Waiting", func(ctx context.Context, s missions.Store) error { return just(s.Waiting(ctx)) }},
		{"Due", func(ctx context.Context, s missions.Store) error { return just(s.Due(ctx, 10)) }},
		{"Retain", func(ctx context.Context, s missions.Store) error { return just(s.Retain(ctx, 0, 10)) }},
		{"Now", func(ctx context.Context, s missions.Store) error { return just(s.Now(ctx)) }},
		{"CheckWrite", func(ctx context.Context, s missions.Store) error { return s.CheckWrite(ctx) }},
		{"Ping", func(ctx context.Context, s missions.Store) error { return s.Ping(ctx) }},
	}
}

// furnished returns a running mission in a store where every call would change
// something.
func (f *fixture) furnished() missions.Mission {
	f.Helper()
	f.create(named("cancelled", "other"))
	f.must(f.cancel("cancelled").Err)
	f.create(named("source", "t"))
	f.must(f.cancel("source").Err)
	m := f.started(with("m", missions.Flow{After: []missions.Condition{ended("source")}, Batch: "batch"}), "a")
	f.create(named("waiting", "t"))
	f.setSchedule(f.hourly("often"))
	return m
}

func testContexts(s *suite) {
	s.run("a call whose context has ended does nothing and says so", func(f *fixture) {
		m := f.furnished()
		before := f.dump()
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		for _, call := range calls(m) {
			if err := call.do(ctx, f.Store); !errors.Is(err, context.Canceled) {
				f.Errorf("%s: error is %v, want context.Canceled", call.name, err)
			}
		}
		f.wantSame("the store", f.dump(), before)
	})
	s.run("the same calls with a live context all go through", func(f *fixture) {
		m := f.furnished()
		for _, call := range calls(m) {
			if err := call.do(f.ctx, f.Store); err != nil {
				f.Errorf("%s: %v", call.name, err)
			}
		}
	})
}

func testClose(s *suite) {
	s.run("later calls are unavailable, and closing twice is fine", func(f *fixture) {
		m := f.furnished()
		before := f.dump()
		f.must(f.Store.Close())
		f.must(f.Store.Close())
		for _, call := range calls(m) {
			f.wantErr(call.name, call.do(f.ctx, f.Store), missions.ErrUnavailable)
		}
		f.Store = f.Reopen(f.T)
		f.wantSame("the store", f.dump(), before)
	})
	s.run("calls under way are answered, and what was confirmed is stored", func(f *fixture) {
		const callers = 12
		confirmed := make([][]string, callers)
		halfway := make(chan struct{}, callers)
		var wait sync.WaitGroup
		for c := range callers {
			wait.Go(func() {
				for i := 0; ; i++ {
					id := fmt.Sprintf("c%d-%d", c, i)
					results, err := f.Store.Create(f.ctx, []missions.Mission{named(id, "t")})
					if err != nil {
						f.wantErr("create", err, missions.ErrUnavailable)
						return
					}
					f.wantErr(id, results[0].Err, nil)
					confirmed[c] = append(confirmed[c], id)
					if _, err := f.Store.Get(f.ctx, id); err != nil {
						f.wantErr("get", err, missions.ErrUnavailable)
					}
					if i == 3 {
						halfway <- struct{}{}
					}
				}
			})
		}
		for range callers {
			<-halfway
		}
		closed := make(chan error, 2)
		for range 2 {
			go func() { closed <- f.Store.Close() }()
		}
		f.must(<-closed)
		f.must(<-closed)
		wait.Wait()
		f.Store = f.Reopen(f.T)
		for c := range callers {
			for _, id := range confirmed[c] {
				f.get(id)
			}
		}
		f.wantRecount()
	})
}
