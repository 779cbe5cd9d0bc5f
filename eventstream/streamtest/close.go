package streamtest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"missioncontrol/eventstream"
)

var closeTests = []test{
	{"CloseIsIdempotent", testCloseIdempotent},
	{"CloseRacesWithEverything", testCloseRaces},
	{"CloseOnAHungBrokerEndsWithItsContext", testCloseHung},
	{"CloseEndsConsume", testCloseConsume},
}

func testCloseIdempotent(b *bench) {
	s := b.connected()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := s.Close(b.ctx()); err != nil {
				b.Errorf("close: %v", err)
			}
		})
	}
	wg.Wait()
	b.must(s.Close(b.ctx()))

	s.Emit(progressed(1))
	if got := s.Status().Dropped; got != 1 {
		b.Errorf("dropped %d after close, want 1", got)
	}
	if _, err := s.Publish(b.ctx(), created(1)); !errors.Is(err, eventstream.ErrClosed) {
		b.Errorf("publish: %v, want ErrClosed", err)
	}
	if n, err := s.PublishBatch(b.ctx(), batchOf(0, 2)); n != 0 || !errors.Is(err, eventstream.ErrClosed) {
		b.Errorf("batch: %d, %v, want ErrClosed", n, err)
	}
	if _, _, err := s.Last(b.ctx(), "mission.created"); !errors.Is(err, eventstream.ErrClosed) {
		b.Errorf("last: %v, want ErrClosed", err)
	}
	handler := func(context.Context, eventstream.Delivery) error { return nil }
	if err := s.Consume(b.ctx(), eventstream.ConsumerConfig{Durable: "d"}, handler); !errors.Is(err, eventstream.ErrClosed) {
		b.Errorf("consume: %v, want ErrClosed", err)
	}
}

func testCloseRaces(b *bench) {
	cfg := b.config()
	cfg.AckTimeout = Timeout // an event counted as dropped was not stored
	s := b.open(cfg)
	b.awaitState(s, eventstream.Connected)
	var emitted, acked atomic.Uint64
	running := make(chan struct{}, 8)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			running <- struct{}{}
			for range 2000 {
				s.Emit(progressed(1))
				emitted.Add(1)
			}
		})
		wg.Go(func() {
			running <- struct{}{}
			for n := 0; ; n++ {
				stored, err := s.PublishBatch(b.ctx(), batchOf(n, n+5))
				acked.Add(uint64(stored))
				if errors.Is(err, eventstream.ErrClosed) {
					return
				}
				if err != nil {
					b.Errorf("batch: %v", err)
					return
				}
			}
		})
	}
	for range cap(running) {
		<-running
	}
	b.must(s.Close(b.ctx()))
	wg.Wait()
	st := s.Status()
	if got, want := st.Published+st.Dropped, emitted.Load()+acked.Load(); got != want {
		b.Errorf("published %d + dropped %d = %d, want %d emitted + %d acknowledged = %d",
			st.Published, st.Dropped, got, emitted.Load(), acked.Load(), want)
	}
	if got := uint64(len(b.stored(b.admin(), "EVENTS"))); got != st.Published {
		b.Errorf("%d events stored, %d counted as published", got, st.Published)
	}
}

func testCloseHung(b *bench) {
	s := b.connected()
	b.Hang(b.T)
	s.Emit(progressed(1))
	ctx, cancel := context.WithCancel(b.ctx())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		b.Errorf("close: %v, want its context's error", err)
	}
	if st := s.Status(); st.Dropped != 1 {
		b.Errorf("dropped %d, want 1", st.Dropped)
	}
	b.Resume(b.T)
}

func testCloseConsume(b *bench) {
	s := b.connected()
	b.publish(s, created(0))
	started := make(chan struct{})
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, func(ctx context.Context, d eventstream.Delivery) error {
		close(started)
		<-ctx.Done() // Close cancels the handler's context, and waits for it
		return nil
	})
	<-started
	b.must(s.Close(b.ctx()))
	if err := <-c.result; !errors.Is(err, eventstream.ErrClosed) {
		b.Errorf("consume: %v, want ErrClosed", err)
	}
	// Nothing redelivers the event, so an acknowledgement that did not reach the
	// broker by now never will. One that did may still be on its way through a
	// cluster.
	js := b.admin()
	b.retry("awaiting the last acknowledgement", func(ctx context.Context) (bool, error) {
		consumer, err := js.Consumer(ctx, "EVENTS", "d")
		return err == nil && consumer.CachedInfo().AckFloor.Stream == 1, err
	})
}
