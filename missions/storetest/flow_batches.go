package storetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

func testBatches(s *suite) {
	in := func(id, batch string) missions.Mission { return with(id, missions.Flow{Batch: batch}) }
	s.run("it counts its missions, and ends once it is closed and they have ended", func(f *fixture) {
		f.create(in("a", "b"), in("c", "b"))
		f.create(in("d", "b"))
		f.wantBatch("b", true, 3, false)
		f.complete("a", `1`)
		f.fail("c")
		f.wantBatch("b", true, 3, false)
		f.take("d")
		f.wantBatch("b", true, 3, false)
		closed := f.closeBatch("b")
		f.wantSame("as answered", closed, f.wantBatch("b", false, 3, false))
		f.wantErr("one more", f.createOne(in("e", "b")).Err, missions.ErrConflict)
		now := f.advance(time.Minute).StoreNow
		f.must(f.cancel("d").Err)
		b := f.wantBatch("b", false, 3, true)
		f.wantNear("ended_at", b.EndedAt, now)
		f.Store = f.Reopen(f.T)
		f.wantSame("read again", f.wantBatch("b", false, 3, true), b)
		f.advance(time.Minute)
		f.wantSame("closed again", f.closeBatch("b"), b)
		f.must(f.remove("c").Err)
		f.wantBatch("b", false, 2, true)
		wantEqual(f, "ended_at stays", f.batch("b").EndedAt, b.EndedAt)
	})
	s.run("a mission closes it as it is created, also if it is created again", func(f *fixture) {
		last := with("z", missions.Flow{Batch: "b", CloseBatch: true})
		f.create(in("a", "b"), last)
		f.wantBatch("b", false, 2, false)
		again := f.createOne(last)
		f.must(again.Err)
		wantEqual(f, "created", again.Created, false)
		f.create(in("y", "late"))
		f.must(f.createOne(with("y", missions.Flow{Batch: "late", CloseBatch: true})).Err)
		f.wantBatch("late", false, 1, false)
	})
	s.run("closing creates an empty one, which has ended", func(f *fixture) {
		_, err := f.Store.Batch(f.ctx, "b")
		f.wantErr("get", err, missions.ErrNotFound)
		f.closeBatch("b")
		f.wantBatch("b", false, 0, true)
		f.create(waiting("m", batchCompleted("b")), waiting("n", batchEnded("b")))
		f.wantClaimable("m", "n")
		f.wantSame("input", string(f.take("m").Inputs["b"].Result), `{"total":0,"by_status":{"CANCELLED":0,"COMPLETED":0,"FAILED":0,"PENDING":0,"RUNNING":0}}`)
	})
	s.run("a batch that ends as it is closed wakes who waits for it", func(f *fixture) {
		f.create(in("a", "b"))
		f.create(waiting("m", batchCompleted("b")))
		f.complete("a", `1`)
		f.due()
		f.wantWaiting("m", "b")
		f.closeBatch("b")
		f.due()
		f.wantClaimable("m")
	})
	for _, unmet := range []missions.OnUnmet{missions.UnmetCancel, missions.UnmetFail, missions.UnmetRun} {
		s.run("a batch that does not complete, on_unmet "+string(unmet), func(f *fixture) {
			f.create(in("a", "b"), with("z", missions.Flow{Batch: "b", CloseBatch: true}))
			flow := missions.Flow{After: []missions.Condition{batchCompleted("b")}, OnUnmet: unmet}
			f.create(with("m", flow), waiting("ends", batchEnded("b")))
			f.fail("a")
			f.due()
			f.wantWaiting("m", "b") // the others may still be of use
			f.complete("z", `1`)
			f.due()
			f.create(with("late", flow))
			want := map[missions.OnUnmet]missions.Status{missions.UnmetCancel: missions.Cancelled, missions.UnmetFail: missions.Failed, missions.UnmetRun: missions.Pending}
			f.wantStatus("m", want[unmet])
			f.wantStatus("late", want[unmet])
			wantEqual(f, "input", f.take("ends").Inputs["b"].Status, missions.Failed)
			f.wantNoWakes()
		})
	}
	s.run("how it ended stays, whichever of its missions are deleted", func(f *fixture) {
		f.create(in("a", "b"), with("z", missions.Flow{Batch: "b", CloseBatch: true}))
		f.fail("a")
		f.complete("z", `1`)
		f.must(f.remove("a").Err)
		f.create(waiting("m", batchCompleted("b")))
		f.wantStatus("m", missions.Cancelled)
	})
	testBatchesReopened(s)
	testBatchList(s)
}

func testBatchesReopened(s *suite) {
	s.run("a retry reopens it for queries, and never wakes a waiter twice", func(f *fixture) {
		f.create(with("a", missions.Flow{Batch: "b", CloseBatch: true}))
		f.create(waiting("first", batchEnded("b")))
		f.fail("a")
		f.due()
		f.must(f.retry("a").Err)
		f.wantBatch("b", false, 1, false)
		position := f.checkpoint()
		f.create(waiting("second", batchCompleted("b")))
		f.wantWaiting("second", "b")
		f.complete("a", `1`)
		f.due()
		f.wantBatch("b", false, 1, true)
		f.wantClaimable("first", "second")
		f.wantEvents("second", position, "created", "waiting", "ready", "PENDING→RUNNING attempt 1 agent looks", "RUNNING→PENDING attempt 0 agent looks")
		input := f.take("first").Inputs["b"]
		wantEqual(f, "the first one's input", input.Status, missions.Failed)
		wantEqual(f, "the second one's", f.take("second").Inputs["b"].Status, missions.Completed)
	})
	s.run("a retry before anybody was told changes nothing of what they are told", func(f *fixture) {
		f.create(with("a", missions.Flow{Batch: "b", CloseBatch: true}))
		f.create(waiting("first", batchEnded("b")))
		f.fail("a") // nobody calls Due
		f.must(f.retry("a").Err)
		f.create(waiting("second", batchEnded("b")))
		f.due()
		f.wantWaiting("second", "b")
		wantEqual(f, "the first one's input", f.take("first").Inputs["b"].Status, missions.Failed)
		f.complete("a", `1`)
		f.due()
		wantEqual(f, "the second one's", f.take("second").Inputs["b"].Status, missions.Completed)
	})
	s.run("the same of a mission", func(f *fixture) {
		f.create(named("a", "t"))
		f.create(waiting("first", ended("a")))
		f.fail("a")
		f.must(f.retry("a").Err)
		f.create(waiting("second", ended("a")))
		f.due()
		f.wantWaiting("second", "a")
		wantEqual(f, "the first one's input", f.take("first").Inputs["a"].Status, missions.Failed)
		f.complete("a", `1`)
		f.due()
		wantEqual(f, "the second one's", f.take("second").Inputs["a"].Status, missions.Completed)
	})
}

func testBatchList(s *suite) {
	s.run("they are listed, those created last first", func(f *fixture) {
		var want []string
		for i := range 7 {
			id := fmt.Sprint("b", i)
			f.create(with(fmt.Sprint("m", i), missions.Flow{Batch: id}))
			want = append([]string{id}, want...)
			f.Advance(time.Second)
		}
		var got []string
		for cursor, first := "", true; first || cursor != ""; first = false {
			page, err := f.Store.Batches(f.ctx, cursor, 3)
			f.must(err)
			for _, b := range page.Batches {
				got = append(got, b.ID)
				f.wantSame("batch", b, f.batch(b.ID))
			}
			if cursor = page.Next; len(page.Batches) > 3 {
				f.Fatalf("a page has %d batches", len(page.Batches))
			}
		}
		f.wantSame("batches", got, want)
		page, err := f.Store.Batches(f.ctx, "", 7)
		f.must(err)
		wantEqual(f, "next", page.Next, "")
	})
	s.run("retention deletes those that have had no missions for long enough", func(f *fixture) {
		retain := func() {
			f.Helper()
			_, err := f.Store.Retain(f.ctx, time.Hour, 100)
			f.must(err)
		}
		f.closeBatch("empty")
		f.create(with("a", missions.Flow{Batch: "used", CloseBatch: true}), with("live", missions.Flow{Batch: "living"}))
		f.must(f.cancel("a").Err)
		f.advance(61 * time.Minute)
		retain() // deletes a
		_, err := f.Store.Batch(f.ctx, "empty")
		f.wantErr("the empty one", err, missions.ErrNotFound)
		f.wantBatch("used", false, 0, true)
		f.advance(61 * time.Minute)
		retain()
		_, err = f.Store.Batch(f.ctx, "used")
		f.wantErr("the one whose mission was deleted", err, missions.ErrNotFound)
		f.wantBatch("living", true, 1, false)
		page, err := f.Store.Batches(f.ctx, "", 10)
		f.must(err)
		wantEqual(f, "listed", len(page.Batches), 1)
		f.create(with("again", missions.Flow{Batch: "used"})) // it is another one
		f.wantBatch("used", true, 1, false)
	})
	s.run("retention leaves one for which somebody waits", func(f *fixture) {
		f.create(with("a", missions.Flow{Batch: "b"}))
		f.create(waiting("m", batchEnded("b")))
		f.must(f.remove("a").Err)
		f.advance(2 * time.Hour)
		_, err := f.Store.Retain(f.ctx, time.Hour, 100)
		f.must(err)
		f.wantBatch("b", true, 0, false)
		f.closeBatch("b")
		f.due()
		f.wantClaimable("m")
		_, err = f.Store.Retain(f.ctx, time.Hour, 100)
		f.must(err)
		_, err = f.Store.Batch(f.ctx, "b")
		f.wantErr("once nobody waits", err, missions.ErrNotFound)
	})
}
