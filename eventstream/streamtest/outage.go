package streamtest

import (
	"context"
	"slices"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
)

var outageTests = []test{
	{"DegradedAtFirstThenConnected", testStartsLater},
	{"RestartsUnderPublishing", testRestartsUnderPublishing},
	{"HungBrokerUnderPublishing", testHungUnderPublishing},
}

func testStartsLater(b *bench) {
	b.Stop(b.T)
	s := b.open(b.config())
	st := b.awaitReason(s, "cannot be reached")
	if st.LastError == "" || st.LastErrorAt.IsZero() {
		b.Errorf("status says too little: %+v", st)
	}
	b.Start(b.T)
	st = b.awaitState(s, eventstream.Connected)
	if st.Reason != "" {
		b.Errorf("connected with the reason %q", st.Reason)
	}
	_, err := s.Publish(b.ctx(), created(1))
	b.must(err)
	for _, line := range []string{"event stream degraded", "event stream connected"} {
		if got := b.log.Count(line); got != 1 {
			b.Errorf("%d lines %q, want 1:\n%s", got, line, b.log)
		}
	}
}

// relayed is how many events the tests below relay, in batches of relayBatch.
const relayed, relayBatch = 6000, 250

// disturbances is how often a relay is disturbed.
const disturbances = 3

// relay publishes events like an outbox relay: in order, in batches, continuing
// after what is known to be stored, until all of it is. It signals a milestone for
// each disturbance and continues while the test handles it. There is one milestone
// more, so that the last disturbance ends before the last events are sent.
func relay(ctx context.Context, s *eventstream.Stream, events []charter.Event, milestone chan<- int) error {
	logged := 0
	for at := 0; at < len(events); {
		if logged <= disturbances && at >= (logged+1)*len(events)/(disturbances+2) {
			milestone <- logged
			logged++
		}
		changed := s.Changed()
		if s.Status().State != eventstream.Connected {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		n, _ := s.PublishBatch(ctx, events[at:min(at+relayBatch, len(events))])
		at += n
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// disturb relays the given number of events and disturbs the relay at its
// milestones, while it is sending.
func disturb(b *bench, s *eventstream.Stream, events int, disturbance func(round int)) {
	milestone := make(chan int)
	result := make(chan error, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 5*Timeout) // many waits
	defer cancel()
	go func() {
		defer close(milestone)
		result <- relay(ctx, s, batchOf(0, events), milestone)
	}()
	for round := range milestone {
		if round < disturbances {
			disturbance(round)
		}
	}
	b.must(<-result)
	var got []int
	for _, msg := range b.stored(b.admin(), eventstream.DefaultStreamName) {
		ev, err := charter.Decode(msg.Data)
		b.must(err)
		if ev.Type == charter.TypeMissionCreated { // not what a test emits meanwhile
			got = append(got, number(b, ev))
		}
	}
	if !slices.Equal(got, upTo(events)) {
		b.Errorf("%d events stored, not the %d exactly once and in order: %v", len(got), events, firstMisfit(got))
	}
}

// firstMisfit returns the first stored event that is out of place.
func firstMisfit(got []int) []int {
	for i, n := range got {
		if n != i {
			return got[max(0, i-2):min(len(got), i+3)]
		}
	}
	return nil
}

func testRestartsUnderPublishing(b *bench) {
	s := b.connected()
	lines := func() (degraded, connected int) {
		return b.log.Count("event stream degraded"), b.log.Count("event stream connected")
	}
	degradedAtFirst, connectedAtFirst := lines() // a new stream of a cluster may not have a leader yet
	disturb(b, s, relayed, func(int) {
		b.Stop(b.T)
		b.Start(b.T)
	})
	b.awaitState(s, eventstream.Connected)
	degraded, connected := lines()
	degraded, connected = degraded-degradedAtFirst, connected-connectedAtFirst
	if degraded == 0 || connected != degraded {
		b.Errorf("%d lines of degradation and %d of connection, want some, and as many of the latter:\n%s", degraded, connected, b.log)
	}
}

func testHungUnderPublishing(b *bench) {
	s := b.connected()
	disturb(b, s, relayed, func(round int) {
		if round > 0 {
			return // once is enough: it costs a timeout
		}
		b.Hang(b.T)
		b.awaitState(s, eventstream.Degraded)
		b.Resume(b.T)
		b.awaitState(s, eventstream.Connected)
	})
}
