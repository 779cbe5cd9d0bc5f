package client

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func schedulesCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "schedules",
		Aliases: []string{"schedule"},
		GroupID: ui.GroupAction,
		Short:   "List and set schedules, which create missions at times",
		Long: `List and set schedules. A schedule creates a mission at the times of a cron expression in a
time zone, or every so often. The mission's ID is the schedule's and the time, in Unix
seconds, so that each time has one mission, whatever happens to the supervisors. Without a
command, schedules lists them.`,
		Example: `  supervisor schedules
  supervisor schedules set nightly "report" --cron "0 2 * * *" --time-zone Europe/Berlin
  supervisor schedules get nightly
  supervisor schedules trigger nightly`,
	}
	config.AddConnectionFlags(cmd)
	cmd.AddCommand(schedulesListCommand(c), schedulesGetCommand(c), schedulesSetCommand(c), schedulesTriggerCommand(c),
		schedulesPauseCommand(c, true), schedulesPauseCommand(c, false), schedulesBackfillCommand(c), schedulesPreviewCommand(c),
		schedulesDeleteCommand(c))
	listSchedules(c, cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return ui.UnknownCommand(cmd, args[0])
		}
		return nil
	}
	return cmd
}

func schedulesListCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List schedules, by ID",
		Example: `  supervisor schedules list
  supervisor schedules list --watch
  supervisor schedules list --json | jq -r '.schedules[] | select(.paused) | .id'`,
		Args: ui.NoArguments,
	}
	listSchedules(c, cmd)
	return cmd
}

// listSchedules makes cmd list schedules.
func listSchedules(c *ui.Console, cmd *cobra.Command) {
	l := addListFlags(cmd)
	var request api.SchedulesRequest
	addPageFlags(cmd, "schedules", &request.Limit, &request.Cursor, request.Page)
	cmd.RunE = showReply(c, l, api.OpSchedules, &request, func(out *ui.Screen, reply *api.ScheduleList) {
		if l.names {
			printNames(out, reply.Schedules, func(s *api.Schedule) string { return s.ID })
		} else {
			schedulesTable(out, reply.Schedules)
		}
		noteCursor(out, len(reply.Schedules), reply.NextCursor)
	})
}

func schedulesTable(out *ui.Screen, schedules []api.Schedule) {
	if len(schedules) == 0 {
		out.Note("No schedules. Add one with: supervisor schedules set ID NAME --cron EXPRESSION\n")
		return
	}
	g := out.Table("Schedules", "ID", "State", "When", "Next", "Last", "Missed#", "Mission")
	g.Drop("Mission", "Missed", "Last")
	for i := range schedules {
		s := &schedules[i].Schedule
		g.Row(s.ID, scheduleState(out, s), s.ScheduleSpec.String(), out.Moment(s.NextAt.Time()), out.Moment(s.LastAt.Time()),
			ui.Count(s.Missed), ui.Shorten(s.Mission.Name, 40))
	}
	g.Print()
}

// scheduleState says whether a schedule will be due.
func scheduleState(out *ui.Screen, s *missions.Schedule) ui.Painted {
	switch {
	case s.Paused:
		return out.Paint(ui.Yellow, "paused")
	case s.NextAt == 0:
		return out.Paint("", "ended")
	}
	return out.Paint(ui.Green, "on")
}

// oneSchedule accepts the id of one schedule.
func oneSchedule(cmd *cobra.Command, args []string) error {
	if err := ui.Arguments(1, 1, "the ID of a schedule")(cmd, args); err != nil {
		return err
	}
	return checkScheduleID(args[0])
}

func checkScheduleID(id string) error {
	var invalid *missions.Error
	if err := missions.CheckToken("id", id); errors.As(err, &invalid) {
		return ui.Usagef("%q is not a schedule ID: it %s", ui.Shorten(id, 80), invalid.Message)
	}
	return nil
}

func schedulesGetCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show a schedule, and when it is due next",
		Example: `  supervisor schedules get nightly
  supervisor schedules get nightly --json | jq .next_times`,
		Args:              oneSchedule,
		ValidArgsFunction: remote.ScheduleIDs(c),
	}
	l := addLookFlags(cmd)
	var request api.IDRequest
	cmd.PreRunE = func(_ *cobra.Command, ids []string) error {
		request.ID = ids[0]
		return nil
	}
	cmd.RunE = showReply(c, l, api.OpSchedule, &request, scheduleCard)
	return cmd
}

func scheduleCard(out *ui.Screen, s *api.Schedule) {
	card := out.Card("Schedule " + s.ID)
	card.Line("State", scheduleState(out, &s.Schedule))
	card.Line("When", s.ScheduleSpec.String())
	card.Line("Starts", out.Moment(s.StartsAt.Time()))
	card.Line("Ends", out.Moment(s.EndsAt.Time()))
	card.Line("Catches up", s.CatchUp)
	if s.CatchUp != missions.CatchUpNone {
		card.Line("Within", ui.DurationWords(time.Duration(s.CatchUpSeconds)*time.Second))
	}
	if s.JitterSeconds > 0 {
		card.Line("Jitter", ui.DurationWords(time.Duration(s.JitterSeconds)*time.Second))
	}
	card.Gap()
	card.Line("Mission", s.Mission.Name)
	card.Line("Type", s.Mission.Type)
	if s.Mission.Overlaps() {
		card.Line("Overlap", "yes")
	}
	card.Line("Unique", uniqueText(s.Occurrence(s.EndsAt).Unique))
	card.Line("Data", ui.Shorten(string(s.Mission.Data), 300))
	card.Gap()
	next := make([]string, len(s.NextTimes))
	for i, at := range s.NextTimes {
		next[i] = out.Moment(at.Time())
	}
	card.Line("Next", strings.Join(next, "\n"))
	card.Line("Last", out.Moment(s.LastAt.Time()))
	card.Line("Missed", ui.Count(s.Missed))
	card.Line("Why", s.LastError)
	card.Gap()
	card.Line("Created", out.Moment(s.CreatedAt.Time()))
	card.Line("Changed", out.Moment(s.ChangedAt.Time()))
	if s.By != "" && !s.ByProven {
		s.By += " (unproven)"
	}
	card.Line("By", s.By)
	card.Print()
}

func schedulesTriggerCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trigger ID",
		Short: "Create a mission of a schedule now",
		Long: `Create a mission of a schedule now, also while the schedule is paused. If the schedule's
latest mission has not ended and they may not overlap, none is created: the command shows
that one.`,
		Example: `  supervisor schedules trigger nightly
  supervisor schedules trigger nightly --json | jq -r .mission.id | xargs supervisor missions wait`,
		Args:              oneSchedule,
		ValidArgsFunction: remote.ScheduleIDs(c),
	}
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		reply, raw, err := remote.Ask(ctx, s, api.OpTriggerSchedule, api.IDRequest{ID: ids[0]})
		switch {
		case err != nil:
			return remote.BadRequest(err)
		case *asJSON:
			c.Out.JSON(raw)
		case reply.Created:
			c.Out.Printf("Created mission %s\n", ui.Clean(reply.Mission.ID))
		default:
			c.Out.Printf("Mission %s is still %s, and no other was created\n", ui.Clean(reply.Mission.ID), ui.Clean(string(reply.Mission.Status)))
		}
		return nil
	})
	return cmd
}

// schedulesPauseCommand returns the command that pauses a schedule, or the one that resumes it.
func schedulesPauseCommand(c *ui.Console, pause bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "pause ID",
		Short:             "Pause a schedule: it creates no missions until it is resumed",
		Example:           `  supervisor schedules pause nightly`,
		Args:              oneSchedule,
		ValidArgsFunction: remote.ScheduleIDs(c),
	}
	done := "Paused"
	if !pause {
		done = "Resumed"
		cmd.Use, cmd.Short, cmd.Example = "resume ID", "Resume a schedule that is paused", `  supervisor schedules resume nightly`
		cmd.Long = `Resume a schedule that is paused. What it did not do meanwhile is not caught up; see
schedules backfill.`
	}
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		reply, raw, err := pauseSchedule(ctx, s, ids[0], pause)
		switch {
		case err != nil:
			return err
		case *asJSON:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("%s schedule %s%s\n", done, ui.Clean(reply.ID), nextWords(c.Out, &reply))
		}
		return nil
	})
	return cmd
}

// pauseSchedule pauses or resumes a schedule. If somebody changes it meanwhile, it is read again, so that no change
// is lost.
func pauseSchedule(ctx context.Context, s *remote.Session, id string, pause bool) (reply api.Schedule, raw []byte, err error) {
	for range mostTries {
		var found api.Schedule
		if found, err = s.Client.Schedule(ctx, id); err != nil {
			return reply, nil, remote.BadRequest(err)
		}
		request := api.SetScheduleRequest{ScheduleSpec: found.ScheduleSpec, IfChangedAt: found.ChangedAt}
		request.Paused = pause
		if reply, raw, err = sendSchedule(ctx, s, request); !errors.Is(err, api.ErrConflict) {
			return reply, raw, err
		}
	}
	return reply, nil, err
}

// nextWords says when a schedule is due next.
func nextWords(out *ui.Screen, s *api.Schedule) string {
	if s.NextAt == 0 {
		return ""
	}
	return "; next: " + out.Moment(s.NextAt.Time())
}

func schedulesBackfillCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backfill ID --from TIME",
		Short: "Create the missions of past times of a schedule",
		Long: `Create the missions of past times of a schedule, each once: a time that has a mission is
left out, so that you can repeat the command. The missions may run at the same time. At most
1000 times are allowed in one command.`,
		Example: `  supervisor schedules backfill nightly --from 7d
  supervisor schedules backfill nightly --from 2026-01-01 --to 2026-01-31`,
		Args:              oneSchedule,
		ValidArgsFunction: remote.ScheduleIDs(c),
	}
	from := cmd.Flags().String("from", "", "the first `TIME`: 7d for seven days ago, or 2026-01-31T15:04:05Z")
	to := cmd.Flags().String("to", "", "the last `TIME`; default: now")
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	var request api.BackfillRequest
	cmd.PreRunE = func(cmd *cobra.Command, ids []string) (err error) {
		request.ID = ids[0]
		if *from == "" {
			return ui.Usagef("--from is required: the first time, such as 7d or 2026-01-31")
		}
		if err = parseMoments(c, -1, momentFlag{"from", *from, &request.From}, momentFlag{"to", *to, &request.To}); err != nil {
			return err
		}
		_, err = request.Backfill()
		return remote.BadFlag(err)
	}
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		reply, raw, _, err := askAgain(ctx, func() (api.Backfilled, []byte, error) { return remote.Ask(ctx, s, api.OpBackfill, request) })
		switch {
		case err != nil:
			return remote.BadRequest(err)
		case *asJSON:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("Created %s, %s already existed\n", ui.Plural(reply.Created, "mission", "missions"), ui.Count(reply.Existing))
		}
		return nil
	})
	return cmd
}

func schedulesDeleteCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete ID",
		Short:             "Delete a schedule; its missions stay",
		Example:           `  supervisor schedules delete nightly --yes`,
		Args:              oneSchedule,
		ValidArgsFunction: remote.ScheduleIDs(c),
	}
	confirmed := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	remove := remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		reply, raw, err := remote.Ask(ctx, s, api.OpDeleteSchedule, api.IDRequest{ID: ids[0]})
		switch {
		case err != nil:
			return remote.BadRequest(err)
		case *asJSON:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("Deleted schedule %s\n", ui.Clean(reply.ID))
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, ids []string) error {
		if err := confirmDeletion(c, *confirmed, "schedule "+ids[0]); err != nil {
			return err
		}
		return remove(cmd, ids)
	}
	return cmd
}
