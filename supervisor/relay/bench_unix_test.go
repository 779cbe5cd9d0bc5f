//go:build unix

package relay

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/missions"
)

// processTime returns the processor time that this process has used: client, broker and
// garbage collection. Unlike the time that passes, it hardly depends on what else runs.
func processTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// sampleOutbox is an outbox with the events of missions that are created, started and
// completed.
type sampleOutbox struct {
	ledge
	all  int64
	done chan struct{}
}

func newSampleOutbox(events int) *sampleOutbox {
	o := &sampleOutbox{all: int64(events), done: make(chan struct{})}
	at := missions.At(time.Now())
	for i := range events {
		e := missions.Event{Seq: int64(i) + 1, ID: uuid.New(), At: at + missions.Time(i), MissionID: uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, i/3)).String()}
		switch e.Kind = missions.EventStatusChanged; i % 3 {
		case 0:
			e.Kind, e.Name, e.Type, e.Priority = missions.EventCreated, "resize an image", "image.resize", missions.Normal
		case 1:
			e.OldStatus, e.NewStatus, e.Attempt, e.AgentID, e.Reason = missions.Pending, missions.Running, 1, "worker-17", "claimed"
		case 2:
			e.OldStatus, e.NewStatus, e.Attempt, e.AgentID = missions.Running, missions.Completed, 1, "worker-17"
		}
		o.events = append(o.events, e)
	}
	return o
}

func (o *sampleOutbox) Pending(_ context.Context, after int64, limit int) ([]missions.Event, error) {
	return o.events[after:min(after+int64(limit), o.all)], nil
}

func (o *sampleOutbox) Acknowledge(_ context.Context, upTo int64, _ string) error {
	if upTo == o.all {
		close(o.done)
	}
	return nil
}

// BenchmarkRelay measures what an event costs on its way from the outbox to the disk of an
// embedded broker.
func BenchmarkRelay(b *testing.B) {
	broker, err := embedded.Start(b.Context(), embedded.Config{StoreDir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = broker.Shutdown(context.Background()) }() // the directory is removed anyway
	stream, err := eventstream.Open(eventstream.Config{URL: broker.ClientURL()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = stream.Close(context.Background()) }()
	for changed := stream.Changed(); stream.Status().State != eventstream.Connected; changed = stream.Changed() {
		<-changed
	}
	outbox := newSampleOutbox(b.N)
	r := New(Config{Outboxes: []missions.Outbox{outbox}, Stream: stream, SyncInterval: time.Minute,
		CheckInterval: time.Second, Logger: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithCancel(b.Context())
	var loop sync.WaitGroup
	before := processTime(b)
	b.ResetTimer()
	loop.Go(func() { r.Run(ctx, day{time.Now()}) })
	<-outbox.done
	b.StopTimer()
	b.ReportMetric(float64((processTime(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/event")
	stop()
	loop.Wait()
}
