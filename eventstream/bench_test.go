package eventstream_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/eventstream/streamtest"
)

// awaitConnected waits for the stream's own notification.
func awaitConnected(ctx context.Context, tb testing.TB, s *eventstream.Stream) {
	tb.Helper()
	for {
		changed := s.Changed()
		if s.Status().State == eventstream.Connected {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			tb.Fatalf("never connected: %+v", s.Status())
		}
	}
}

// benchStream returns a connected stream on an embedded broker behind a proxy.
func benchStream(b *testing.B, cfg eventstream.Config) (*eventstream.Stream, *streamtest.Proxy) {
	b.Helper()
	broker, err := embedded.Start(b.Context(), embedded.Config{StoreDir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	proxy, err := streamtest.StartProxy(broker.Addr())
	if err != nil {
		b.Fatal(err)
	}
	cfg.URL = proxy.URL()
	s, err := eventstream.Open(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Close(ctx) // cannot be drained when the broker hangs
		proxy.Close()
		if err := broker.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	})
	awaitConnected(b.Context(), b, s)
	return s, proxy
}

func benchEvent() charter.Event {
	at := time.Date(2026, 5, 4, 3, 2, 1, 123_456_000, time.UTC)
	return charter.New(charter.StatusQueried{TotalMissions: 1_000_000, RunningMissions: 12, PendingMissions: 900_000, AgentCount: 4, QueriedAt: at}, at)
}

// BenchmarkEmitHung measures the cost of telemetry for a caller while the broker
// reads but never answers.
func BenchmarkEmitHung(b *testing.B) {
	s, proxy := benchStream(b, eventstream.Config{})
	proxy.Hang()
	ev := benchEvent()
	b.ReportAllocs()
	for b.Loop() {
		s.Emit(ev)
	}
}

// BenchmarkEmitHungParallel is BenchmarkEmitHung on all cores at once.
func BenchmarkEmitHungParallel(b *testing.B) {
	s, proxy := benchStream(b, eventstream.Config{})
	proxy.Hang()
	ev := benchEvent()
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			s.Emit(ev)
		}
	})
}

// BenchmarkEmitDegraded is BenchmarkEmitHung once the stream knows it is degraded.
func BenchmarkEmitDegraded(b *testing.B) {
	s, err := eventstream.Open(eventstream.Config{URL: "nats://127.0.0.1:1"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			b.Error(err)
		}
	})
	ev := benchEvent()
	b.ReportAllocs()
	for b.Loop() {
		s.Emit(ev)
	}
}

// BenchmarkPublishBatch measures the throughput of the durable path, per event.
func BenchmarkPublishBatch(b *testing.B) {
	s, _ := benchStream(b, eventstream.Config{})
	const size = 1000
	b.ReportAllocs()
	for n := 0; b.Loop(); n += size {
		b.StopTimer()
		batch := make([]charter.Event, size)
		for i := range batch {
			batch[i] = benchEvent()
		}
		b.StartTimer()
		if stored, err := s.PublishBatch(b.Context(), batch); err != nil {
			b.Fatalf("stored %d: %v", stored, err)
		}
	}
	b.ReportMetric(float64(size*b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkPublish publishes one durable event at a time.
func BenchmarkPublish(b *testing.B) {
	s, _ := benchStream(b, eventstream.Config{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Publish(b.Context(), benchEvent()); err != nil {
			b.Fatal(err)
		}
	}
}
