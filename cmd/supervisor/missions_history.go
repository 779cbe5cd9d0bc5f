package main

import (
	"context"

	"github.com/spf13/cobra"

	"missioncontrol/supervisor/api"
)

func (c *cli) missionsHistoryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show what happened minute by minute, up to a day back",
		Example: `  supervisor missions history
  supervisor missions history --minutes 10 --type resize --watch
  supervisor missions history --minutes 1440 --json | jq '[.minutes[].completed] | add'`,
		Args: noArguments,
	}
	l := addLookFlags(cmd)
	var request api.HistoryRequest
	cmd.Flags().StringVar(&request.Type, "type", "", "only missions of this `TYPE`")
	cmd.Flags().IntVar(&request.Minutes, "minutes", 15, "the latest `N` minutes, 1 to 1440")
	completeFlag(cmd, "type", c.missionTypes)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if request.Minutes == 0 {
			request.Minutes = -1 // on the wire, 0 means the default
		}
		_, err := request.Span()
		return badFlag(err)
	}
	cmd.RunE = c.withSession(func(ctx context.Context, s *session, _ []string) error {
		return c.show(ctx, l, func(ctx context.Context, out *screen) error {
			reply, raw, err := ask[api.History](ctx, s, api.SubjectMissionsHistory, request)
			switch {
			case err != nil:
				return badRequest(err)
			case l.json:
				out.json(raw)
			default:
				historyTable(out, &reply, request.Type)
			}
			return nil
		})
	})
	return cmd
}

func historyTable(out *screen, reply *api.History, missionType string) {
	title := "Missions by minute"
	if missionType != "" {
		title += ", type " + missionType
	}
	g := out.grid(title, "Minute", "Created#", "Started#", "Completed#", "Failed#", "Cancelled#", "Pending#", "Running#")
	g.shrink(shrinkBy("Cancelled", "Started", "Running"))
	gauge := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return count(*n)
	}
	for _, m := range reply.Minutes {
		g.row(m.At.Time().In(out.zone).Format("15:04"), count(m.Created), count(m.Started), count(m.Completed), count(m.Failed),
			count(m.Cancelled), gauge(m.Pending), gauge(m.Running))
	}
	g.print()
}
