package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func limitsCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "limits",
		Aliases: []string{"limit"},
		GroupID: ui.GroupAction,
		Short:   "List and set limits: how many missions run, start and spend",
		Long: `List and set limits. A limit says how many missions run at once, how many start and how
much they use in some time, for all of them together and for each key. It applies to the
missions that name it (missions create --limit), to those of a type, or to all. Without a
command, limits lists them.`,
		Example: `  supervisor limits
  supervisor limits set anthropic --total 25 --per-key 3 --rate 60/1m --budget usd=50/1d
  supervisor limits set code --type code --total 10
  supervisor limits pause anthropic
  supervisor limits set stop --type '*' --paused --note "incident 42"`,
	}
	config.AddConnectionFlags(cmd)
	cmd.AddCommand(limitsListCommand(c), limitsGetCommand(c), limitsSetCommand(c), limitsPauseCommand(c, true), limitsPauseCommand(c, false), limitsDeleteCommand(c))
	listLimits(c, cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return ui.UnknownCommand(cmd, args[0])
		}
		return nil
	}
	return cmd
}

func limitsListCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List limits, by name",
		Example: `  supervisor limits list --watch
  supervisor limits list --json | jq -r '.limits[] | select(.full != "") | .name'`,
		Args: ui.NoArguments,
	}
	listLimits(c, cmd)
	return cmd
}

// listLimits makes cmd list limits.
func listLimits(c *ui.Console, cmd *cobra.Command) {
	l := addListFlags(cmd)
	var request api.LimitsRequest
	check := func() (int, error) {
		q, err := request.Page()
		return q.Limit, err
	}
	addPageFlags(cmd, "limits", &request.Limit, &request.Cursor, check)
	cmd.RunE = showReply(c, l, api.OpLimits, &request, func(out *ui.Screen, reply *api.LimitList) {
		if l.names {
			printNames(out, reply.Limits, func(l *missions.LimitStatus) string { return l.Name })
		} else {
			limitsTable(out, reply.Limits)
		}
		noteCursor(out, len(reply.Limits), reply.NextCursor)
	})
}

func limitsTable(out *ui.Screen, limits []missions.LimitStatus) {
	if len(limits) == 0 {
		out.Note("No limits. Add one with: supervisor limits set NAME --total N\n")
		return
	}
	g := out.Table("Limits", "Name", "State", "Applies to", "Running#", "Of#", "Waiting#", "Spent#", "Note")
	g.Drop("Note", "Spent", "Applies to")
	for i := range limits {
		l := &limits[i]
		g.Row(l.Name, limitState(out, l), appliesTo(l), ui.Count(l.Running), optionalCount(l.Total), ui.Count(l.Waiting), spentText(l), ui.Shorten(l.Note, 40))
	}
	g.Print()
}

// limitState says whether missions may start.
func limitState(out *ui.Screen, l *missions.LimitStatus) ui.Painted {
	switch l.Full {
	case "":
		return out.Paint(ui.Green, "open")
	case missions.FullPaused:
		return out.Paint(ui.Red, "paused")
	case missions.FullTotal, missions.FullRate, missions.FullBudget, missions.FullBlocked:
	}
	return out.Paint(ui.Yellow, "full: "+string(l.Full))
}

func appliesTo(l *missions.LimitStatus) string {
	switch l.Type {
	case "":
		return "missions that name it"
	case missions.AllTypes:
		return "all missions"
	}
	return "type " + l.Type
}

func optionalCount(n *int64) string {
	if n == nil {
		return ""
	}
	return ui.Count(*n)
}

func spentText(l *missions.LimitStatus) string {
	if l.Budget == nil {
		return ""
	}
	return fmt.Sprintf("%g of %g %s", l.Spent, l.Budget.Amount, l.Budget.Unit)
}

// oneLimit accepts the name of one limit.
func oneLimit(cmd *cobra.Command, args []string) error {
	if err := ui.Arguments(1, 1, "the NAME of a limit")(cmd, args); err != nil {
		return err
	}
	var invalid *missions.Error
	if err := missions.CheckToken("name", args[0]); errors.As(err, &invalid) {
		return ui.Usagef("%q is not the name of a limit: it %s", ui.Shorten(args[0], 80), invalid.Message)
	}
	return nil
}

func limitsGetCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Show a limit, and what it counts",
		Example: `  supervisor limits get anthropic
  supervisor limits get anthropic --json | jq .busiest`,
		Args:              oneLimit,
		ValidArgsFunction: remote.LimitNames(c),
	}
	l := addLookFlags(cmd)
	var request api.LimitNameRequest
	cmd.PreRunE = func(_ *cobra.Command, names []string) error {
		request.Name = names[0]
		return nil
	}
	cmd.RunE = showReply(c, l, api.OpLimit, &request, limitCard)
	return cmd
}

func limitCard(out *ui.Screen, l *missions.LimitStatus) {
	card := out.Card("Limit " + l.Name)
	card.Line("State", limitState(out, l))
	card.Line("Opens", out.Moment(l.OpensAt.Time()))
	card.Line("Applies to", appliesTo(l))
	card.Line("Note", l.Note)
	card.Gap()
	running := ui.Count(l.Running)
	if l.Total != nil {
		running += " of " + ui.Count(*l.Total)
	}
	card.Line("Running", running)
	card.Line("Per key", optionalCount(l.PerKey))
	card.Line("Waiting", ui.Count(l.Waiting))
	if l.MaxPendingPerKey != nil {
		card.Line("Pending", "at most "+ui.Count(*l.MaxPendingPerKey)+" per key")
	}
	if l.Rate != nil {
		card.Line("Rate", fmt.Sprintf("%s every %s", ui.Plural(l.Rate.Count, "start", "starts"), ui.DurationWords(time.Duration(l.Rate.PerSeconds)*time.Second)))
	}
	if l.Budget != nil {
		card.Line("Budget", spentText(l)+" every "+ui.DurationWords(time.Duration(l.Budget.PerSeconds)*time.Second))
	}
	busy := make([]string, len(l.Busiest))
	for i, k := range l.Busiest {
		busy[i] = k.Key + "  " + ui.Count(k.Running)
	}
	card.Line("Busiest", strings.Join(busy, "\n"))
	if l.KeysFull > 0 {
		card.Line("Keys full", ui.Count(l.KeysFull))
	}
	card.Line("Keys", strings.Join(keyTexts(l.Keys), "\n"))
	card.Gap()
	card.Line("Created", out.Moment(l.CreatedAt.Time()))
	card.Line("Changed", out.Moment(l.ChangedAt.Time()))
	if l.By != "" && !l.ByProven {
		l.By += " (unproven)"
	}
	card.Line("By", l.By)
	card.Print()
}

// keyTexts returns the settings of single keys, as --key takes them.
func keyTexts(keys map[string]missions.KeyLimit) []string {
	list := make([]string, 0, len(keys))
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		k, parts := keys[key], []string{}
		if k.PerKey != nil {
			parts = append(parts, "per-key="+strconv.FormatInt(*k.PerKey, 10))
		}
		if k.Weight != 0 {
			parts = append(parts, "weight="+strconv.FormatFloat(k.Weight, 'g', -1, 64))
		}
		if k.Paused {
			parts = append(parts, "paused")
		}
		list = append(list, key+":"+strings.Join(parts, ","))
	}
	return list
}

// limitsPauseCommand returns the command that pauses a limit, or the one that resumes it.
func limitsPauseCommand(c *ui.Console, pause bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pause NAME",
		Short: "Pause a limit: no mission that it applies to starts until it is resumed",
		Long: `Pause a limit: no mission that it applies to starts until it is resumed. Missions that run
go on. To stop a type or everything, give a limit that type, or '*'.`,
		Example:           `  supervisor limits pause anthropic`,
		Args:              oneLimit,
		ValidArgsFunction: remote.LimitNames(c),
	}
	done := "Paused"
	if !pause {
		done = "Resumed"
		cmd.Use, cmd.Short, cmd.Long, cmd.Example = "resume NAME", "Resume a limit that is paused", "", `  supervisor limits resume anthropic`
	}
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, names []string) error {
		found, err := s.Client.Limit(ctx, names[0])
		if err != nil {
			return remote.BadRequest(err)
		}
		request := api.SetLimitRequest{LimitSpec: found.LimitSpec, IfChangedAt: found.ChangedAt}
		request.Paused = pause
		reply, raw, err := sendLimit(ctx, s, request)
		switch {
		case err != nil:
			return err
		case *asJSON:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("%s limit %s; %s, %s waiting\n", done, ui.Clean(reply.Name), ui.Plural(reply.Running, "mission runs", "missions run"), ui.Count(reply.Waiting))
		}
		return nil
	})
	return cmd
}

// sendLimit sets a limit, and repeats that when its outcome is unknown.
func sendLimit(ctx context.Context, s *remote.Session, request api.SetLimitRequest) (reply missions.LimitStatus, raw []byte, err error) {
	reply, raw, unknown, err := askAgain(ctx, func() (missions.LimitStatus, []byte, error) { return remote.Ask(ctx, s, api.OpSetLimit, request) })
	if unknown {
		return reply, raw, remote.ErrorAbout("it is not known whether the limit was set", err)
	}
	return reply, raw, remote.BadRequest(err)
}

func limitsDeleteCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete NAME",
		Short:             "Delete a limit; missions that name it run without it",
		Example:           `  supervisor limits delete anthropic --yes`,
		Args:              oneLimit,
		ValidArgsFunction: remote.LimitNames(c),
	}
	confirmed := cmd.Flags().BoolP("yes", "y", false, "do not ask")
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	remove := remote.WithSession(c, func(ctx context.Context, s *remote.Session, names []string) error {
		reply, raw, err := remote.Ask(ctx, s, api.OpDeleteLimit, api.LimitNameRequest{Name: names[0]})
		switch {
		case err != nil:
			return remote.BadRequest(err)
		case *asJSON:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("Deleted limit %s\n", ui.Clean(reply.Name))
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		if err := confirmDeletion(c, *confirmed, "limit "+names[0]); err != nil {
			return err
		}
		return remove(cmd, names)
	}
	return cmd
}
