package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
)

// eventFlags say which events to show, and how.
type eventFlags struct {
	types   []string
	since   string
	durable string
	follow  bool
	json    bool

	begin time.Time // zero: start with the next event
}

// defaultSince is how far back events are shown by default.
const defaultSince = time.Hour

func eventsCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "events",
		GroupID: ui.GroupLook,
		Short:   "Show what has happened, and follow what happens",
		Long: `Show the events of the stream EVENTS, in their order: those of the last hour, those
since a time, or those to come.

With --durable the broker remembers under a name how far one has come: each event is
acknowledged once it is printed, and the next run goes on behind it. The first run
begins with the oldest event, or at --since; it also settles the --type filters, which
every later run has to repeat.

Only the broker has to be there, not the supervisor.`,
		Example: `  supervisor events
  supervisor events --follow --type 'mission.>'
  supervisor events --since 24h --json | jq -r .type | sort | uniq -c
  supervisor events --durable billing --type mission.status_changed --json`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	var f eventFlags
	flags := cmd.Flags()
	flags.StringSliceVar(&f.types, "type", nil, "only events of this `TYPE`, with the wildcards * and >; may be given several times")
	flags.StringVar(&f.since, "since", "", "begin at this `TIME`: 2h ago, or 2026-01-31T15:04:05Z (default 1h, or now with --follow)")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on with what happens, until Ctrl-C")
	flags.StringVar(&f.durable, "durable", "", "go on where the last run with this `NAME` stopped")
	flags.BoolVar(&f.json, "json", false, "print the envelopes as JSON, one on each line")
	ui.CompleteFlag(cmd, "type", eventTypes)
	cmd.PreRunE = func(*cobra.Command, []string) error { return f.check(c) }
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		stream, err := remote.OpenEvents(ctx, s.Conn)
		if err != nil {
			return remote.EndOfWatch(ctx, err)
		}
		p := &eventPrinter{out: c.Out, err: c.Err, json: f.json}
		if f.durable != "" {
			return remote.EndOfWatch(ctx, durableEvents(ctx, c, s, stream, &f, p))
		}
		return remote.EndOfWatch(ctx, readEvents(ctx, s.Conn, stream, &f, p))
	})
	return cmd
}

// check validates the flags and finds out where to begin.
func (f *eventFlags) check(c *ui.Console) error {
	name := f.durable
	if name == "" {
		name = "unused"
	}
	if err := (eventstream.ConsumerConfig{Durable: name, Filter: f.types}).WithDefaults().Validate(); err != nil {
		text := strings.TrimPrefix(err.Error(), eventstream.ErrConfig.Error()+": ")
		return ui.Usagef("%s", strings.Replace(strings.Replace(text, "Durable", "--durable", 1), "event type", "--type:", 1))
	}
	switch {
	case f.since != "":
		begin, err := c.ParseTime(f.since, -1)
		if err != nil {
			return ui.Usagef("--since: %v", err)
		}
		f.begin = begin
	case !f.follow && f.durable == "":
		f.begin = time.Now().Add(-defaultSince)
	}
	return nil
}

const (
	// eventHeartbeat is the broker's heartbeat interval for an idle consumer. After two
	// missed heartbeats the client library makes another consumer: the broker node that
	// had it may be gone, or our request may have been lost.
	eventHeartbeat = time.Second

	// stallCheck is how long known events may be overdue before the reader asks whether
	// they still exist. It is longer than the library needs to miss heartbeats, since the
	// library counts them within one call only.
	stallCheck = 3 * eventHeartbeat

	// interruptTimeout is how long the library may take to notice Ctrl-C.
	interruptTimeout = time.Second
)

// eventReader prints events as they are stored.
type eventReader struct {
	nc   *nats.Conn
	f    *eventFlags
	p    *eventPrinter
	seen uint64 // the sequence of the last printed event
	last uint64 // the last sequence to print, unless it follows
}

// readEvents prints events with an ordered consumer, which leaves nothing behind at the
// broker. It prints the events stored so far, or follows the stream.
func readEvents(ctx context.Context, nc *nats.Conn, stream jetstream.Stream, f *eventFlags, p *eventPrinter) error {
	config := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy}
	for _, t := range f.types {
		config.FilterSubjects = append(config.FilterSubjects, eventstream.Subject(t))
	}
	if !f.begin.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &f.begin
	}
	r := &eventReader{nc: nc, f: f, p: p, last: stream.CachedInfo().State.LastSeq}
	consumer, err := stream.OrderedConsumer(ctx, config)
	if err != nil {
		return fmt.Errorf("the events cannot be read: %w", err)
	}
	defer forget(ctx, stream, consumer)
	if done, err := r.done(ctx, consumer.CachedInfo().NumPending); done || err != nil {
		if err == nil {
			p.none("Look further back with --since 7d, or wait for some with --follow.")
		}
		return err
	}
	messages, err := consumer.Messages(jetstream.PullHeartbeat(eventHeartbeat))
	if err != nil {
		return fmt.Errorf("the events cannot be read: %w", err)
	}
	defer messages.Stop()
	defer context.AfterFunc(ctx, func() { r.stop(messages) })()
	return r.print(ctx, messages)
}

// stop ends a wait for messages. While the library makes another consumer, for up to ten
// seconds if the broker hangs, only the end of the connection interrupts it.
func (r *eventReader) stop(messages jetstream.MessagesContext) {
	defer time.AfterFunc(interruptTimeout, r.nc.Close).Stop()
	messages.Stop()
}

// print prints messages as they arrive. Unless it follows, it ends when nothing is left.
func (r *eventReader) print(ctx context.Context, messages jetstream.MessagesContext) error {
	for {
		pending := uint64(0)
		msg, err := messages.Next(jetstream.NextMaxWait(stallCheck))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, nats.ErrTimeout): // the pending events may have been deleted
		case err != nil:
			return fmt.Errorf("the events cannot be read on: %w", err)
		default:
			r.p.print(msg.Data())
			if err := r.p.out.Failure(); err != nil {
				return err
			}
			meta, err := msg.Metadata()
			if err != nil {
				return err
			}
			r.seen, pending = meta.Sequence.Stream, meta.NumPending
		}
		if done, err := r.done(ctx, pending); done || err != nil {
			return err
		}
	}
}

// done reports whether all requested events have been printed. A consumer with nothing
// pending may be on a replica that lags, so done asks the stream's leader.
func (r *eventReader) done(ctx context.Context, pending uint64) (bool, error) {
	switch {
	case r.f.follow:
		return false, nil
	case r.seen >= r.last:
		return true, nil
	case pending > 0:
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, remote.ConnectTimeout)
	defer cancel()
	newest, err := eventstream.Newest(ctx, r.nc, eventstream.DefaultStreamName, r.f.types)
	switch {
	case errors.Is(err, eventstream.ErrNotFound):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("the newest event cannot be looked up: %w", err)
	}
	return newest.Seq <= r.seen || newest.At.Before(r.f.begin), nil
}

// forget deletes an ordered consumer. The broker would delete it after some minutes
// anyway, so a failure does not matter.
func forget(ctx context.Context, stream jetstream.Stream, consumer jetstream.Consumer) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = stream.DeleteConsumer(ctx, consumer.CachedInfo().Name)
}

// eventTypes suggests the types of the catalogue.
func eventTypes(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var found []string
	for _, entry := range charter.Catalogue() {
		if strings.HasPrefix(entry.Type, begun) {
			found = append(found, cobra.CompletionWithDesc(entry.Type, entry.Description))
		}
	}
	for _, all := range []string{"mission.>", "agent.>", "supervisor.>"} {
		if strings.HasPrefix(all, begun) {
			found = append(found, all)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}
