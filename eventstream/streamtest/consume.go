package streamtest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

var consumeTests = []test{
	{"ConsumeHandlesEachEventOnceInOrder", testConsume},
	{"ConsumeFilters", testConsumeFilter},
	{"ConsumeStartsWhereAsked", testConsumeStart},
	{"ConsumeGoesOnWhereItWas", testConsumeResumes},
	{"ConsumersShare", testConsumersShare},
	{"ConsumeSurvivesARestart", testConsumeRestart},
	{"ConsumeSurvivesAHungBroker", testConsumeHung},
	{"DeletedConsumerIsCreatedAgain", testConsumerDeleted},
	{"LongHandlerKeepsItsEvent", testLongHandler},
	{"StoppedConsumerReturnsEvents", testReturnsEvents},
	{"ConsumeRefusesBadConfiguration", testConsumeConfig},
}

// consuming is a Consume call in the background.
type consuming struct {
	b      *bench
	got    chan eventstream.Delivery
	cancel context.CancelFunc
	result chan error

	mu      sync.Mutex
	status  eventstream.ConsumerStatus
	changed chan struct{} // closed at the next change of status
}

// report is the consumer's OnStatus.
func (c *consuming) report(st eventstream.ConsumerStatus) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status = st
	close(c.changed)
	c.changed = make(chan struct{})
}

// await waits for a status.
func (c *consuming) await(what string, ok func(eventstream.ConsumerStatus) bool) {
	c.b.Helper()
	deadline := time.After(Timeout)
	for {
		c.mu.Lock()
		status, changed := c.status, c.changed
		c.mu.Unlock()
		if ok(status) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			c.b.Fatalf("waiting for %s, the consumer's status is still %+v\nlog:\n%s", what, status, c.b.log)
		}
	}
}

func (c *consuming) awaitAttached() {
	c.b.Helper()
	c.await("the consumer", func(st eventstream.ConsumerStatus) bool { return st.Attached })
}

// consume runs Consume until the test ends. handler may be nil; deliveries are
// reported after it returns.
func (b *bench) consume(s *eventstream.Stream, cfg eventstream.ConsumerConfig, handler eventstream.Handler) *consuming {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &consuming{b: b, got: make(chan eventstream.Delivery, 10_000), cancel: cancel, result: make(chan error, 1), changed: make(chan struct{})}
	cfg.OnStatus = c.report
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.result <- s.Consume(ctx, cfg, func(ctx context.Context, d eventstream.Delivery) error {
			var err error
			if handler != nil {
				err = handler(ctx, d)
			}
			c.got <- d
			return err
		})
	}()
	b.Cleanup(func() {
		cancel()
		<-done
	})
	return c
}

// next returns the next delivery.
func (c *consuming) next() eventstream.Delivery {
	c.b.Helper()
	select {
	case d := <-c.got:
		return d
	case err := <-c.result:
		c.b.Fatalf("Consume returned %v\nlog:\n%s", err, c.b.log)
	case <-time.After(Timeout):
		c.b.Fatalf("no delivery\nlog:\n%s", c.b.log)
	}
	panic("unreachable")
}

// numbers returns the numbers of the next n deliveries.
func (c *consuming) numbers(n int) []int {
	c.b.Helper()
	var out []int
	for range n {
		out = append(out, number(c.b, c.next().Event))
	}
	return out
}

// stop ends Consume and returns its last status and its error.
func (c *consuming) stop() (eventstream.ConsumerStatus, error) {
	c.b.Helper()
	c.cancel()
	select {
	case err := <-c.result:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.status, err
	case <-time.After(Timeout):
		c.b.Fatal("Consume does not return")
	}
	panic("unreachable")
}

func (b *bench) publish(s *eventstream.Stream, events ...charter.Event) {
	b.Helper()
	if n, err := s.PublishBatch(b.ctx(), events); n != len(events) {
		b.Fatalf("stored %d of %d: %v", n, len(events), err)
	}
}

func testConsume(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(0, 300)...)
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, nil)
	first := c.next()
	if number(b, first.Event) != 0 || first.Seq != 1 || first.Attempt != 1 || first.Raw == nil || first.Stored.IsZero() {
		b.Errorf("first delivery: %+v", first)
	}
	b.publish(s, batchOf(300, 400)...)
	if got := append([]int{0}, c.numbers(399)...); !slices.Equal(got, upTo(400)) {
		b.Errorf("events out of order: %v", firstMisfit(got))
	}
	st, err := c.stop()
	if !errors.Is(err, context.Canceled) {
		b.Errorf("Consume returned %v, want its context's error", err)
	}
	if st.Durable != "d" || st.Handled != 400 || st.Retried+st.DeadLettered+st.Remembered != 0 || st.Attached {
		b.Errorf("status = %+v, want 400 handled, detached", st)
	}
}

func testConsumeFilter(b *bench) {
	s := b.connected()
	b.publish(s, created(0), progressed(1), created(2))
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", Filter: []string{"mission.created", "agent.>"}}, nil)
	if got := c.numbers(2); !slices.Equal(got, []int{0, 2}) {
		b.Errorf("got %v, want [0 2]", got)
	}
	_, _ = c.stop()
	// The same durable with another filter is the same consumer, changed. It does
	// not return to what it skipped under the old filter. A pull that was ended may
	// exist at the broker a moment longer and skip what arrives then.
	c = b.consume(s, eventstream.ConsumerConfig{Durable: "d", Filter: []string{"mission.*"}}, nil)
	c.awaitAttached()
	b.publish(s, created(3), progressed(4))
	if got := number(b, c.next().Event); got != 3 {
		b.Errorf("got %d, want 3", got)
	}
	if got := c.next().Event.Type; got != charter.TypeMissionProgressed {
		b.Errorf("got %s, want a mission.progressed", got)
	}
}

func testConsumeStart(b *bench) {
	s := b.connected()
	for n := range 3 {
		b.publish(s, created(n)) // one by one: a batch may be stored at one moment
	}
	stream, err := b.admin().Stream(b.ctx(), "EVENTS")
	b.must(err)
	third, err := stream.GetMsg(b.ctx(), 3)
	b.must(err)

	since := b.consume(s, eventstream.ConsumerConfig{Durable: "since", Start: eventstream.StartSince, Since: third.Time}, nil)
	if got := number(b, since.next().Event); got != 2 {
		b.Errorf("since: first event %d, want 2", got)
	}
	fresh := b.consume(s, eventstream.ConsumerConfig{Durable: "new", Start: eventstream.StartNew}, nil)
	fresh.awaitAttached()
	b.publish(s, created(3))
	if got := number(b, fresh.next().Event); got != 3 {
		b.Errorf("new: first event %d, want 3", got)
	}
}

func testConsumeResumes(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(0, 5)...)
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, nil)
	c.numbers(5)
	_, _ = c.stop()
	b.must(s.Close(b.ctx())) // everything sent to the broker has arrived there

	s = b.connected()
	b.publish(s, created(5))
	c = b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, nil)
	if got := number(b, c.next().Event); got != 5 {
		b.Errorf("went on with event %d, want 5", got)
	}
}

func testConsumersShare(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(0, 200)...)
	cfg := eventstream.ConsumerConfig{Durable: "d", MaxAckPending: 10}
	one, two := b.consume(s, cfg, nil), b.consume(s, cfg, nil)
	var got []int
	for range 200 {
		select {
		case d := <-one.got:
			got = append(got, number(b, d.Event))
		case d := <-two.got:
			got = append(got, number(b, d.Event))
		case <-time.After(Timeout):
			b.Fatalf("only %d events", len(got))
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, upTo(200)) {
		b.Errorf("two workers did not handle each event once: %v", got)
	}
}

func testConsumeRestart(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(0, 3)...)
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", AckWait: time.Second}, nil)
	if got := c.numbers(3); !slices.Equal(got, []int{0, 1, 2}) {
		b.Errorf("got %v, want [0 1 2]", got)
	}
	b.Stop(b.T)
	b.awaitState(s, eventstream.Degraded)
	b.Start(b.T)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, created(3))
	for number(b, c.next().Event) != 3 { // what was not acknowledged is redelivered
		continue
	}
}

func testConsumeHung(b *bench) {
	s := b.connected()
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", AckWait: time.Second}, nil)
	b.publish(s, created(0))
	c.next()
	b.Hang(b.T)
	b.awaitState(s, eventstream.Degraded)
	b.Resume(b.T)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, created(1))
	for number(b, c.next().Event) != 1 {
		continue
	}
}

func testConsumerDeleted(b *bench) {
	s := b.connected()
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", Start: eventstream.StartNew}, nil)
	js := b.admin()
	c.awaitAttached()
	b.publish(s, batchOf(0, 3)...)
	c.numbers(3)
	b.must(js.DeleteConsumer(b.ctx(), "EVENTS", "d"))
	// Published while there is no consumer, or maybe just after it is back.
	b.publish(s, batchOf(3, 6)...)
	if got := c.numbers(3); !slices.Equal(got, []int{3, 4, 5}) {
		b.Errorf("after the consumer was deleted: %v, want [3 4 5]", got)
	}
}

func testLongHandler(b *bench) {
	s := b.connected()
	js := b.admin()
	working := make(chan *nats.Msg, 100) // what the consumer sends about its deliveries
	sub, err := js.Conn().ChanSubscribe("$JS.ACK.EVENTS.d.>", working)
	b.must(err)
	defer func() { _ = sub.Unsubscribe() }()
	b.must(js.Conn().Flush())

	release := make(chan struct{})
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", AckWait: 200 * time.Millisecond}, func(ctx context.Context, d eventstream.Delivery) error {
		<-release
		return nil
	})
	b.publish(s, created(0), created(1)) // the second waits behind the first
	printed := make(map[string]int)
	for printed["1"] < 6 || printed["2"] < 6 { // three times AckWait
		select {
		case msg := <-working:
			if string(msg.Data) == "+WPI" {
				meta, err := (&nats.Msg{Reply: msg.Subject, Sub: sub}).Metadata()
				b.must(err)
				printed[string(rune('0'+meta.Sequence.Stream))]++
			}
		case <-time.After(Timeout):
			close(release)
			b.Fatalf("the broker was told %v times that the events are in work", printed)
		}
	}
	close(release)
	for n := range 2 {
		if d := c.next(); number(b, d.Event) != n || d.Attempt != 1 {
			b.Errorf("delivery of event %d was attempt %d, want event %d, attempt 1", number(b, d.Event), d.Attempt, n)
		}
	}
}

func testReturnsEvents(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(0, 10)...)
	started := make(chan struct{}, 1)
	// AckWait is long: only returned events reach the second worker in time.
	cfg := eventstream.ConsumerConfig{Durable: "d", AckWait: time.Hour}
	one := b.consume(s, cfg, func(ctx context.Context, d eventstream.Delivery) error {
		started <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	<-started
	js := b.admin()
	b.retry("letting one worker have all", func(ctx context.Context) (bool, error) {
		consumer, err := js.Consumer(ctx, "EVENTS", "d")
		return err == nil && consumer.CachedInfo().NumAckPending == 10, err
	})
	st, _ := one.stop()
	if st.Handled != 0 || st.Retried != 1 {
		b.Errorf("status = %+v, want one event returned by its handler", st)
	}
	two := b.consume(s, cfg, nil)
	got := two.numbers(10)
	slices.Sort(got)
	if !slices.Equal(got, upTo(10)) {
		b.Errorf("the second worker got %v, want all ten", got)
	}
}

func testConsumeConfig(b *bench) {
	s := b.connected()
	handler := func(context.Context, eventstream.Delivery) error { return nil }
	for name, cfg := range map[string]eventstream.ConsumerConfig{
		"no durable":    {},
		"dotted":        {Durable: "a.b"},
		"filter":        {Durable: "d", Filter: []string{"mission..x"}},
		"overlapping":   {Durable: "d", Filter: []string{"mission.>", "mission.created"}},
		"since when":    {Durable: "d", Start: eventstream.StartSince},
		"start":         {Durable: "d", Start: "sometime"},
		"ack wait":      {Durable: "d", AckWait: time.Millisecond},
		"ack pending":   {Durable: "d", MaxAckPending: 10_001},
		"max deliver":   {Durable: "d", MaxDeliver: -1},
		"negative wait": {Durable: "d", Backoff: []time.Duration{-1}},
	} {
		if err := s.Consume(b.ctx(), cfg, handler); !errors.Is(err, eventstream.ErrConfig) {
			b.Errorf("%s: %v, want ErrConfig", name, err)
		}
	}
	if err := s.Consume(b.ctx(), eventstream.ConsumerConfig{Durable: "d"}, nil); !errors.Is(err, eventstream.ErrConfig) {
		b.Errorf("no handler: %v, want ErrConfig", err)
	}
}
