package streamtest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

var emitTests = []test{
	{"EmittedEventsAreStored", testEmitStored},
	{"EmitDropsWhileDegraded", testEmitDegraded},
	{"EmitNeverBlocksOnAHungBroker", testEmitHung},
	{"LargeEventsOnAHungBroker", testLargeHung},
	{"EmitDropsWhatIsInvalid", testEmitInvalid},
}

func testEmitStored(b *bench) {
	s := b.connected()
	for n := range 500 {
		s.Emit(progressed(n))
	}
	b.must(s.Close(b.ctx()))
	if st := s.Status(); st.Published != 500 || st.Dropped != 0 {
		b.Errorf("published %d, dropped %d, want 500 and 0", st.Published, st.Dropped)
	}
	if got := len(b.stored(b.admin(), "EVENTS")); got != 500 {
		b.Errorf("%d events stored, want 500", got)
	}
}

func testEmitDegraded(b *bench) {
	b.Stop(b.T)
	s := b.open(b.config())
	b.awaitReason(s, "cannot be reached")
	for n := range 10 {
		s.Emit(progressed(n))
	}
	if st := s.Status(); st.Dropped != 10 {
		b.Errorf("dropped %d, want 10", st.Dropped)
	}
	b.Start(b.T)
	b.awaitState(s, eventstream.Connected)
	b.must(s.Close(b.ctx()))
	if got := len(b.stored(b.admin(), "EVENTS")); got != 0 {
		b.Errorf("%d dropped events were stored after all", got)
	}
}

func testEmitHung(b *bench) {
	cfg := b.config()
	cfg.EmitBuffer = 100
	s := b.open(cfg)
	b.awaitState(s, eventstream.Connected)
	b.Hang(b.T)

	// Far more than the buffer, the window and the kernel's buffers hold, from
	// several callers. The test is that this returns at all.
	const callers, each = 4, 10_000
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			ev := progressed(1)
			for range each {
				s.Emit(ev)
			}
		})
	}
	wg.Wait()
	st := b.awaitState(s, eventstream.Degraded)
	if st.Dropped == 0 {
		b.Error("nothing was dropped although nothing can have been sent")
	}
	if _, err := s.Publish(b.ctx(), created(1)); !errors.Is(err, eventstream.ErrDegraded) {
		b.Errorf("publish while degraded: %v, want ErrDegraded", err)
	}

	b.Resume(b.T)
	b.awaitState(s, eventstream.Connected)
	_, err := s.Publish(b.ctx(), created(2))
	b.must(err)
	b.must(s.Close(b.ctx()))
	if st := s.Status(); st.Published+st.Dropped != callers*each+1 {
		b.Errorf("published %d + dropped %d, want %d in all", st.Published, st.Dropped, callers*each+1)
	}
}

// Large events fill the kernel's buffers, so that the write itself blocks.
func testLargeHung(b *bench) {
	s := b.connected()
	b.Hang(b.T)
	large := charter.New(charter.MissionProgressed{MissionID: "m-1", Message: strings.Repeat("x", 500_000), ProgressedAt: at}, at)
	for range 100 {
		s.Emit(large)
	}
	b.awaitState(s, eventstream.Degraded)
	b.Resume(b.T)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, created(1))
	b.must(s.Close(b.ctx()))
	if st := s.Status(); st.Published+st.Dropped != 101 {
		b.Errorf("published %d + dropped %d, want 101 in all", st.Published, st.Dropped)
	}
}

func testEmitInvalid(b *bench) {
	s := b.connected()
	s.Emit(invalid())
	b.must(s.Close(b.ctx()))
	st := s.Status()
	if st.Dropped != 1 || st.Published != 0 || st.LastError == "" || st.LastErrorAt.IsZero() {
		b.Errorf("status = %+v, want one drop and its error", st)
	}
}

// noopTests test the contract when no event can be stored.
func noopTests(f Features) []test {
	return []test{
		{"NothingBlocksAndDropsAreCounted", func(b *bench) { testNoop(b, f.Reason) }},
		{"ConsumeWaits", testNoopConsume},
	}
}

func testNoop(b *bench, reason string) {
	s := b.open(b.config())
	st := b.awaitReason(s, reason)
	if st.BrokerURL == "" || st.Since.IsZero() || st.LastError == "" {
		b.Errorf("status says too little: %+v", st)
	}
	for n := range 1000 {
		s.Emit(progressed(n))
	}
	if got := s.Status().Dropped; got != 1000 {
		b.Errorf("dropped %d, want 1000", got)
	}
	if _, err := s.Publish(b.ctx(), created(1)); !errors.Is(err, eventstream.ErrDegraded) {
		b.Errorf("publish: %v, want ErrDegraded", err)
	}
	if n, err := s.PublishBatch(b.ctx(), batchOf(0, 3)); n != 0 || !errors.Is(err, eventstream.ErrDegraded) {
		b.Errorf("batch: %d, %v, want 0 and ErrDegraded", n, err)
	}
	if _, _, err := s.Last(b.ctx(), "mission.created"); !errors.Is(err, eventstream.ErrDegraded) {
		b.Errorf("last: %v, want ErrDegraded", err)
	}
	if _, err := s.ForeignStreams(b.ctx(), "supervisor.>"); !errors.Is(err, eventstream.ErrDegraded) {
		b.Errorf("foreign streams: %v, want ErrDegraded", err)
	}
	b.must(s.Close(b.ctx()))
	if got := b.log.Count("event stream degraded"); got != 1 {
		b.Errorf("%d lines about degradation, want 1:\n%s", got, b.log)
	}
}

func testNoopConsume(b *bench) {
	s := b.open(b.config())
	ctx, cancel := context.WithTimeout(b.ctx(), 100*time.Millisecond)
	defer cancel()
	err := s.Consume(ctx, eventstream.ConsumerConfig{Durable: "d"}, func(context.Context, eventstream.Delivery) error {
		b.Error("an event out of nothing")
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("consume: %v, want its context's error", err)
	}
}
