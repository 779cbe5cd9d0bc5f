package relay

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
)

// ledge is an outbox whose events the test sets.
type ledge struct {
	mu                sync.Mutex
	events            []missions.Event
	acked, forgotten  int64
	mark              string
	forgottenAtMost   int64 // in one step
	want              int64
	acknowledgedAgain bool // the position went back
	hangs             bool // Acknowledge, once, until soon after its context has ended
}

func (l *ledge) Identity() string { return "ledge" }

func (l *ledge) add(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range n {
		l.want++
		l.events = append(l.events, missions.Event{
			Seq: l.want, Kind: missions.EventLogAppended, At: missions.At(time.Now()),
			ID: uuid.New(), MissionID: "m", Level: "info", Message: fmt.Sprint(l.want),
		})
	}
}

func (l *ledge) Pending(_ context.Context, after int64, limit int) (events []missions.Event, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.events {
		if e.Seq > max(after, l.forgotten) && len(events) < limit {
			events = append(events, e)
		}
	}
	return events, nil
}

func (l *ledge) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hangs {
		l.hangs = false
		l.mu.Unlock()
		<-ctx.Done()
		time.Sleep(time.Millisecond)
		l.mu.Lock()
		return ctx.Err()
	}
	l.acknowledgedAgain = l.acknowledgedAgain || upTo < l.acked
	l.acked, l.mark = upTo, mark
	return nil
}

func (l *ledge) Acknowledged(context.Context) (upTo int64, mark string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.acked, l.forgotten), l.mark, nil
}

func (l *ledge) Forget(_ context.Context, upTo int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.forgottenAtMost = max(l.forgottenAtMost, upTo-l.forgotten)
	l.forgotten = upTo
	return nil
}

// reach returns how far the outbox has been acknowledged and forgotten.
func (l *ledge) reach() (acked, forgotten int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked, l.forgotten
}

// brook is an event stream that loses events on demand, or has them removed.
type brook struct {
	Stream
	mu      sync.Mutex
	stored  []stone
	last    uint64 // the sequence given last
	created time.Time
	copies  int
	changed chan struct{}
	before  func() // called once, when a batch arrives
	refuse  int    // the place, counted from 1, of an event that is refused once; the events behind it are stored
}

// stone is a stored event.
type stone struct {
	seq   uint64
	event charter.Event
}

func newBrook() *brook { return &brook{created: time.Now(), changed: make(chan struct{})} }

func (b *brook) Status() eventstream.Status {
	return eventstream.Status{State: eventstream.Connected, Copies: b.copies}
}

func (b *brook) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

func (b *brook) Last(_ context.Context, eventType string) (charter.Event, uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range slices.Backward(b.stored) {
		if s.event.Type == eventType {
			return s.event, s.seq, nil
		}
	}
	return charter.Event{}, 0, eventstream.ErrNotFound
}

func (b *brook) At(_ context.Context, seq uint64) (eventstream.Stored, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.stored {
		if s.seq == seq {
			data, err := charter.Encode(&s.event)
			return eventstream.Stored{Seq: seq, Type: s.event.Type, Data: data}, err
		}
	}
	return eventstream.Stored{}, eventstream.ErrNotFound
}

func (b *brook) Extent(context.Context) (eventstream.Extent, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return eventstream.Extent{Created: b.created, Last: b.last}, nil
}

func (b *brook) PublishBatchWhile(_ context.Context, changed <-chan struct{}, events []charter.Event) (ack eventstream.BatchAck, err error) {
	b.mu.Lock()
	before := b.before
	b.before = nil
	b.mu.Unlock()
	if before != nil {
		before()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if changed != b.changed {
		return ack, eventstream.ErrChanged
	}
	refused := b.refuse - 1
	b.refuse = 0
	for i := range events {
		if i == refused {
			err = eventstream.ErrRefused
			continue
		}
		seq := b.store(events[i])
		if err != nil {
			continue
		}
		ack.Stored = i + 1
		if seq > ack.Seq {
			ack.Newest, ack.Seq = i, seq
		}
	}
	return ack, err
}

// store recognises ids only from stored events, like a restarted broker.
func (b *brook) store(e charter.Event) uint64 {
	for _, s := range b.stored {
		if s.event.ID == e.ID {
			return s.seq
		}
	}
	data, err := charter.Encode(&e)
	if err != nil {
		panic(err)
	}
	if e, err = charter.Decode(data); err != nil {
		panic(err)
	}
	b.last++
	b.stored = append(b.stored, stone{b.last, e})
	return b.last
}

// emit stores telemetry.
func (b *brook) emit(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for range n {
		b.store(charter.New(charter.HealthChecked{Status: "ok", CheckedAt: time.Now()}, time.Now()))
	}
}

// lose loses the newest events, as a crash of the broker's machine does; restarted says
// whether clients notice.
func (b *brook) lose(n int, restarted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored = b.stored[:len(b.stored)-n]
	b.last -= uint64(n)
	b.restarted(restarted)
}

// remove removes the newest events, as their owner or the stream's limits do.
func (b *brook) remove(n int, restarted bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored = b.stored[:len(b.stored)-n]
	b.restarted(restarted)
}

// renew replaces the stream by another one, whose last sequence is given.
func (b *brook) renew(last uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stored, b.last, b.created = nil, last, time.Now()
	b.restarted(true)
}

// restarted is called with the lock held.
func (b *brook) restarted(noticed bool) {
	if noticed {
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

// positions returns the positions of the stored durable events, in order.
func (b *brook) positions() (all []int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range b.stored {
		if position := outboxPosition(&s.event, "ledge"); position > 0 {
			all = append(all, position)
		}
	}
	return all
}

const testInterval = 80 * time.Second // so that the lag is 100 s

func newTestRelay(l *ledge, b *brook) *Relay {
	return New(Config{Outboxes: []missions.Outbox{l}, Stream: b, SyncInterval: testInterval,
		CheckInterval: time.Second, Logger: slog.New(slog.DiscardHandler)})
}

// day is a term of a day.
type day struct{ began time.Time }

func (d day) Until() time.Time { return d.began.Add(24 * time.Hour) }
func (d day) Holds() bool      { return time.Now().Before(d.Until()) }

// relaying runs a test with a relay between a ledge and a brook.
func relaying(t *testing.T, test func(t *testing.T, r *Relay, l *ledge, b *brook)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l, b := &ledge{}, newBrook()
		r := newTestRelay(l, b)
		ctx, stop := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { r.Run(ctx, day{time.Now()}) })
		synctest.Wait()
		test(t, r, l, b)
		stop()
		loop.Wait()
	})
}

// wantOnce fails unless the stream holds the first n events, once and in order.
func (b *brook) wantOnce(t *testing.T, n int) {
	t.Helper()
	got := b.positions()
	for i, position := range got {
		if position != int64(i)+1 {
			t.Fatalf("the stream holds %v", got)
		}
	}
	if len(got) != n {
		t.Fatalf("the stream holds %d events, want %d", len(got), n)
	}
}

func TestWhatIsAcknowledgedIsKeptUntilTheBrokerHasSynced(t *testing.T) {
	t.Parallel()
	relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
		l.add(3000)
		r.Poke()
		after(99 * time.Second)
		if acked, forgotten := l.reach(); acked != 3000 || forgotten != 0 {
			t.Fatalf("acknowledged %d, forgotten %d", acked, forgotten)
		}
		after(15 * time.Second)
		if _, forgotten := l.reach(); forgotten != 3000 || l.forgottenAtMost > checkpointEvents {
			t.Fatalf("forgotten %d, up to %d in one step", forgotten, l.forgottenAtMost)
		}
		b.wantOnce(t, 3000)
	})
}

func TestSeveralCopiesAreSafeSooner(t *testing.T) {
	t.Parallel()
	relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
		b.mu.Lock()
		b.copies = 3
		b.mu.Unlock()
		l.add(10)
		r.Poke()
		after(copiesLag - time.Second)
		if _, forgotten := l.reach(); forgotten != 0 {
			t.Fatal("forgotten at once")
		}
		after(5 * time.Second)
		if _, forgotten := l.reach(); forgotten != 10 {
			t.Fatalf("forgotten %d", forgotten)
		}
	})
}

// A broker that comes back without its last events gets them again, in order, with or
// without new events, and also if nothing has noticed that it was away.
func TestWhatTheBrokerLostIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		restarted bool
		more      int
	}{
		"noticed":               {true, 0},
		"noticed, with more":    {true, 7},
		"unnoticed, when asked": {false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
				l.add(40)
				r.Poke()
				after(10 * time.Second)
				b.lose(25, c.restarted)
				l.add(c.more)
				if c.more > 0 {
					r.Poke()
				}
				after(5 * time.Minute)
				b.wantOnce(t, 40+c.more)
				if acked, forgotten := l.reach(); acked != int64(40+c.more) || forgotten != acked || !l.acknowledgedAgain {
					t.Fatalf("acknowledged %d, forgotten %d", acked, forgotten)
				}
			})
		})
	}
}

// If a broker is restarted between the check of the stream's end and the publish, it
// gets nothing of the batch, which would hide the gap.
func TestABatchDoesNotHideALoss(t *testing.T) {
	t.Parallel()
	relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
		l.add(20)
		r.Poke()
		after(time.Second)
		b.mu.Lock()
		b.before = func() { b.lose(5, true) }
		b.mu.Unlock()
		l.add(3)
		r.Poke()
		after(time.Second)
		b.wantOnce(t, 23)
	})
}

// The rest of a failed publish is not sent on top of a gap.
func TestTheRestOfABatchDoesNotHideALoss(t *testing.T) {
	t.Parallel()
	relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
		l.add(20)
		r.Poke()
		after(time.Second)
		b.mu.Lock()
		b.refuse = 4
		b.mu.Unlock()
		l.add(6)
		r.Poke()
		after(2 * batchPause) // 21, 22, 23 and, with a gap, 25 and 26
		b.lose(10, true)
		after(time.Second)
		b.wantOnce(t, 26)
	})
}

// The end of the term may interrupt the store while it records how far the stream has
// come. The relay still sends what is left.
func TestWhatIsLeftIsSentAtTheEndOfATerm(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const batches = 5
		l, b := &ledge{}, newBrook()
		l.add(batches * batchSize)
		r := newTestRelay(l, b)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		third := func() { time.Sleep(2 * time.Millisecond) }
		second := func() { stop(); b.before = third } // while the first is being recorded
		b.before = func() { l.hangs = true; b.before = second }
		r.Run(ctx, day{time.Now()})
		b.wantOnce(t, batches*batchSize)
	})
}

// after waits for a duration, and until everything due by then has happened.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
