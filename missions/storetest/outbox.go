package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// notify formats an event in short form.
func notify(e missions.Event) string {
	switch e.Kind {
	case missions.EventStatusChanged:
		return fmt.Sprintf("%s→%s attempt %d agent %s", e.OldStatus, e.NewStatus, e.Attempt, e.AgentID)
	case missions.EventLogAppended:
		return fmt.Sprintf("%s %s", e.Level, e.Message)
	}
	return string(e.Kind)
}

// wantEvents checks the events of a mission in the outbox after a checkpoint.
func (f *fixture) wantEvents(id string, after checkpoint, want ...string) {
	f.Helper()
	var got []string
	for _, e := range f.events(after) {
		if e.MissionID == id {
			got = append(got, notify(e))
		}
	}
	if !slices.Equal(got, want) {
		f.Errorf("events of %s\n got %q\nwant %q", id, got, want)
	}
}

func testOutbox(s *suite) {
	s.run("every durable change is one event, in order", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 2
		claimed := f.started(m, "a")
		f.must(f.progress(progressOf(claimed, 50, "half"))) // progress is telemetry
		f.must(f.append(lineOf(claimed, "warning", "careful", `{"n":1}`)))
		f.heartbeat("a", refOf(claimed))
		f.finish(failure(claimed, "no luck", true))
		f.advance(2 * time.Minute)
		f.finish(failure(f.claimOne("a"), "no luck", true))
		f.must(f.retry("m").Err)
		f.finish(completion(f.claimOne("a"), `1`))
		f.must(f.remove("m").Err)
		f.wantEvents("m", nil,
			"created",
			"PENDING→RUNNING attempt 1 agent a", "warning careful", "RUNNING→PENDING attempt 1 agent a",
			"PENDING→RUNNING attempt 2 agent a", "RUNNING→FAILED attempt 2 agent a",
			"FAILED→PENDING attempt 0 agent ", "PENDING→RUNNING attempt 1 agent a", "RUNNING→COMPLETED attempt 1 agent a")
	})
	s.run("what the store itself does is told too", func(f *fixture) {
		m := named("m", "t")
		m.MaxAttempts = 2
		f.create(m)
		f.must(f.registerSilent("a", 1000*time.Hour))
		f.claimOne("a")
		f.advance(ttl + time.Minute)
		f.claimOne("a")
		f.advance(ttl + time.Minute)
		dead := named("dead", "other")
		dead.Deadline = f.now().Add(time.Minute)
		f.create(dead)
		f.advance(2 * time.Minute)
		f.wantEvents("m", nil, "created", "PENDING→RUNNING attempt 1 agent a", "RUNNING→PENDING attempt 1 agent a",
			"PENDING→RUNNING attempt 2 agent a", "RUNNING→FAILED attempt 2 agent a")
		f.wantEvents("dead", nil, "created", "PENDING→FAILED attempt 0 agent ")
	})
	s.run("events carry what they tell of", func(f *fixture) {
		m := everything("m", f.now())
		m.NotBefore = 0
		f.create(m)
		stored := f.get("m")
		results, err := f.Store.Cancel(f.ctx, []missions.CancelRequest{{ID: "m", Reason: "no longer wanted"}})
		f.must(err)
		f.must(results[0].Err)
		events := f.events(nil)
		wantEqual(f, "events", len(events), 2)
		created, cancelled := events[0], events[1]
		wantEqual(f, "at", created.At, stored.CreatedAt)
		wantEqual(f, "traces", created.Traceparent+", "+cancelled.Traceparent, trace+", "+trace)
		wantEqual(f, "correlation", created.CorrelationID+", "+cancelled.CorrelationID, "order 17, order 17")
		wantEqual(f, "created", fmt.Sprint(created.MissionID, " ", created.Name, " ", created.Type, " ", created.Priority),
			"m Ünïcode — name render HIGH")
		wantEqual(f, "description", created.Description, "two\nlines")
		wantEqual(f, "cancelled at", cancelled.At, results[0].Mission.FinishedAt)
		wantEqual(f, "reason", cancelled.Reason, "cancelled: no longer wanted")
	})
	s.run("what changes nothing is no event", func(f *fixture) {
		m := f.started(named("m", "t"), "a")
		f.finish(completion(m, `1`))
		position := f.checkpoint()
		f.createOne(named("m", "t"))
		f.tryFinish(completion(m, `1`))
		f.tryFinish(completion(m, `2`))
		f.cancel("m")
		f.retry("m")
		f.cancel("never-was")
		f.remove("never-was")
		f.claim("a", 5)
		f.register("a", "t")
		f.due()
		wantEqual(f, "events", len(f.events(position)), 0)
	})
	testOutboxPositions(s)
}

func testOutboxPositions(s *suite) {
	s.run("the last mark is kept with its position", func(f *fixture) {
		for i := range 40 {
			f.create(named(fmt.Sprintf("m%d", i), "t"))
		}
		mark := strings.Repeat("ä", missions.MaxMark/2)
		for i := range f.Store.Outboxes() {
			outbox := f.Store.Outboxes()[i] // of the store as it was opened last
			all := f.eventsOf(outbox, 0)
			if len(all) < 4 {
				f.Fatalf("outbox %d has %d events", i, len(all))
			}
			want := func(what string, position int64, mark string) {
				f.Helper()
				gotPosition, gotMark, err := f.Store.Outboxes()[i].Acknowledged(f.ctx)
				f.must(err)
				wantEqual(f, what+": position", gotPosition, position)
				wantEqual(f, what+": mark", gotMark, mark)
			}
			want("before the first", all[0].Seq-1, "")
			f.must(outbox.Acknowledge(f.ctx, all[2].Seq, mark))
			want("after the first", all[2].Seq, mark)
			f.wantErr("a position to come", outbox.Acknowledge(f.ctx, all[len(all)-1].Seq+1000, "no"), missions.ErrInvalid)
			want("after a refusal", all[2].Seq, mark)
			back := fmt.Sprintf("of outbox %d", i)
			f.must(outbox.Acknowledge(f.ctx, all[1].Seq, back))
			want("moved back", all[1].Seq, back)
			f.must(outbox.Forget(f.ctx, all[2].Seq))
			want("after more was forgotten", all[2].Seq, back)
			f.Store = f.Reopen(f.T)
			want("after reopening", all[2].Seq, back)
		}
	})
	s.run("pending pages in order, forget deletes, waiting counts", func(f *fixture) {
		outbox := f.Store.Outboxes()[0]
		var all []missions.Event
		for batch := 0; len(all) < 30; batch++ {
			f.create(numbered(fmt.Sprint("m", batch), "t", 30)...)
			all = f.eventsOf(outbox, 0)
		}
		ids := map[uuid.UUID]bool{}
		for i, e := range all {
			if i > 0 && e.Seq <= all[i-1].Seq {
				f.Fatalf("position %d follows %d", e.Seq, all[i-1].Seq)
			}
			ids[e.ID] = true
		}
		wantEqual(f, "ids", len(ids), len(all))
		page, err := outbox.Pending(f.ctx, all[9].Seq, 5)
		f.must(err)
		f.wantSame("a page", page, all[10:15])
		waiting := func() int64 {
			f.Helper()
			n, err := f.Store.Waiting(f.ctx)
			f.must(err)
			return n
		}
		if n := waiting(); n < 30 {
			f.Errorf("waiting is %d, want at least 30", n)
		}
		before := waiting()
		f.must(outbox.Acknowledge(f.ctx, all[24].Seq, ""))
		if n := waiting(); n > before-25 {
			f.Errorf("waiting is %d, want at most %d", n, before-25)
		}
		f.wantSame("what is acknowledged stays", f.eventsOf(outbox, 0), all)
		f.must(outbox.Acknowledge(f.ctx, all[4].Seq, "")) // the stream has lost some
		if n := waiting(); n < 25 {
			f.Errorf("waiting is %d, want at least 25", n)
		}
		f.wantErr("a position to come", outbox.Acknowledge(f.ctx, all[len(all)-1].Seq+1000, ""), missions.ErrInvalid)
		f.must(outbox.Forget(f.ctx, all[19].Seq))
		if n := waiting(); n > before-20 {
			f.Errorf("waiting is %d, want at most %d", n, before-20)
		}
		f.must(outbox.Acknowledge(f.ctx, all[4].Seq, "")) // never behind what was forgotten
		if n := waiting(); n > before-20 {
			f.Errorf("waiting is %d, want at most %d", n, before-20)
		}
		f.must(outbox.Forget(f.ctx, all[4].Seq)) // already forgotten
		f.wantSame("left", f.eventsOf(outbox, 0), all[20:])
		f.wantErr("a position to come", outbox.Forget(f.ctx, all[len(all)-1].Seq+1000), missions.ErrInvalid)
		f.forgetAll()
		wantEqual(f, "waiting", waiting(), 0)
	})
	s.run("ids and positions are the same after reopening, and none is given twice", func(f *fixture) {
		identities := func() (all []string) {
			for _, outbox := range f.Store.Outboxes() {
				all = append(all, outbox.Identity())
			}
			return all
		}
		names, data := identities(), f.Store.Identity()
		distinct := map[string]bool{"": true}
		for _, name := range names {
			distinct[name] = true
		}
		wantEqual(f, "outboxes with names of their own", len(distinct)-1, len(names))
		f.create(numbered("m", "t", 3)...)
		before, last := f.events(nil), f.checkpoint()
		f.Store = f.Reopen(f.T)
		f.wantSame("events", f.events(nil), before)
		f.wantSame("identities", identities(), names)
		wantEqual(f, "identity", f.Store.Identity(), data)
		f.forgetAll()
		f.Store = f.Reopen(f.T)
		wantEqual(f, "events", len(f.events(nil)), 0)
		f.create(numbered("next", "t", 3)...)
		wantEqual(f, "events", len(f.events(nil)), 3)
		for i, outbox := range f.Store.Outboxes() {
			for _, e := range f.eventsOf(outbox, 0) {
				if e.Seq <= last[i] {
					f.Errorf("position %d was given again: %d", last[i], e.Seq)
				}
			}
		}
	})
	s.run("each mission's events stay in order under concurrency", func(f *fixture) {
		const workers, each = 8, 12
		var wait sync.WaitGroup
		for w := range workers {
			agent := fmt.Sprintf("a%d", w)
			f.register(agent, agent)
			wait.Go(func() {
				for i := range each {
					f.wantErr("create", f.createOne(named(fmt.Sprintf("%s-%d", agent, i), agent)).Err, nil)
					result := f.tryClaim(missions.ClaimRequest{AgentID: agent, Max: 1, Lease: ttl})
					f.wantErr("complete", f.tryFinish(completion(result.Missions[0], `1`)).Err, nil)
				}
			})
		}
		wait.Wait()
		notified := map[string]string{}
		for _, e := range f.events(nil) {
			notified[e.MissionID] += notify(e) + "; "
		}
		for w := range workers {
			for i := range each {
				want := fmt.Sprintf("created; PENDING→RUNNING attempt 1 agent a%[1]d; RUNNING→COMPLETED attempt 1 agent a%[1]d; ", w)
				wantEqual(f, "events", notified[fmt.Sprintf("a%d-%d", w, i)], want)
			}
		}
	})
}

func testFullOutbox(s *suite) {
	options := defaults()
	options.OutboxLimit = 20
	s.runWith(options, "refuses new missions and nothing else, and recovers", func(f *fixture) {
		f.register("a", "t")
		batch := numbered("m", "t", 40)
		results, err := f.Store.Create(f.ctx, batch)
		f.must(err)
		var accepted []string
		for i, r := range results {
			if r.Err == nil {
				accepted = append(accepted, batch[i].ID)
				continue
			}
			f.wantErr(batch[i].ID, r.Err, missions.ErrOverloaded)
		}
		if len(accepted) == 0 || len(accepted) > 20 {
			f.Fatalf("%d missions were accepted by an outbox of 20", len(accepted))
		}
		f.wantErr("one more", f.createOne(named("late", "t")).Err, missions.ErrOverloaded)
		wantEqual(f, "missions", len(f.list(missions.Filter{})), len(accepted))
		f.wantRecount()

		position := f.checkpoint()
		held := f.claim("a", 3)
		f.must(f.append(lineOf(held[0], "info", "still here", "")))
		f.finish(completion(held[0], `1`))
		f.finish(failure(held[1], "x", false))
		f.must(f.retry(held[1].ID).Err)
		f.must(f.cancel(held[2].ID).Err)
		f.must(f.remove(held[2].ID).Err)
		f.register("b", "t")
		f.advance(ttl + time.Minute)
		wantEqual(f, "events of those changes", len(f.events(position)), 11)
		f.wantErr("a new mission", f.createOne(named("late", "t")).Err, missions.ErrOverloaded)

		outbox := f.Store.Outboxes()[0]
		first := f.eventsOf(outbox, 0)[0].Seq
		f.forgetAll()
		f.must(outbox.Forget(f.ctx, first)) // too late: already forgotten
		f.wantErr("after the stream has caught up", f.createOne(named("late", "t")).Err, nil)
	})
	s.runWith(options, "what is acknowledged makes room, also after reopening", func(f *fixture) {
		results, err := f.Store.Create(f.ctx, numbered("m", "t", 40))
		f.must(err)
		f.wantErr("the last of the batch", results[39].Err, missions.ErrOverloaded)
		position := f.checkpoint()
		for i, outbox := range f.Store.Outboxes() {
			f.must(outbox.Acknowledge(f.ctx, position[i], ""))
		}
		f.Store = f.Reopen(f.T)
		n, err := f.Store.Waiting(f.ctx)
		f.must(err)
		wantEqual(f, "waiting", n, 0)
		f.wantErr("once more", f.createOne(named("late", "t")).Err, nil)
		wantEqual(f, "the acknowledged are still there", len(f.events(nil)) > len(f.events(position)), true)
	})
	s.runWith(options, "is still full after reopening", func(f *fixture) {
		results, err := f.Store.Create(f.ctx, numbered("m", "t", 40))
		f.must(err)
		f.wantErr("the last of the batch", results[39].Err, missions.ErrOverloaded)
		f.Store = f.Reopen(f.T)
		f.wantErr("after reopening", f.createOne(named("late", "t")).Err, missions.ErrOverloaded)
	})
}
