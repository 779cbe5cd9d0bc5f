package relay

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// sequence returns the numbers of a range, both included.
func sequence(from, to int64) (all []int64) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

// wantStored fails unless the stream holds just these durable events, in this order.
func (b *brook) wantStored(t *testing.T, want ...[]int64) {
	t.Helper()
	if got := b.positions(); !slices.Equal(got, slices.Concat(want...)) {
		t.Fatalf("the stream holds %v\nwant %v", got, slices.Concat(want...))
	}
}

// send adds events to the outbox and lets the relay send them.
func (r *Relay) send(l *ledge, n int) {
	l.add(n)
	r.Poke()
	after(time.Second)
}

// What is taken out of the stream stays out, whatever makes the relay look.
func TestWhatIsRemovedIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left      int64 // events that are not removed
		restarted bool
		telemetry int // sent after the removal
	}{
		"a purge":                         {0, false, 0},
		"a purge, and a restart":          {0, true, 0},
		"a purge, and telemetry":          {0, true, 100},
		"the newest":                      {39, false, 0},
		"the newest, and a restart":       {39, true, 0},
		"several, restart, and telemetry": {12, true, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
				r.send(l, 40)
				b.remove(int(40-c.left), c.restarted)
				b.emit(c.telemetry)
				r.send(l, 3)
				b.wantStored(t, sequence(1, c.left), sequence(41, 43))
				b.remove(3, c.restarted)
				after(5 * time.Minute)
				b.wantStored(t, sequence(1, c.left))
				if acked, forgotten := l.reach(); acked != 43 || forgotten != 43 || l.acknowledgedAgain {
					t.Fatalf("acknowledged %d, forgotten %d", acked, forgotten)
				}
			})
		})
	}
}

// A crash is found although events were removed, or although the sequences of what it lost
// were given again: what was lost is sent again, and what was removed is not.
func TestALossIsFoundBesideARemoval(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		removed   bool
		telemetry int // sent before the relay asks
	}{
		"a loss, and much telemetry":       {false, 500},
		"a loss, and telemetry up to it":   {false, 25},
		"a removal, then a loss":           {true, 0},
		"a removal, a loss, and telemetry": {true, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
				r.send(l, 15)
				var left []int64
				if c.removed {
					b.remove(15, true)
				} else {
					left = sequence(1, 15)
				}
				after(testInterval / checkpointPart * 2)
				r.send(l, 25)
				b.lose(25, false)
				b.emit(c.telemetry)
				after(5 * time.Minute)
				b.wantStored(t, left, sequence(16, 40))
			})
		})
	}
}

// Events of a stream that is created anew are sent again, as far as the outbox has them,
// even if the new stream is longer than the old one.
func TestAStreamCreatedAnewGetsWhatIsKept(t *testing.T) {
	t.Parallel()
	relaying(t, func(t *testing.T, r *Relay, l *ledge, b *brook) {
		r.send(l, 10)
		b.renew(1000)
		r.send(l, 1)
		b.wantStored(t, sequence(1, 11))
	})
}

// A leader that leads again knows what it knew, and that its age is not known.
func TestTheNextTermOfALeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, b := &ledge{}, newBrook()
		var told []int64
		r := newTestRelay(l, b)
		r.cfg.Stored = func(origins []Origin, _ time.Time) {
			for _, o := range origins {
				told = append(told, o.position)
			}
		}
		term := func(during func()) {
			ctx, stop := context.WithCancel(t.Context())
			var loop sync.WaitGroup
			loop.Go(func() { r.Run(ctx, day{time.Now()}) })
			synctest.Wait()
			during()
			stop()
			loop.Wait()
		}
		term(func() { r.send(l, 10); after(testInterval) })
		b.remove(10, false)
		term(func() { after(testInterval) })
		if _, forgotten := l.reach(); forgotten != 0 {
			t.Fatalf("forgotten %d, before the term was old enough", forgotten)
		}
		term(func() { r.send(l, 5) })
		b.wantStored(t, sequence(11, 15))
		b.lose(5, false)
		term(func() { r.send(l, 1); after(5 * time.Minute) })
		b.wantStored(t, sequence(11, 16))
		if _, forgotten := l.reach(); forgotten != 16 {
			t.Fatalf("forgotten %d", forgotten)
		}
		if !slices.Equal(told, sequence(1, 16)) {
			t.Fatalf("told of %v: each event once", told)
		}
	})
}

// leading runs a leader that has just started, on an outbox that others have relayed.
func leading(t *testing.T, l *ledge, b *brook, during func(r *Relay)) {
	t.Helper()
	r := newTestRelay(l, b)
	ctx, stop := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { r.Run(ctx, day{time.Now()}) })
	synctest.Wait()
	during(r)
	stop()
	loop.Wait()
}

// A leader that has just started tells a removal from a loss, too, although the broker has
// forgotten the IDs.
func TestANewLeaderTellsARemovalFromALoss(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		between func(b *brook)
		want    [][]int64
	}{
		"a purge":                 {func(b *brook) { b.remove(40, true) }, [][]int64{sequence(41, 43)}},
		"the newest":              {func(b *brook) { b.remove(7, true) }, [][]int64{sequence(1, 33), sequence(41, 43)}},
		"a purge, and telemetry":  {func(b *brook) { b.remove(40, true); b.emit(100) }, [][]int64{sequence(41, 43)}},
		"a loss":                  {func(b *brook) { b.lose(7, true) }, [][]int64{sequence(1, 43)}},
		"a loss, and telemetry":   {func(b *brook) { b.lose(7, true); b.emit(100) }, [][]int64{sequence(1, 43)}},
		"a loss, then a purge":    {func(b *brook) { b.lose(7, true); b.remove(33, true) }, [][]int64{sequence(1, 43)}},
		"another stream":          {func(b *brook) { b.renew(0) }, [][]int64{sequence(1, 43)}},
		"another, longer stream":  {func(b *brook) { b.renew(1000) }, [][]int64{sequence(1, 43)}},
		"nothing":                 {func(*brook) {}, [][]int64{sequence(1, 43)}},
		"only telemetry, a crowd": {func(b *brook) { b.emit(1000) }, [][]int64{sequence(1, 43)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, b := &ledge{}, newBrook()
				leading(t, l, b, func(r *Relay) { r.send(l, 40) })
				c.between(b)
				leading(t, l, b, func(r *Relay) { r.send(l, 3) })
				b.wantStored(t, c.want...)
				leading(t, l, b, func(*Relay) { after(5 * time.Minute) })
				b.wantStored(t, c.want...)
				if acked, forgotten := l.reach(); acked != 43 || forgotten != 43 {
					t.Fatalf("acknowledged %d, forgotten %d", acked, forgotten)
				}
			})
		})
	}
}

// A leader that dies while it sends again what was lost leaves the rest to the next one,
// which does not take the lost events for removed ones.
func TestANewLeaderContinuesAfterALoss(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, b := &ledge{}, newBrook()
		leading(t, l, b, func(r *Relay) { r.send(l, 1200) })
		b.lose(1000, true)
		b.emit(3000)
		term := &mortal{}
		ctx, stop := context.WithCancel(t.Context())
		b.before = func() { term.over.Store(true); stop() } // it dies after one batch
		newTestRelay(l, b).Run(ctx, term)
		b.wantStored(t, sequence(1, 700))
		b.remove(20, true)
		leading(t, l, b, func(*Relay) { after(time.Second) })
		b.wantStored(t, sequence(1, 680), sequence(701, 1200))
	})
}

// mortal is a term that ends on demand.
type mortal struct{ over atomic.Bool }

func (m *mortal) Until() time.Time { return time.Now().Add(time.Hour) }
func (m *mortal) Holds() bool      { return !m.over.Load() }

// A mark that this version cannot read says nothing.
func TestMarks(t *testing.T) {
	t.Parallel()
	p := place{17, uuid.New(), time.Unix(1700000000, 123456789)}
	if got := parseMark(p.mark()); got.seq != p.seq || got.id != p.id || !got.created.Equal(p.created) {
		t.Fatalf("%+v became %+v", p, got)
	}
	if n := len(place{math.MaxUint64, uuid.New(), time.Unix(0, math.MaxInt64)}.mark()); n > missions.MaxMark {
		t.Fatalf("a mark has %d bytes", n)
	}
	for _, mark := range []string{"", "x", "17", "17 x 5", "17 " + p.id.String(), "-1 " + p.id.String() + " 5"} {
		if got := parseMark(mark); got.seq != 0 {
			t.Errorf("%q became %+v", mark, got)
		}
	}
}
