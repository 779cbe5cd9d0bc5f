package streamtest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

var publishTests = []test{
	{"MessageIsAsAgreed", testMessage},
	{"PublishIsIdempotent", testIdempotent},
	{"InvalidEventIsRefused", testInvalid},
	{"BatchKeepsOrder", testBatchOrder},
	{"BatchOfOneInFlight", testBatchOneInFlight},
	{"BatchStopsAtTheFirstFailure", testBatchStops},
	{"BatchStopsAtARefusal", testBatchRefused},
	{"BatchRepeatedIsStoredOnce", testBatchRepeated},
	{"BatchesFromManyCallers", testManyCallers},
	{"PublishHonoursItsContext", testPublishContext},
	{"Last", testLast},
	{"Extent", testExtent},
}

func testMessage(b *bench) {
	s := b.connected()
	ev := progressed(7)
	ev.Meta.Traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	ack, err := s.Publish(b.ctx(), ev)
	b.must(err)
	if ack != (eventstream.Ack{Seq: 1}) {
		b.Errorf("ack = %+v, want sequence 1", ack)
	}
	broadcast := created(8)
	_, err = s.Publish(b.ctx(), broadcast)
	b.must(err)

	msgs := b.stored(b.admin(), "EVENTS")
	if len(msgs) != 2 {
		b.Fatalf("%d messages stored, want 2", len(msgs))
	}
	if got := msgs[0].Subject; got != "events.mission.progressed" {
		b.Errorf("subject = %q", got)
	}
	want := map[string]string{
		"Nats-Msg-Id": ev.ID.String(), "ce-specversion": "1.0", "ce-id": ev.ID.String(), "ce-type": "mission.progressed",
		"ce-source": "missions_service", "ce-time": "2026-03-01T12:30:15.250001Z", "ce-subject": "mission_m-7",
		"content-type": "application/json", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	}
	for name, value := range want {
		if got := msgs[0].Header[name]; !slices.Equal(got, []string{value}) {
			b.Errorf("header %s = %q, want %q", name, got, value)
		}
	}
	if len(msgs[0].Header) != len(want) {
		b.Errorf("headers = %v, want these %d only", msgs[0].Header, len(want))
	}
	for _, absent := range []string{"ce-subject", "traceparent"} {
		if _, there := msgs[1].Header[absent]; there {
			b.Errorf("a broadcast without trace has the header %s", absent)
		}
	}
	got, err := charter.Decode(msgs[0].Data)
	b.must(err)
	if got.ID != ev.ID || got.Target != "mission_m-7" || !got.Timestamp.Equal(at) {
		b.Errorf("the body is another event: %+v", got)
	}
}

func testIdempotent(b *bench) {
	s := b.connected()
	ev := created(1)
	first, err := s.Publish(b.ctx(), ev)
	b.must(err)
	second, err := s.Publish(b.ctx(), ev)
	b.must(err)
	if first.Duplicate || !second.Duplicate || first.Seq != second.Seq {
		b.Errorf("acks = %+v and %+v, want the second to be a duplicate of the first", first, second)
	}
	if st := s.Status(); st.Published != 2 || st.Duplicates != 1 {
		b.Errorf("published %d, duplicates %d, want 2 and 1", st.Published, st.Duplicates)
	}
	if got := b.storedNumbers(b.admin()); !slices.Equal(got, []int{1}) {
		b.Errorf("stored %v, want [1]", got)
	}
}

func testInvalid(b *bench) {
	s := b.connected()
	_, err := s.Publish(b.ctx(), invalid())
	if !errors.Is(err, eventstream.ErrUnpublishable) || !errors.Is(err, charter.ErrInvalid) {
		b.Errorf("error = %v, want ErrUnpublishable and charter.ErrInvalid", err)
	}
	if st := s.Status(); st.State != eventstream.Connected {
		b.Errorf("an invalid event has degraded the stream: %+v", st)
	}
}

func testBatchOrder(b *bench) {
	s := b.connected()
	n, err := s.PublishBatch(b.ctx(), batchOf(0, 2500)) // more than fits in the window
	if n != 2500 || err != nil {
		b.Fatalf("stored %d, %v, want 2500", n, err)
	}
	if got := b.storedNumbers(b.admin()); !slices.Equal(got, upTo(2500)) {
		b.Errorf("%d events stored, not the 2500 in order", len(got))
	}
	if n, err := s.PublishBatch(b.ctx(), nil); n != 0 || err != nil {
		b.Errorf("empty batch: %d, %v", n, err)
	}
}

func testBatchOneInFlight(b *bench) {
	cfg := b.config()
	cfg.MaxInFlight = 1
	s := b.open(cfg)
	b.awaitState(s, eventstream.Connected)
	n, err := s.PublishBatch(b.ctx(), batchOf(0, 50))
	if n != 50 || err != nil {
		b.Fatalf("stored %d, %v, want 50", n, err)
	}
	if got := b.storedNumbers(b.admin()); !slices.Equal(got, upTo(50)) {
		b.Errorf("stored %v, want 0..49", got)
	}
}

func testBatchStops(b *bench) {
	s := b.connected()
	events := batchOf(0, 10)
	events[5] = invalid()
	n, err := s.PublishBatch(b.ctx(), events)
	if n != 5 || !errors.Is(err, eventstream.ErrUnpublishable) {
		b.Errorf("stored %d, %v, want 5 and ErrUnpublishable", n, err)
	}
	if got := b.storedNumbers(b.admin()); !slices.Equal(got, upTo(5)) {
		b.Errorf("stored %v, want 0..4", got)
	}
}

// The broker rejects one event. With one in flight, none after it is sent.
func testBatchRefused(b *bench) {
	b.createStream(b.admin(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, MaxMsgSize: 4096})
	cfg := b.config()
	cfg.MaxInFlight = 1
	s := b.open(cfg)
	b.awaitState(s, eventstream.Connected)
	events := batchOf(0, 100)
	events[50] = charter.New(charter.MissionProgressed{MissionID: "m", Message: strings.Repeat("x", 5000), ProgressedAt: at}, at)
	n, err := s.PublishBatch(b.ctx(), events)
	if n != 50 || !errors.Is(err, eventstream.ErrUnpublishable) {
		b.Errorf("stored %d, %v, want 50 and ErrUnpublishable", n, err)
	}
	if got := b.storedNumbers(b.admin()); !slices.Equal(got, upTo(50)) {
		b.Errorf("stored %v, want 0..49", got)
	}
	if st := s.Status(); st.State != eventstream.Connected {
		b.Errorf("one event too large has degraded the stream: %+v", st)
	}
}

func testBatchRepeated(b *bench) {
	s := b.connected()
	events := batchOf(0, 300)
	_, err := s.PublishBatch(b.ctx(), events[:200])
	b.must(err)
	n, err := s.PublishBatch(b.ctx(), events) // as after an unknown outcome
	if n != 300 || err != nil {
		b.Fatalf("stored %d, %v, want 300", n, err)
	}
	if got := b.storedNumbers(b.admin()); !slices.Equal(got, upTo(300)) {
		b.Errorf("%d events stored, not the 300 in order", len(got))
	}
	if got := s.Status().Duplicates; got != 200 {
		b.Errorf("duplicates = %d, want 200", got)
	}
}

func testManyCallers(b *bench) {
	s := b.connected()
	const callers, each = 8, 100
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			if c%2 == 0 {
				if n, err := s.PublishBatch(b.ctx(), batchOf(c*each, (c+1)*each)); n != each || err != nil {
					b.Errorf("caller %d: stored %d, %v", c, n, err)
				}
				return
			}
			for n := c * each; n < (c+1)*each; n++ {
				s.Emit(progressed(n)) // telemetry in between
				if _, err := s.Publish(b.ctx(), created(n)); err != nil {
					b.Errorf("caller %d: %v", c, err)
				}
			}
		})
	}
	wg.Wait()
	b.must(s.Close(b.ctx()))

	next := make(map[int]int) // the number expected next, per caller
	for _, msg := range b.stored(b.admin(), "EVENTS") {
		ev, err := charter.Decode(msg.Data)
		b.must(err)
		if ev.Type != charter.TypeMissionCreated {
			continue
		}
		c := number(b, ev) / each
		if got, want := number(b, ev), c*each+next[c]; got != want {
			b.Fatalf("caller %d: event %d stored where %d was due", c, got, want)
		}
		next[c]++
	}
	for c := range callers {
		if next[c] != each {
			b.Errorf("caller %d: %d of %d events stored", c, next[c], each)
		}
	}
}

func testPublishContext(b *bench) {
	s := b.connected()
	b.Hang(b.T)
	ctx, cancel := context.WithTimeout(b.ctx(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Publish(ctx, created(1)); !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("publish: %v, want its context's error", err)
	}
	if n, err := s.PublishBatch(ctx, batchOf(2, 5)); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		b.Errorf("batch: %d, %v, want its context's error", n, err)
	}
	b.Resume(b.T)
}

func testLast(b *bench) {
	s := b.connected()
	if _, _, err := s.Last(b.ctx(), charter.TypeMissionCreated); !errors.Is(err, eventstream.ErrNotFound) {
		b.Errorf("last of an empty stream: %v, want ErrNotFound", err)
	}
	events := batchOf(0, 3)
	_, err := s.PublishBatch(b.ctx(), events)
	b.must(err)
	_, err = s.Publish(b.ctx(), progressed(9))
	b.must(err)
	got, seq, err := s.Last(b.ctx(), charter.TypeMissionCreated)
	b.must(err)
	if got.ID != events[2].ID || seq != 3 {
		b.Errorf("last = event %s, sequence %d; want %s, 3", got.ID, seq, events[2].ID)
	}
	if _, seq, err := s.Last(b.ctx(), "mission.>"); err != nil || seq != 4 {
		b.Errorf("last of mission.> = sequence %d, %v; want 4", seq, err)
	}
	if _, _, err := s.Last(b.ctx(), "mission..x"); !errors.Is(err, eventstream.ErrConfig) {
		b.Errorf("last of a malformed type: %v, want ErrConfig", err)
	}
}

func testExtent(b *bench) {
	s := b.connected()
	fresh, err := s.Extent(b.ctx())
	b.must(err)
	if fresh.Last != 0 || fresh.Created.IsZero() {
		b.Errorf("a new stream: %+v", fresh)
	}
	events := batchOf(0, 10)
	if ack, err := s.PublishBatchWhile(b.ctx(), nil, events[:6]); ack != (eventstream.BatchAck{Stored: 6, Newest: 5, Seq: 6}) {
		b.Errorf("acknowledged %+v, %v", ack, err)
	}
	// The events that are repeated keep their sequences.
	again := slices.Concat(events[6:8], events[2:6])
	if ack, err := s.PublishBatchWhile(b.ctx(), nil, again); ack != (eventstream.BatchAck{Stored: 6, Newest: 1, Seq: 8}) {
		b.Errorf("acknowledged %+v, %v", ack, err)
	}
	found, err := s.At(b.ctx(), 8)
	b.must(err)
	if e, err := charter.Decode(found.Data); err != nil || e.ID != events[7].ID || found.Seq != 8 {
		b.Errorf("at 8: %+v, %v", found, err)
	}
	stream, err := b.admin().Stream(b.ctx(), "EVENTS")
	b.must(err)
	b.must(stream.Purge(b.ctx()))
	if _, err := s.At(b.ctx(), 8); !errors.Is(err, eventstream.ErrNotFound) {
		b.Errorf("at 8 after a purge: %v, want ErrNotFound", err)
	}
	if purged, err := s.Extent(b.ctx()); err != nil || purged != (eventstream.Extent{Created: fresh.Created, Last: 8}) {
		b.Errorf("after a purge: %+v, %v", purged, err)
	}
	b.must(b.admin().DeleteStream(b.ctx(), "EVENTS"))
	var anew eventstream.Extent
	b.retry("the stream is created anew", func(ctx context.Context) (ok bool, err error) {
		anew, err = s.Extent(ctx)
		return err == nil, err
	})
	if anew.Last != 0 || !anew.Created.After(fresh.Created) {
		b.Errorf("created anew: %+v", anew)
	}
}
