package streamtest

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream"
)

var failureTests = []test{
	{"TransientErrorIsRedelivered", testTransient},
	{"PanicIsATransientError", testPanic},
	{"PermanentErrorIsADeadLetter", testPermanent},
	{"UndecodableMessageIsADeadLetter", testUndecodable},
	{"TooManyDeliveriesAreADeadLetter", testMaxDeliver},
	{"DeadLetterIsKeptBeforeTheEventIsGone", testLetterFirst},
	{"DeadLetterTooLargeLosesItsBody", testLetterTooLarge},
	{"RememberedEventIsNotHandledAgain", testRemembered},
	{"RememberedAcrossACrash", testRememberedCrash},
	{"RememberNeedsToBeAskedFor", testRememberOff},
}

// soon are waits short enough for a test.
var soon = []time.Duration{10 * time.Millisecond}

func testTransient(b *bench) {
	s := b.connected()
	b.publish(s, created(0), created(1))
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", Backoff: soon}, func(_ context.Context, d eventstream.Delivery) error {
		if d.Seq == 1 && d.Attempt < 3 {
			return errors.New("not yet")
		}
		return nil
	})
	attempts := map[uint64]int{}
	for range 4 {
		d := c.next()
		attempts[d.Seq]++
		if d.Attempt != attempts[d.Seq] {
			b.Errorf("delivery %d of event %d says attempt %d", attempts[d.Seq], d.Seq, d.Attempt)
		}
	}
	if attempts[1] != 3 || attempts[2] != 1 {
		b.Errorf("deliveries = %v, want 3 of event 1 and 1 of event 2", attempts)
	}
	if st, _ := c.stop(); st.Handled != 2 || st.Retried != 2 || st.LastError != "not yet" {
		b.Errorf("status = %+v, want 2 handled, 2 retried", st)
	}
}

func testPanic(b *bench) {
	s := b.connected()
	b.publish(s, created(0))
	var calls atomic.Int64
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", Backoff: soon}, func(context.Context, eventstream.Delivery) error {
		if calls.Add(1) == 1 {
			panic("dropped the tray")
		}
		return nil
	})
	if d := c.next(); d.Attempt != 2 {
		b.Errorf("attempt %d after a panic, want 2", d.Attempt)
	}
	if st, _ := c.stop(); st.Handled != 1 || st.Retried != 1 || st.LastError != "handler panicked: dropped the tray" {
		b.Errorf("status = %+v, want 1 handled, 1 retried", st)
	}
	if !strings.Contains(b.log.String(), "failure.go") {
		b.Errorf("the log lacks the stack:\n%s", b.log)
	}
}

// letter waits until the consumer has stored its first dead letter, and reads it.
func (c *consuming) letter(js jetstream.JetStream) *jetstream.RawStreamMsg {
	c.b.Helper()
	c.await("a dead letter", func(st eventstream.ConsumerStatus) bool { return st.DeadLettered > 0 })
	letters := c.b.stored(js, "DEADLETTERS")
	if len(letters) != 1 {
		c.b.Fatalf("%d dead letters, want 1", len(letters))
	}
	return letters[0]
}

func (b *bench) checkLetter(letter *jetstream.RawStreamMsg, body string, want map[string]string) {
	b.Helper()
	if letter.Subject != "deadletter.d" {
		b.Errorf("subject = %q, want deadletter.d", letter.Subject)
	}
	if string(letter.Data) != body {
		b.Errorf("body = %q, want the original %q", letter.Data, body)
	}
	for name, value := range want {
		if got := letter.Header.Get(name); got != value {
			b.Errorf("header %s = %q, want %q", name, got, value)
		}
	}
}

func testPermanent(b *bench) {
	s := b.connected()
	ev := created(0)
	b.publish(s, ev, created(1))
	body := string(b.stored(b.admin(), "EVENTS")[0].Data)
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, func(_ context.Context, d eventstream.Delivery) error {
		if d.Seq == 1 {
			return eventstream.Permanent(errors.New("cannot\nbe used"))
		}
		return nil
	})
	for seq := uint64(1); seq <= 2; seq++ {
		if d := c.next(); d.Seq != seq || d.Attempt != 1 {
			b.Errorf("delivery of event %d, attempt %d; want %d, 1", d.Seq, d.Attempt, seq)
		}
	}
	js := b.admin()
	b.checkLetter(c.letter(js), body, map[string]string{
		"Nats-Msg-Id": "d/1", "Deadletter-Stream": "EVENTS", "Deadletter-Sequence": "1", "Deadletter-Subject": "events.mission.created",
		"Deadletter-Durable": "d", "Deadletter-Attempts": "1", "Deadletter-Error": "cannot be used",
		"Deadletter-Nats-Msg-Id": ev.ID.String(), "ce-id": ev.ID.String(), "content-type": "application/json",
	})
	if st, _ := c.stop(); st.Handled != 1 || st.DeadLettered != 1 || st.Retried != 0 {
		b.Errorf("status = %+v, want 1 handled, 1 dead letter", st)
	}
	stream, err := js.Stream(b.ctx(), "DEADLETTERS")
	b.must(err)
	cfg := stream.CachedInfo().Config
	if cfg.Subjects[0] != "deadletter.>" || cfg.MaxAge != 30*24*time.Hour || cfg.Storage != jetstream.FileStorage || cfg.Retention != jetstream.LimitsPolicy || cfg.Replicas != b.Replicas() {
		b.Errorf("DEADLETTERS is not as agreed: %+v", cfg)
	}
}

func testUndecodable(b *bench) {
	s := b.connected()
	js := b.admin()
	// From a publisher that does not use this package, with a header that would do
	// harm if it were copied.
	msg := nats.NewMsg("events.mission.created")
	msg.Data = []byte("not json")
	msg.Header.Set("Nats-Expected-Stream", "EVENTS")
	msg.Header.Set("x-origin", "elsewhere")
	_, err := js.PublishMsg(b.ctx(), msg)
	b.must(err)
	b.publish(s, created(1))
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, nil)
	if d := c.next(); d.Seq != 2 {
		b.Errorf("the handler was given event %d, want 2", d.Seq)
	}
	letter := c.letter(js)
	b.checkLetter(letter, "not json", map[string]string{
		"Deadletter-Sequence": "1", "x-origin": "elsewhere",
		"Nats-Expected-Stream": "", "Deadletter-Nats-Expected-Stream": "EVENTS",
	})
	if got := letter.Header.Get("Deadletter-Error"); !strings.HasPrefix(got, "not a charter event: ") {
		b.Errorf("Deadletter-Error = %q", got)
	}
	if st, _ := c.stop(); st.Handled != 1 || st.DeadLettered != 1 {
		b.Errorf("status = %+v, want 1 handled, 1 dead letter", st)
	}
}

func testMaxDeliver(b *bench) {
	s := b.connected()
	b.publish(s, created(0))
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", Backoff: soon, MaxDeliver: 2}, func(context.Context, eventstream.Delivery) error {
		return errors.New("never")
	})
	c.next()
	c.next()
	b.checkLetter(c.letter(b.admin()), string(b.stored(b.admin(), "EVENTS")[0].Data), map[string]string{
		"Deadletter-Attempts": "2", "Deadletter-Error": "failed 2 times, the last time with: never",
	})
	if st, _ := c.stop(); st.Retried != 1 || st.DeadLettered != 1 || st.Handled != 0 {
		b.Errorf("status = %+v, want 1 retried, 1 dead letter", st)
	}
}

// While the dead letter cannot be stored, the event is redelivered.
func testLetterFirst(b *bench) {
	s := b.connected()
	js := b.admin()
	full := jetstream.StreamConfig{Name: "DEADLETTERS", Subjects: []string{"deadletter.>"}, MaxMsgSize: 10}
	b.createStream(js, full)
	b.publish(s, created(0))
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", Backoff: soon}, func(context.Context, eventstream.Delivery) error {
		return eventstream.Permanent(errors.New("never"))
	})
	c.await("two failures", func(st eventstream.ConsumerStatus) bool { return st.Retried >= 2 })
	full.MaxMsgSize = -1
	_, err := js.UpdateStream(b.ctx(), full)
	b.must(err)
	b.checkLetter(c.letter(js), string(b.stored(js, "EVENTS")[0].Data), map[string]string{"Deadletter-Error": "never"})
}

// A foreign message of the maximum size leaves no room for the headers of a dead
// letter.
func testLetterTooLarge(b *bench) {
	s := b.connected()
	js := b.admin()
	_, err := js.Publish(b.ctx(), "events.mission.created", make([]byte, js.Conn().MaxPayload()-10))
	b.must(err)
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, nil)
	b.checkLetter(c.letter(js), "", map[string]string{"Deadletter-Truncated": "true", "Deadletter-Sequence": "1"})
}

func testRemembered(b *bench) {
	s := b.connected()
	b.publish(s, created(0), created(1))
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", Backoff: soon, Remember: true, MaxAckPending: 1},
		func(ctx context.Context, d eventstream.Delivery) error {
			if err := d.Remember(ctx); err != nil {
				return err
			}
			if d.Seq == 1 {
				return errors.New("after the effect")
			}
			return nil
		})
	for seq := uint64(1); seq <= 2; seq++ {
		if d := c.next(); d.Seq != seq || d.Attempt != 1 {
			b.Errorf("the handler was given event %d, attempt %d; want %d, 1", d.Seq, d.Attempt, seq)
		}
	}
	if st, _ := c.stop(); st.Handled != 1 || st.Retried != 1 || st.Remembered != 1 {
		b.Errorf("status = %+v, want 1 handled, 1 retried, 1 remembered", st)
	}
	js := b.admin()
	kv, err := js.KeyValue(b.ctx(), "consumer_ledger")
	b.must(err)
	stream, err := js.Stream(b.ctx(), "KV_consumer_ledger")
	b.must(err)
	if got := stream.CachedInfo().Config.Replicas; got != b.Replicas() {
		b.Errorf("the ledger has %d copies, want %d", got, b.Replicas())
	}
	if _, err := kv.Get(b.ctx(), "d.1"); err != nil {
		b.Errorf("the ledger lacks d.1: %v", err)
	}
}

// The broker goes away between the handler's effect and the acknowledgement. To the
// broker that looks like a crash of the worker.
func testRememberedCrash(b *bench) {
	s := b.connected()
	b.publish(s, created(0))
	effect, goOn := make(chan struct{}), make(chan struct{})
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d", AckWait: time.Second, Remember: true},
		func(ctx context.Context, d eventstream.Delivery) error {
			if d.Seq > 1 {
				return nil
			}
			if err := d.Remember(ctx); err != nil {
				return err
			}
			close(effect) // a second call would panic
			<-goOn
			return nil
		})
	<-effect
	b.Stop(b.T)
	b.awaitState(s, eventstream.Degraded)
	close(goOn)
	c.next()
	b.Start(b.T)
	b.awaitState(s, eventstream.Connected)

	// The redelivery, after AckWait, is acknowledged without calling the handler.
	c.await("a remembered event", func(st eventstream.ConsumerStatus) bool { return st.Remembered == 1 })
	b.publish(s, created(1))
	if d := c.next(); d.Seq != 2 {
		b.Errorf("the handler was given event %d again", d.Seq)
	}
	if st, _ := c.stop(); st.Remembered != 1 {
		b.Errorf("status = %+v, want 1 remembered", st)
	}
}

func testRememberOff(b *bench) {
	s := b.connected()
	b.publish(s, created(0))
	result := make(chan error, 1)
	c := b.consume(s, eventstream.ConsumerConfig{Durable: "d"}, func(ctx context.Context, d eventstream.Delivery) error {
		result <- d.Remember(ctx)
		return nil
	})
	c.next()
	if err := <-result; !errors.Is(err, eventstream.ErrNotRemembering) {
		b.Errorf("remember: %v, want ErrNotRemembering", err)
	}
}
