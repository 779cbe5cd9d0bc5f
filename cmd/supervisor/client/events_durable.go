package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/wakeup"
)

// ackWait is how soon an event is redelivered if a run printed it and died before the
// acknowledgement.
const ackWait = 5 * time.Second

// errCaughtUp ends a run that does not follow.
var errCaughtUp = errors.New("everything stored has been printed")

// durableEvents prints events with a durable consumer and acknowledges each one after
// printing it.
func durableEvents(ctx context.Context, c *ui.Console, s *remote.Session, stored jetstream.Stream, f *eventFlags, p *eventPrinter) (err error) {
	if err := f.suit(ctx, stored); err != nil {
		return err
	}
	events, err := eventstream.Open(eventstream.Config{
		URL: s.Broker.URLs, Options: s.Broker.Options, ConsumeOnly: true,
		Logger: slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), remote.ConnectTimeout)
		defer cancel()
		if closeErr := events.Close(closing); err == nil {
			err = closeErr
		}
	}()
	run, finish := context.WithCancelCause(ctx)
	defer finish(nil)
	w := &catchUp{stream: stored, durable: f.durable, last: stored.CachedInfo().State.LastSeq, changed: wakeup.New()}
	var watching sync.WaitGroup
	if !f.follow {
		watching.Go(func() { w.watch(run, c.Interval, finish) })
	}
	err = events.Consume(run, f.consumer(w.status), func(_ context.Context, d eventstream.Delivery) error {
		p.print(d.Raw.Data())
		if failure := p.out.Failure(); failure != nil {
			finish(failure)
			return failure // not acknowledged, since it was not shown
		}
		return nil
	})
	finish(nil)
	watching.Wait()
	if errors.Is(err, errCaughtUp) {
		p.none("All events have been shown; wait for new ones with --follow.")
		return nil
	}
	return err
}

// suit refuses to reuse a durable consumer with other filters or another start: it would
// silently skip or repeat events.
func (f *eventFlags) suit(ctx context.Context, stored jetstream.Stream) error {
	ctx, cancel := context.WithTimeout(ctx, remote.ConnectTimeout)
	defer cancel()
	consumer, err := stored.Consumer(ctx, f.durable)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look up the durable consumer %s: %w", f.durable, err)
	}
	other := fmt.Sprintf("choose another --durable, or remove this one with: nats consumer rm %s %s", eventstream.DefaultStreamName, f.durable)
	if f.since != "" {
		return ui.Usagef("--since cannot move the durable consumer %s, which exists and continues where it stopped; omit --since, %s", f.durable, other)
	}
	has := typesOf(consumer.CachedInfo().Config)
	if !slices.Equal(slices.Sorted(slices.Values(has)), slices.Sorted(slices.Values(f.types))) {
		return ui.Usagef("the durable consumer %s already exists, for %s; use the same filters, %s", f.durable, filterFlags(has), other)
	}
	f.types = has // in the consumer's order
	return nil
}

// typesOf returns the event types that a consumer is limited to; none means all.
func typesOf(config jetstream.ConsumerConfig) []string {
	subjects := config.FilterSubjects
	if config.FilterSubject != "" {
		subjects = []string{config.FilterSubject}
	}
	var types []string
	for _, subject := range subjects {
		t, _ := eventstream.EventType(subject)
		types = append(types, t)
	}
	return types
}

// filterFlags formats event types as flags.
func filterFlags(types []string) string {
	if len(types) == 0 {
		return "events of every type, without --type"
	}
	var flags []string
	for _, t := range types {
		flags = append(flags, "--type '"+ui.Clean(t)+"'")
	}
	return strings.Join(flags, " ")
}

// consumer describes the durable consumer.
func (f *eventFlags) consumer(status func(eventstream.ConsumerStatus)) eventstream.ConsumerConfig {
	config := eventstream.ConsumerConfig{Durable: f.durable, Filter: f.types, AckWait: ackWait, OnStatus: status}
	if !f.begin.IsZero() {
		config.Start, config.Since = eventstream.StartSince, f.begin
	}
	return config
}

// catchUp detects when a durable consumer has reached the end of what was stored when it
// began.
type catchUp struct {
	stream   jetstream.Stream
	durable  string
	last     uint64 // sequence in the stream
	attached atomic.Bool
	changed  wakeup.Signal
}

// status records what the consumer has done.
func (w *catchUp) status(s eventstream.ConsumerStatus) {
	w.attached.Store(s.Attached)
	w.changed.Send()
}

// watch ends the run when nothing is left. The broker does not report this, so watch asks
// it after each step and at intervals.
func (w *catchUp) watch(ctx context.Context, every time.Duration, finish context.CancelCauseFunc) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		if w.attached.Load() && w.done(ctx) {
			finish(errCaughtUp)
			return
		}
		select {
		case <-w.changed:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *catchUp) done(ctx context.Context) bool {
	consumer, err := w.stream.Consumer(ctx, w.durable)
	if err != nil {
		return false // asked again soon
	}
	info := consumer.CachedInfo()
	return info.NumPending == 0 && info.NumAckPending == 0 || info.AckFloor.Stream >= w.last && w.last > 0
}
