package streamtest

import (
	"context"
	"errors"
	"slices"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

var followTests = []test{
	{"FollowTellsWhatIsStoredFromNowOn", testFollow},
	{"FollowGoesOnBehindAnOutage", testFollowOutage},
	{"FollowBeginsAnewWithANewStream", testFollowNewStream},
	{"ReadEndsWhereItIsTold", testRead},
	{"ReadStopsWithItsFunction", testReadStops},
}

// following is a Follow call in the background.
type following struct {
	b     *bench
	got   chan eventstream.Stored
	begun chan uint64
}

func (b *bench) follow(s *eventstream.Stream, filter ...string) *following {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &following{b: b, got: make(chan eventstream.Stored, 1000), begun: make(chan uint64, 100)}
	done := make(chan error, 1)
	go func() {
		done <- s.Follow(ctx, eventstream.Follower{
			Filter: filter, Begin: func(after uint64) { f.begun <- after }, Event: func(e eventstream.Stored) { f.got <- e },
		})
	}()
	b.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) && !errors.Is(err, eventstream.ErrClosed) {
			b.Errorf("Follow returned %v", err)
		}
	})
	return f
}

func await[T any](b *bench, from <-chan T, what string) T {
	b.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(Timeout):
		b.Fatalf("no %s\nlog:\n%s", what, b.log)
		panic("unreachable")
	}
}

// next returns the numbers of the next n events.
func (f *following) next(n int) (numbers []int) {
	f.b.Helper()
	for range n {
		e, err := charter.Decode(await(f.b, f.got, "event").Data)
		f.b.must(err)
		numbers = append(numbers, number(f.b, e))
	}
	return numbers
}

func testFollow(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(1, 4)...)
	f := b.follow(s)
	if after := await(b, f.begun, "beginning"); after != 3 {
		b.Errorf("it begins after %d", after)
	}
	other := b.follow(s, "nothing.>")
	await(b, other.begun, "beginning")
	b.publish(s, batchOf(4, 7)...)
	if got := f.next(3); !slices.Equal(got, []int{4, 5, 6}) {
		b.Errorf("told of %v", got)
	}
	if len(other.got) > 0 {
		b.Error("told of what it does not want")
	}
}

func testFollowOutage(b *bench) {
	s := b.connected()
	f := b.follow(s)
	await(b, f.begun, "beginning")
	b.publish(s, batchOf(1, 3)...)
	if got := f.next(2); !slices.Equal(got, []int{1, 2}) {
		b.Errorf("told of %v", got)
	}
	b.Stop(b.T)
	b.awaitState(s, eventstream.Degraded)
	b.Start(b.T)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, batchOf(3, 6)...)
	if got := f.next(3); !slices.Equal(got, []int{3, 4, 5}) {
		b.Errorf("after the outage, told of %v", got)
	}
}

func testFollowNewStream(b *bench) {
	s := b.connected()
	f := b.follow(s)
	await(b, f.begun, "beginning")
	b.publish(s, batchOf(1, 4)...)
	f.next(3)
	b.must(b.admin().DeleteStream(b.ctx(), eventstream.DefaultStreamName))
	// A publisher may meet the moment in which there is no stream.
	admin := b.admin()
	b.retry("a new stream", func(ctx context.Context) (bool, error) {
		_, err := admin.Stream(ctx, eventstream.DefaultStreamName)
		return err == nil, err
	})
	b.awaitState(s, eventstream.Connected)
	b.publish(s, batchOf(4, 5)...)
	if got := f.next(1); !slices.Equal(got, []int{4}) {
		b.Errorf("told of %v", got)
	}
}

func testRead(b *bench) {
	s := b.connected()
	if err := s.Read(b.ctx(), nil, 0, 5, func(eventstream.Stored) error { return nil }); err != nil {
		b.Errorf("an empty stream: %v", err)
	}
	b.publish(s, batchOf(1, 21)...)
	end, err := s.End(b.ctx())
	b.must(err)
	if end != 20 {
		b.Errorf("the end is %d", end)
	}
	for _, c := range []struct {
		after, until uint64
		want         []uint64
		filter       []string
	}{
		{after: 0, until: 3, want: []uint64{1, 2, 3}},
		{after: 18, until: 20, want: []uint64{19, 20}},
		{after: 18, until: 100, want: []uint64{19, 20}},
		{after: 20, until: 100},
		{after: 7, until: 7},
		{after: 0, until: 20, filter: []string{"nothing.>"}},
	} {
		var got []uint64
		b.must(s.Read(b.ctx(), c.filter, c.after, c.until, func(e eventstream.Stored) error {
			got = append(got, e.Seq)
			return nil
		}))
		if !slices.Equal(got, c.want) {
			b.Errorf("%d to %d of %v: %v", c.after, c.until, c.filter, got)
		}
	}
	if err := s.Read(b.ctx(), []string{"bad type"}, 0, 1, nil); !errors.Is(err, eventstream.ErrConfig) {
		b.Errorf("a bad filter: %v", err)
	}
}

func testReadStops(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(1, 6)...)
	enough, seen := errors.New("enough"), 0
	err := s.Read(b.ctx(), nil, 0, 5, func(eventstream.Stored) error {
		if seen++; seen == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 2 {
		b.Errorf("%v after %d events", err, seen)
	}
}
