package live

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
)

// slowStream is a connected event stream whose reader takes its time to begin.
type slowStream struct {
	begin chan uint64             // gets the position at which the reader begins
	store chan eventstream.Stored // gets the events that are stored after that
}

func (s *slowStream) Status() eventstream.Status {
	return eventstream.Status{State: eventstream.Connected}
}

func (s *slowStream) Changed() <-chan struct{} { return nil }

func (s *slowStream) Follow(ctx context.Context, f eventstream.Follower) error {
	for {
		select {
		case position := <-s.begin:
			f.Begin(position)
		case e := <-s.store:
			f.Event(e)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *slowStream) Read(context.Context, []string, eventstream.Range, func(eventstream.Stored) error) error {
	return nil
}

// record keeps what a watcher is told, in order.
type record struct{ calls []string }

func (r *record) Event(e eventstream.Stored) error { r.calls = append(r.calls, e.Type); return nil }
func (r *record) Gap(api.Gap) error                { r.calls = append(r.calls, "gap"); return nil }
func (r *record) State(s api.StreamState) error    { r.calls = append(r.calls, s.State); return nil }
func (r *record) Idle() error                      { return nil }

// A watcher that hears "connected" gets every event that is stored from then on. So it
// does not hear it before its place in the stream is known.
func TestConnectedMeansThatNothingIsMissed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stream := &slowStream{begin: make(chan uint64), store: make(chan eventstream.Stored)}
		events := NewEvents(stream, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		loops.Go(func() { events.Run(ctx) })
		var heard record
		loops.Go(func() { _ = events.Watch(ctx, api.EventsRequest{Type: "mission.created"}, &heard) })
		synctest.Wait()
		if len(heard.calls) != 0 {
			t.Errorf("before its place is known, the watcher heard %v", heard.calls)
		}
		stream.begin <- 5
		synctest.Wait()
		stream.store <- eventstream.Stored{Seq: 6, Type: "mission.created"}
		synctest.Wait()
		cancel()
		loops.Wait()
		if len(heard.calls) != 2 || heard.calls[0] != "connected" || heard.calls[1] != "mission.created" {
			t.Errorf("the watcher heard %v, want connected and mission.created", heard.calls)
		}
	})
}
