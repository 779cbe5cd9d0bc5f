package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
		Short:   "Show past events, and follow new ones",
		Long: `Show events of the stream EVENTS, in order: those of the last hour, those since a time, or
new ones.

With --durable, the broker remembers your position under a name: each event is
acknowledged once it is printed, and the next run continues after it. The first run starts
with the oldest event, or at --since. It also fixes the --type filters: give the same ones
in every later run.

This command needs the broker, but not the supervisor.`,
		Example: `  supervisor events
  supervisor events --follow --type 'mission.>'
  supervisor events --since 24h --json | jq -r .type | sort | uniq -c
  supervisor events --durable billing --type mission.status_changed --json`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	var f eventFlags
	flags := cmd.Flags()
	flags.StringSliceVar(&f.types, "type", nil, "only events of this `TYPE`, with the wildcards * and >, or all that begin with mission, agent or supervisor; may be repeated")
	flags.StringVar(&f.since, "since", "", "start at this `TIME`: 2h for two hours ago, or 2026-01-31T15:04:05Z (default 1h; with --follow, now)")
	flags.BoolVarP(&f.follow, "follow", "f", false, "show new events as they arrive, until Ctrl-C")
	flags.StringVar(&f.durable, "durable", "", "continue where the last run with this `NAME` stopped")
	flags.BoolVar(&f.json, "json", false, "print the envelopes as JSON, one per line")
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
	f.types = wholeFamilies(f.types)
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

// wholeFamilies replaces the first word of event types, such as mission, by all types that
// begin with it.
func wholeFamilies(types []string) []string {
	whole := slices.Clone(types)
	for i, name := range whole {
		if slices.ContainsFunc(charter.Catalogue(), func(e charter.Entry) bool { return strings.HasPrefix(e.Type, name+".") }) {
			whole[i] = name + ".>"
		}
	}
	return whole
}

// readEvents prints the events stored so far, or follows the stream. It leaves nothing behind
// at the broker.
func readEvents(ctx context.Context, nc *nats.Conn, stream jetstream.Stream, f *eventFlags, p *eventPrinter) error {
	reader, err := eventstream.NewReader(nc, eventstream.DefaultStreamName)
	if err != nil {
		return err
	}
	show := func(e eventstream.Stored) error {
		p.print(e.Data)
		return p.out.Failure()
	}
	if f.follow {
		ctx, stop := context.WithCancelCause(ctx)
		defer stop(nil)
		trouble := ""
		err = reader.Follow(ctx, eventstream.Follower{Filter: f.types, Since: f.begin,
			Event: func(e eventstream.Stored) {
				if failure := show(e); failure != nil {
					stop(failure)
				}
			},
			Interrupted: func(err error) {
				switch {
				case err == nil:
					trouble = ""
					p.err.Printf("supervisor: reading events again\n")
					return
				case !nc.IsConnected():
					err = remote.ErrBrokerAway
				}
				if refused, ok := errors.AsType[*eventstream.RefusedConsumer](err); ok {
					err = refused
				}
				if text := remote.ErrorText(err); text != trouble {
					p.err.Printf("supervisor: %s; trying again\n", ui.Clean(text))
					trouble = text
				}
			}})
	} else {
		err = reader.Read(ctx, f.types, eventstream.Range{Since: f.begin, Until: stream.CachedInfo().State.LastSeq}, show)
		if err == nil {
			p.none("Look further back with --since 7d, or wait for new ones with --follow.")
		}
	}
	if err != nil && ctx.Err() == nil && p.out.Failure() == nil {
		return fmt.Errorf("cannot read the events: %w", err)
	}
	return err
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
