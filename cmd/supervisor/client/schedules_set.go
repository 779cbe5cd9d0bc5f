package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// timesFlags are the flags that say when a schedule is due.
type timesFlags struct{ every, offset string }

func (f *timesFlags) add(cmd *cobra.Command, expression, zone *string) {
	flags := cmd.Flags()
	flags.StringVar(expression, "cron", "", "when: an `EXPRESSION` of five fields, such as \"0 2 * * mon-fri\", or @hourly, @daily, @weekly, @monthly, @yearly")
	flags.StringVar(zone, "time-zone", "", "the `ZONE` of --cron, such as Europe/Berlin; default: UTC")
	flags.StringVar(&f.every, "every", "", "when, instead of --cron: every `DURATION`, from midnight UTC on if it divides a day")
	flags.StringVar(&f.offset, "offset", "", "with --every: this `DURATION` later")
	for _, name := range []string{"cron", "time-zone", "every", "offset"} {
		ui.CompleteFlag(cmd, name, ui.CompleteNothing)
	}
}

// seconds parses a flag with a duration of whole seconds; an empty one is 0.
func seconds(flag, text string, least, most time.Duration) (int64, error) {
	if text == "" {
		return 0, nil
	}
	d, err := ui.DurationWithin(text, least, most)
	switch {
	case err != nil:
		return 0, ui.Usagef("--%s: %v", flag, err)
	case d%time.Second != 0:
		return 0, ui.Usagef("--%s: %s is not a number of whole seconds", flag, text)
	}
	return int64(d / time.Second), nil
}

func (f *timesFlags) complete(every, offset *int64) (err error) {
	if *every, err = seconds("every", f.every, time.Second, maxTimeout); err == nil {
		*offset, err = seconds("offset", f.offset, 0, maxTimeout)
	}
	return err
}

// scheduleFlags are the flags that describe a schedule.
type scheduleFlags struct {
	spec          missions.ScheduleSpec
	times         timesFlags
	work          createFlags
	within        string
	jitter        string
	starts, ends  string
	file          string
	overlap, json bool
}

func schedulesSetCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set ID NAME | set ID --file FILE",
		Short: "Add a schedule, or change it",
		Long: `Add a schedule that creates missions called NAME, or change it: what the command does not
say has its default. Setting a schedule to what it already says changes nothing, so that you
can repeat the command. A FILE has the schedule as a JSON object with the fields of the
protocol, as schedules get --json shows some of them.

By default, a mission is not created while the one before it has not ended; --overlap
changes that. If nothing ran when missions were due, the last of them is created later;
--catch-up changes that.`,
		Example: `  supervisor schedules set nightly "report" --cron "0 2 * * *" --time-zone Europe/Berlin --type report
  supervisor schedules set poll "look for orders" --every 5m --data '{"shop": 7}' --overlap
  supervisor schedules set close "close the month" --cron "0 6 L * *" --catch-up all --jitter 10m
  supervisor schedules set nightly --file nightly.json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if err := ui.Arguments(1, 2, "the ID of a schedule, and the NAME of its missions or --file FILE")(cmd, args); err != nil {
				return err
			}
			return checkScheduleID(args[0])
		},
		ValidArgsFunction: remote.ScheduleIDs(c),
	}
	var f scheduleFlags
	f.add(c, cmd)
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error { return f.complete(c, cmd, args) }
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		reply, raw, err := sendSchedule(ctx, s, api.SetScheduleRequest{ScheduleSpec: f.spec})
		switch {
		case err != nil:
			return err
		case f.json:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("Schedule %s is set%s\n", ui.Clean(reply.ID), nextWords(c.Out, &reply))
		}
		return nil
	})
	return cmd
}

func (f *scheduleFlags) add(c *ui.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	f.times.add(cmd, &f.spec.Cron, &f.spec.TimeZone)
	f.work.addWork(c, cmd)
	flags.BoolVar(&f.overlap, "overlap", false, "create a mission even if the one before it has not ended")
	flags.StringVar((*string)(&f.spec.CatchUp), "catch-up", "", "`WHICH` missions to create that were due while nothing ran: last (the default), all or none")
	flags.StringVar(&f.within, "catch-up-within", "", "create none that was due longer than this `DURATION` ago; default: 1d")
	flags.StringVar(&f.jitter, "jitter", "", "start each mission up to this `DURATION` later, at a time of its own")
	flags.StringVar(&f.starts, "starts", "", "create no missions before this `TIME`: 7d for in seven days, or 2026-01-31T15:04:05Z")
	flags.StringVar(&f.ends, "ends", "", "create no missions after this `TIME`")
	flags.BoolVar(&f.spec.Paused, "paused", false, "create no missions until the schedule is resumed")
	flags.StringVar(&f.file, "file", "", "read the schedule from this `FILE`, as JSON; - for standard input")
	flags.BoolVar(&f.json, "json", false, "print the reply as JSON")
	ui.CompleteFlag(cmd, "catch-up", ui.CompleteWords("last", "all", "none"))
	for _, name := range []string{"catch-up-within", "jitter", "starts", "ends"} {
		ui.CompleteFlag(cmd, name, ui.CompleteNothing)
	}
}

// complete turns the flags, or the file, into a schedule.
func (f *scheduleFlags) complete(c *ui.Console, cmd *cobra.Command, args []string) error {
	if f.file != "" {
		return f.fromFile(c, cmd, args)
	}
	if len(args) < 2 {
		return ui.Usagef("%s needs the NAME of its missions, or --file FILE; see %s --help", ui.ShortPath(cmd), cmd.CommandPath())
	}
	f.work.spec.Name = args[1]
	if err := f.work.completeWork(c, cmd); err != nil {
		return err
	}
	f.spec.ID, f.spec.Mission = args[0], templateOf(&f.work.spec)
	if f.overlap {
		f.spec.Mission.Unique = []byte("null")
	}
	err := f.times.complete(&f.spec.EverySeconds, &f.spec.OffsetSeconds)
	if err != nil {
		return err
	}
	if f.spec.CatchUpSeconds, err = seconds("catch-up-within", f.within, time.Second, maxTimeout); err != nil {
		return err
	}
	if f.spec.JitterSeconds, err = seconds("jitter", f.jitter, 0, ui.Day); err != nil {
		return err
	}
	if err := parseMoments(c, 1, momentFlag{"starts", f.starts, &f.spec.StartsAt}, momentFlag{"ends", f.ends, &f.spec.EndsAt}); err != nil {
		return err
	}
	return badScheduleFlag(checkSchedule(&f.spec))
}

// templateOf returns what the missions of a schedule have in common, as the flags say.
func templateOf(spec *api.MissionSpec) missions.Template {
	return missions.Template{
		Name: spec.Name, Description: spec.Description, Type: spec.Type, Data: spec.Data, Priority: spec.Priority, Tags: spec.Tags,
		MaxAttempts: spec.MaxAttempts, TimeoutSeconds: spec.TimeoutSeconds, StallSeconds: spec.StallSeconds, CorrelationID: spec.CorrelationID,
		Key: spec.Key, Limits: spec.Limits, Requires: spec.Requires, Preference: spec.Preference,
	}
}

// checkSchedule finds what the supervisor would reject.
func checkSchedule(spec *missions.ScheduleSpec) error {
	request := api.SetScheduleRequest{ScheduleSpec: *spec}
	_, err := request.Spec()
	return err
}

// badScheduleFlag turns a domain error about a field of a schedule into a usage error about its flag.
func badScheduleFlag(err error) error {
	var invalid *missions.Error
	if !errors.As(err, &invalid) {
		return err
	}
	flags := map[string]string{"every_seconds": "--every", "offset_seconds": "--offset", "catch_up_seconds": "--catch-up-within",
		"jitter_seconds": "--jitter", "starts_at": "--starts", "ends_at": "--ends", "id": "the ID", "mission": "the mission"}
	if flag, known := flags[invalid.Field]; known {
		return ui.Usagef("%s %s", flag, invalid.Message)
	}
	within := *invalid
	within.Field = strings.TrimPrefix(within.Field, "mission.")
	return remote.BadFlag(&within)
}

// fromFile reads the schedule from a file, which excludes the flags that describe one.
func (f *scheduleFlags) fromFile(c *ui.Console, cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return ui.Usagef("--file contains the name of the missions; omit the name %q", args[1])
	}
	for _, name := range []string{"cron", "time-zone", "every", "offset", "type", "data", "priority", "tag", "description", "correlation-id",
		"max-attempts", "timeout", "stall", "key", "limits", "requires", "overlap", "catch-up", "catch-up-within", "jitter", "starts", "ends", "paused"} {
		if cmd.Flags().Changed(name) {
			return ui.Usagef("--%s cannot be combined with --file", name)
		}
	}
	text, err := readSchedule(c, f.file)
	if err != nil {
		return err
	}
	request, err := api.Decode[api.SetScheduleRequest](text)
	if err == nil {
		if request.ID != "" && request.ID != args[0] {
			return ui.Usagef("--file: the schedule in %s is %q, not %q", f.file, request.ID, args[0])
		}
		request.ID = args[0]
		err = checkSchedule(&request.ScheduleSpec)
	}
	var invalid *missions.Error
	if errors.As(err, &invalid) {
		return ui.Usagef("--file: %s", ui.Clean(invalid.Error()))
	}
	f.spec = request.ScheduleSpec
	return err
}

func readSchedule(c *ui.Console, name string) ([]byte, error) {
	input := c.In
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, ui.Usagef("--file: cannot read %s: %v", name, fileperm.Cause(err))
		}
		defer func() { _ = file.Close() }() // nothing was written
		input = file
	}
	text, err := io.ReadAll(io.LimitReader(input, api.MaxBody+1))
	if err != nil {
		return nil, fmt.Errorf("--file: cannot read %s: %w", name, fileperm.Cause(err))
	}
	return text, nil
}

// sendSchedule sets a schedule, and repeats that when its outcome is unknown.
func sendSchedule(ctx context.Context, s *remote.Session, request api.SetScheduleRequest) (reply api.Schedule, raw []byte, err error) {
	reply, raw, unknown, err := askAgain(ctx, func() (api.Schedule, []byte, error) { return remote.Ask(ctx, s, api.OpSetSchedule, request) })
	if unknown {
		return reply, raw, remote.ErrorAbout("it is not known whether the schedule was set", err)
	}
	return reply, raw, remote.BadRequest(err)
}

func schedulesPreviewCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "preview --cron EXPRESSION",
		Short: "Show when a schedule would be due",
		Example: `  supervisor schedules preview --cron "30 2 * * *" --time-zone Europe/Berlin
  supervisor schedules preview --every 90m --count 20`,
		Args: ui.NoArguments,
	}
	var request api.PreviewRequest
	var times timesFlags
	times.add(cmd, &request.Cron, &request.TimeZone)
	cmd.Flags().IntVar(&request.Count, "count", api.NextTimes, "this `NUMBER` of times, 1 to 100")
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if err := times.complete(&request.EverySeconds, &request.OffsetSeconds); err != nil {
			return err
		}
		if request.Count == 0 {
			request.Count = -1 // on the wire, 0 means the default
		}
		_, _, err := request.Timing()
		return badScheduleFlag(err)
	}
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		reply, raw, err := remote.Ask(ctx, s, api.OpPreview, request)
		switch {
		case err != nil:
			return remote.BadRequest(err)
		case *asJSON:
			c.Out.JSON(raw)
		default:
			printTimes(c.Out, reply.Times, request.TimeZone)
		}
		return nil
	})
	return cmd
}

// printTimes prints times as they are in a zone, and, if that is another one, here.
func printTimes(out *ui.Screen, times []missions.Time, zone string) {
	there, err := time.LoadLocation(zone)
	for _, at := range times {
		line := out.Moment(at.Time())
		if zone != "" && err == nil && there.String() != out.Zone.String() {
			line = at.Time().In(there).Format(time.DateTime) + " " + zone + "  (" + line + " here)"
		}
		out.Printf("%s\n", line)
	}
}
