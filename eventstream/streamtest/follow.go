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
	{"ReadBeginsAtATime", testReadSince},
	{"FollowBeginsAtATime", testFollowSince},
}

// following is a Follow call in the background.
type following struct {
	b     *bench
	got   chan eventstream.Stored
	begun chan uint64
}

func (b *bench) follow(s *eventstream.Stream, filter ...string) *following {
	b.Helper()
	return b.followSince(s, time.Time{}, filter...)
}

func (b *bench) followSince(s *eventstream.Stream, since time.Time, filter ...string) *following {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	f := &following{b: b, got: make(chan eventstream.Stored, 1000), begun: make(chan uint64, 100)}
	done := make(chan error, 1)
	go func() {
		done <- s.Follow(ctx, eventstream.Follower{
			Filter: filter, Since: since, Begin: func(after uint64) { f.begun <- after }, Event: func(e eventstream.Stored) { f.got <- e },
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
	if err := s.Read(b.ctx(), nil, eventstream.Range{Until: 5}, func(eventstream.Stored) error { return nil }); err != nil {
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
		b.must(s.Read(b.ctx(), c.filter, eventstream.Range{After: c.after, Until: c.until}, func(e eventstream.Stored) error {
			got = append(got, e.Seq)
			return nil
		}))
		if !slices.Equal(got, c.want) {
			b.Errorf("%d to %d of %v: %v", c.after, c.until, c.filter, got)
		}
	}
	if err := s.Read(b.ctx(), []string{"bad type"}, eventstream.Range{Until: 1}, nil); !errors.Is(err, eventstream.ErrConfig) {
		b.Errorf("a bad filter: %v", err)
	}
}

// times returns when the first n events were stored.
func (b *bench) times(s *eventstream.Stream, n uint64) (at []time.Time) {
	b.Helper()
	b.must(s.Read(b.ctx(), nil, eventstream.Range{Until: n}, func(e eventstream.Stored) error {
		at = append(at, e.At)
		return nil
	}))
	return at
}

func testReadSince(b *bench) {
	s := b.connected()
	future := time.Now().Add(time.Hour)
	if err := s.Read(b.ctx(), nil, eventstream.Range{Since: future, Until: 5}, nil); err != nil {
		b.Errorf("an empty stream: %v", err)
	}
	for n := 1; n <= 6; n++ { // each at a time of its own
		b.publish(s, created(n))
	}
	b.publish(s, progressed(7))
	at := b.times(s, 7)
	for _, c := range []struct {
		name   string
		filter []string
		within eventstream.Range
		want   []uint64
	}{
		{"at the time of an event", nil, eventstream.Range{Since: at[3], Until: 7}, []uint64{4, 5, 6, 7}},
		{"between two events", nil, eventstream.Range{Since: at[3].Add(time.Nanosecond), Until: 7}, []uint64{5, 6, 7}},
		{"before all events", nil, eventstream.Range{Since: at[0].Add(-time.Hour), Until: 2}, []uint64{1, 2}},
		{"behind all events", nil, eventstream.Range{Since: future, Until: 100}, nil},
		{"behind the end", nil, eventstream.Range{Since: at[3], Until: 3}, nil},
		{"with a later sequence", nil, eventstream.Range{After: 5, Since: at[3], Until: 7}, []uint64{6, 7}},
		{"with an earlier sequence", nil, eventstream.Range{After: 2, Since: at[3], Until: 5}, []uint64{4, 5}},
		{"of one type", []string{charter.TypeMissionCreated}, eventstream.Range{Since: at[4], Until: 7}, []uint64{5, 6}},
		{"of two types", []string{charter.TypeMissionProgressed, charter.TypeMissionCreated}, eventstream.Range{Since: at[4], Until: 7}, []uint64{5, 6, 7}},
		{"of a type that is gone by then", []string{charter.TypeMissionCreated}, eventstream.Range{Since: at[6], Until: 7}, nil},
	} {
		var got []uint64
		b.must(s.Read(b.ctx(), c.filter, c.within, func(e eventstream.Stored) error {
			got = append(got, e.Seq)
			return nil
		}))
		if !slices.Equal(got, c.want) {
			b.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func testFollowSince(b *bench) {
	s := b.connected()
	for n := 1; n <= 4; n++ {
		b.publish(s, created(n))
	}
	at := b.times(s, 4)
	f, late := b.followSince(s, at[2]), b.followSince(s, time.Now().Add(time.Hour))
	if after := await(b, f.begun, "beginning"); after != 2 {
		b.Errorf("it begins after %d", after)
	}
	if after := await(b, late.begun, "beginning"); after != 4 {
		b.Errorf("with a time to come, it begins after %d", after)
	}
	b.publish(s, created(5))
	if got := f.next(3); !slices.Equal(got, []int{3, 4, 5}) {
		b.Errorf("told of %v", got)
	}
}

func testReadStops(b *bench) {
	s := b.connected()
	b.publish(s, batchOf(1, 6)...)
	enough, seen := errors.New("enough"), 0
	err := s.Read(b.ctx(), nil, eventstream.Range{Until: 5}, func(eventstream.Stored) error {
		if seen++; seen == 2 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || seen != 2 {
		b.Errorf("%v after %d events", err, seen)
	}
}
