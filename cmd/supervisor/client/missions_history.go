package client

import (
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

func missionsHistoryCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "Show statistics minute by minute, for up to a day",
		Example: `  supervisor missions history
  supervisor missions history --minutes 10 --type resize --watch
  supervisor missions history --minutes 1440 --json | jq '[.minutes[].completed] | add'`,
		Args: ui.NoArguments,
	}
	l := addLookFlags(cmd)
	var request api.HistoryRequest
	cmd.Flags().StringVar(&request.Type, "type", "", "only missions of this `TYPE`")
	cmd.Flags().IntVar(&request.Minutes, "minutes", 15, "show the last `N` minutes, 1 to 1440")
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if request.Minutes == 0 {
			request.Minutes = -1 // on the wire, 0 means the default
		}
		_, err := request.Span()
		return remote.BadFlag(err)
	}
	cmd.RunE = showReply(c, l, api.OpHistory, &request, func(out *ui.Screen, reply *api.History) { historyTable(out, reply, request.Type) })
	return cmd
}

func historyTable(out *ui.Screen, reply *api.History, missionType string) {
	title := "Missions by minute"
	if missionType != "" {
		title += ", type " + missionType
	}
	g := out.Table(title, "Minute", "Created#", "Started#", "Completed#", "Failed#", "Cancelled#", "Pending#", "Running#")
	g.Drop("Cancelled", "Started", "Running")
	gauge := func(n *int64) string {
		if n == nil {
			return "-"
		}
		return ui.Count(*n)
	}
	for _, m := range reply.Minutes {
		g.Row(m.At.Time().In(out.Zone).Format("15:04"), ui.Count(m.Created), ui.Count(m.Started), ui.Count(m.Completed), ui.Count(m.Failed),
			ui.Count(m.Cancelled), gauge(m.Pending), gauge(m.Running))
	}
	g.Print()
}
