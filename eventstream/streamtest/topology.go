package streamtest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/eventstream"
)

var topologyTests = []test{
	{"StreamIsCreatedAsAgreed", testStreamIsCreated},
	{"StreamOfAnOperatorIsLeftAsItIs", testStreamIsNotAltered},
	{"OverlappingStreamIsNamed", testOverlap},
	{"NarrowedStreamIsNamed", testNarrowed},
	{"StreamThatDoesNotAcknowledge", testNoAck},
	{"DeletedStreamIsCreatedAgain", testDeleted},
	{"DeletedIdleStreamIsCreatedAgain", testDeletedWhileIdle},
	{"ForeignStreams", testForeignStreams},
}

func testStreamIsCreated(b *bench) {
	s := b.connected()
	stream, err := b.admin().Stream(b.ctx(), "EVENTS")
	b.must(err)
	have := stream.CachedInfo().Config
	for name, ok := range map[string]bool{
		"subjects":    slices.Equal(have.Subjects, []string{"events.>"}),
		"storage":     have.Storage == jetstream.FileStorage,
		"retention":   have.Retention == jetstream.LimitsPolicy,
		"discard":     have.Discard == jetstream.DiscardOld,
		"max age":     have.MaxAge == 7*24*time.Hour,
		"duplicates":  have.Duplicates == 30*time.Second,
		"compression": have.Compression == jetstream.S2Compression,
		"replicas":    have.Replicas == b.Replicas(),
		"direct":      have.AllowDirect,
		"atomic":      have.AllowAtomicPublish,
		"ack":         !have.NoAck,
	} {
		if !ok {
			b.Errorf("%s of the stream is not as agreed: %+v", name, have)
		}
	}
	if st := s.Status(); st.Reason != "" || st.Published != 0 || st.Dropped != 0 {
		b.Errorf("status of a fresh stream: %+v", st)
	}
	if got := stream.CachedInfo().State.Msgs; got != 0 {
		b.Errorf("finding out whether the stream works has stored %d messages in it", got)
	}
}

func testStreamIsNotAltered(b *bench) {
	b.createStream(b.admin(), jetstream.StreamConfig{
		Name: "EVENTS", Subjects: []string{"events.>"}, MaxAge: time.Hour, MaxMsgs: 77,
	})
	s := b.connected()
	_, err := s.Publish(b.ctx(), created(1))
	b.must(err)

	stream, err := b.admin().Stream(b.ctx(), "EVENTS")
	b.must(err)
	if have := stream.CachedInfo().Config; have.MaxAge != time.Hour || have.MaxMsgs != 77 || have.Compression != jetstream.NoCompression {
		b.Errorf("the operator's settings were changed: %+v", have)
	}
	if got := b.log.Count("left unchanged"); got != 1 {
		b.Errorf("%d lines about other settings, want 1:\n%s", got, b.log)
	}
	for _, want := range []string{"max_age is 1h0m0s, expected 168h0m0s", "compression is None, expected S2"} {
		if !strings.Contains(b.log.String(), want) {
			b.Errorf("the log lacks %q:\n%s", want, b.log)
		}
	}
}

func testOverlap(b *bench) {
	js := b.admin()
	b.createStream(js, jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"events.mission.>"}})
	s := b.open(b.config())
	b.awaitReason(s, "cannot create the stream EVENTS, because OTHER already covers subjects of events.>")
	if _, err := s.Publish(b.ctx(), created(1)); !errors.Is(err, eventstream.ErrDegraded) {
		b.Errorf("publish while degraded: %v, want ErrDegraded", err)
	}
	b.must(js.DeleteStream(b.ctx(), "OTHER"))
	b.awaitState(s, eventstream.Connected)
}

func testNarrowed(b *bench) {
	js := b.admin()
	b.createStream(js, jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.mission.>"}})
	s := b.open(b.config())
	b.awaitReason(s, "the stream EVENTS exists and covers events.mission.> instead of events.>")
	_, err := js.UpdateStream(b.ctx(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	b.must(err)
	b.awaitState(s, eventstream.Connected)
}

// Such a stream stores events but never acknowledges them.
func testNoAck(b *bench) {
	js := b.admin()
	mute := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, NoAck: true}
	b.createStream(js, mute)
	s := b.open(b.config())
	b.awaitReason(s, "does not answer in time")
	if !strings.Contains(b.log.String(), "no_ack is true, expected false") {
		b.Errorf("the log lacks the cause:\n%s", b.log)
	}
	mute.NoAck = false
	_, err := js.UpdateStream(b.ctx(), mute)
	b.must(err)
	b.awaitState(s, eventstream.Connected)
}

func testDeleted(b *bench) {
	s := b.connected()
	_, err := s.Publish(b.ctx(), created(0))
	b.must(err)
	b.must(b.admin().DeleteStream(b.ctx(), "EVENTS"))

	// A publish during the gap fails because nothing was stored, or is not acknowledged
	// because the stream was deleted meanwhile. Retrying, like a relay, ends with an
	// acknowledgement of the new stream.
	for {
		changed := s.Changed()
		ack, err := s.Publish(b.ctx(), created(1))
		if err == nil {
			if ack.Seq != 1 {
				b.Errorf("sequence in the new stream = %d, want 1", ack.Seq)
			}
			break
		}
		if errors.Is(err, eventstream.ErrAckTimeout) {
			continue
		}
		if !errors.Is(err, eventstream.ErrNoStream) && !errors.Is(err, eventstream.ErrDegraded) {
			b.Fatalf("publish without a stream: %v, want ErrNoStream or ErrDegraded", err)
		}
		if s.Status().State == eventstream.Connected {
			b.awaitChange(s, changed)
		}
		b.awaitState(s, eventstream.Connected)
	}
	if got := b.storedNumbers(b.admin()); !slices.Equal(got, []int{1}) {
		b.Errorf("the new stream holds %v, want [1]", got)
	}
}

func testDeletedWhileIdle(b *bench) {
	s := b.connected()
	changed := s.Changed()
	b.must(b.admin().DeleteStream(b.ctx(), "EVENTS"))
	b.awaitChange(s, changed)
	b.awaitState(s, eventstream.Connected)
	_, err := b.admin().Stream(b.ctx(), "EVENTS")
	b.must(err)
}

func testForeignStreams(b *bench) {
	s := b.connected()
	names, err := s.ForeignStreams(b.ctx(), "supervisor.>")
	b.must(err)
	if len(names) != 0 {
		b.Errorf("foreign streams = %v, want none", names)
	}
	js := b.admin()
	for name, subject := range map[string]string{"WIDE": "supervisor.>", "APART": "other.>"} {
		b.createStream(js, jetstream.StreamConfig{Name: name, Subjects: []string{subject}})
	}
	b.awaitForeignStreams(s, "WIDE")
	b.must(js.DeleteStream(b.ctx(), "WIDE"))
	for _, name := range []string{"B", "A"} {
		b.createStream(js, jetstream.StreamConfig{Name: name, Subjects: []string{"supervisor." + strings.ToLower(name)}})
	}
	b.awaitForeignStreams(s, "A", "B")
}

// awaitForeignStreams waits until these streams, and no others, are found: in a cluster,
// the server that answers may learn of a stream after the one that created it.
func (b *bench) awaitForeignStreams(s *eventstream.Stream, want ...string) {
	b.Helper()
	ctx := b.ctx()
	for {
		names, err := s.ForeignStreams(ctx, "supervisor.>")
		switch {
		case ctx.Err() != nil:
			b.Fatalf("foreign streams = %v, want %v", names, want)
		case err != nil:
			b.must(err)
		case slices.Equal(names, want):
			return
		}
	}
}
