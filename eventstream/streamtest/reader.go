package streamtest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

var readerTests = []test{
	{"ReaderReadsOnAConnectionOfTheCallers", testReader},
	{"ReaderFollowsBeyondAnOutageAndANewStream", testReaderFollows},
	{"ReaderBeginsOnlyWhereThereIsAStream", testReaderWithoutStream},
	{"TailReadsTheNewest", testTail},
}

// reader returns a reader on a connection that reconnects by itself.
func (b *bench) reader() *eventstream.Reader {
	b.Helper()
	cfg := b.config()
	nc, err := nats.Connect(cfg.URL, append(cfg.Options, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))...)
	b.must(err)
	b.Cleanup(nc.Close)
	r, err := eventstream.NewReader(nc, eventstream.DefaultStreamName)
	b.must(err)
	return r
}

func testReader(b *bench) {
	s, r := b.connected(), b.reader()
	b.publish(s, batchOf(1, 8)...)
	at := b.times(s, 7)
	var got []uint64
	b.must(r.Read(b.ctx(), []string{"mission.>"}, eventstream.Range{After: 2, Since: at[0], Until: 6}, func(e eventstream.Stored) error {
		got = append(got, e.Seq)
		return nil
	}))
	if !slices.Equal(got, []uint64{3, 4, 5, 6}) {
		b.Errorf("read %v", got)
	}
	b.retry("no consumer left behind", func(ctx context.Context) (bool, error) {
		stream, err := b.admin().Stream(ctx, eventstream.DefaultStreamName)
		return err == nil && stream.CachedInfo().State.Consumers < 2, err // that of times goes later
	})
	enough := errors.New("enough")
	if err := r.Read(b.ctx(), nil, eventstream.Range{Until: 6}, func(eventstream.Stored) error { return enough }); !errors.Is(err, enough) {
		b.Errorf("a function that fails: %v", err)
	}
	if err := r.Read(b.ctx(), nil, eventstream.Range{}, nil); err != nil {
		b.Errorf("an empty range: %v", err)
	}
	if err := r.Read(b.ctx(), []string{"bad type"}, eventstream.Range{Until: 1}, nil); !errors.Is(err, eventstream.ErrConfig) {
		b.Errorf("a bad filter: %v", err)
	}
}

func testReaderFollows(b *bench) {
	s, r := b.connected(), b.reader()
	b.publish(s, batchOf(1, 3)...)
	ctx, stop := context.WithCancelCause(b.ctx())
	stopped := errors.New("stopped")
	f := &following{b: b, got: make(chan eventstream.Stored, 1000), begun: make(chan uint64, 1000)}
	done := make(chan error, 1)
	go func() {
		done <- r.Follow(ctx, eventstream.Follower{Begin: func(after uint64) { f.begun <- after }, Event: func(e eventstream.Stored) { f.got <- e }})
	}()
	if after := await(b, f.begun, "beginning"); after != 2 {
		b.Errorf("it begins after %d", after)
	}
	b.publish(s, batchOf(3, 5)...)
	if got := f.next(2); !slices.Equal(got, []int{3, 4}) {
		b.Errorf("told of %v", got)
	}
	b.Stop(b.T)
	b.awaitState(s, eventstream.Degraded)
	b.Start(b.T)
	b.awaitState(s, eventstream.Connected)
	b.publish(s, batchOf(5, 8)...)
	if got := f.next(3); !slices.Equal(got, []int{5, 6, 7}) {
		b.Errorf("after the outage, told of %v", got)
	}
	b.must(b.admin().DeleteStream(b.ctx(), eventstream.DefaultStreamName))
	b.retry("a new stream", func(ctx context.Context) (bool, error) {
		_, err := b.admin().Stream(ctx, eventstream.DefaultStreamName)
		return err == nil, err
	})
	b.awaitState(s, eventstream.Connected)
	b.publish(s, batchOf(8, 9)...)
	if got := f.next(1); !slices.Equal(got, []int{8}) {
		b.Errorf("with a new stream, told of %v", got)
	}
	stop(stopped)
	if err := await(b, done, "end"); !errors.Is(err, stopped) {
		b.Errorf("Follow returned %v", err)
	}
}

func testReaderWithoutStream(b *bench) {
	b.connected()
	r, err := eventstream.NewReader(b.admin().Conn(), "NOBODYS")
	b.must(err)
	if err := r.Follow(b.ctx(), eventstream.Follower{}); err == nil {
		b.Error("Follow: no error")
	}
	if err := r.Read(b.ctx(), nil, eventstream.Range{Until: 3}, nil); err == nil {
		b.Error("Read: no error")
	}
	if _, err := r.Tail(nil, 10, 10).Next(b.ctx()); err == nil {
		b.Error("Tail: no error")
	}
}

func testTail(b *bench) {
	s := b.connected()
	tail := b.reader().Tail([]string{charter.TypeMissionCreated}, 4, 3)
	// A replica may lag, so what is expected may come with a later call.
	expect := func(what string, want ...int) {
		b.Helper()
		var got []int
		b.retry(what, func(ctx context.Context) (bool, error) {
			events, err := tail.Next(ctx)
			for _, stored := range events {
				e, err := charter.Decode(stored.Data)
				b.must(err)
				got = append(got, number(b, e))
			}
			return len(got) >= len(want), err
		})
		if !slices.Equal(got, want) {
			b.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	b.publish(s, batchOf(1, 6)...)
	b.publish(s, progressed(6))
	expect("the newest", 3, 4, 5)
	expect("nothing more")
	b.publish(s, batchOf(7, 9)...)
	expect("what came later", 7, 8)
	b.publish(s, batchOf(10, 30)...)
	expect("more than are returned", 10, 11, 12)
	expect("the newest again", 26, 27, 28)
	expect("the rest", 29)
	expect("nothing more at the end")
}
