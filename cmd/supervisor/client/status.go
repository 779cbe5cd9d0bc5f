package client

import (
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

func statusCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		GroupID: ui.GroupLook,
		Short:   "Show the status: missions, agents, success rate",
		Example: `  supervisor status
  supervisor status --watch
  supervisor status --json | jq .pending_missions`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	l := addLookFlags(cmd)
	cmd.RunE = showReply(c, l, api.OpStatus, &api.Empty{}, statusCard)
	return cmd
}

func statusCard(out *ui.Screen, s *api.Status) {
	b := out.Card("Mission Control at " + out.Moment(s.Timestamp.Time()))
	b.Line("Status", out.Paint(healthColour(s.Status), s.Status))
	b.Line("Missions", ui.Count(s.TotalMissions))
	b.Line("Pending", ui.Count(s.PendingMissions))
	b.Line("Running", ui.Count(s.RunningMissions))
	b.Line("Completed", ui.Count(s.CompletedMissions))
	b.Line("Failed", ui.Count(s.FailedMissions))
	b.Line("Cancelled", ui.Count(s.CancelledMissions))
	b.Line("Agents", ui.Count(s.AgentCount))
	b.Line("Success rate", ui.Percent(s.SuccessRate))
	b.Line("Average duration", ui.Seconds(s.AverageDurationSeconds))
	b.Line("Utilization", ui.Percent(s.Utilization))
	b.Print()
}
