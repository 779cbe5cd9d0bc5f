package main

import (
	"context"

	"github.com/spf13/cobra"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func (c *cli) statusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "status",
		GroupID: groupLook,
		Short:   "Show how things stand: missions, agents, success",
		Example: `  supervisor status
  supervisor status --watch
  supervisor status --json | jq .pending_missions`,
		Args: noArguments,
	}
	addConnectionFlags(cmd)
	l := addLookFlags(cmd)
	cmd.RunE = c.withSession(func(ctx context.Context, s *session, _ []string) error {
		return c.show(ctx, l, func(ctx context.Context, out *screen) error {
			status, raw, err := ask[api.Status](ctx, s, api.SubjectStatus, api.Empty{})
			switch {
			case err != nil:
				return err
			case l.json:
				out.json(raw)
			default:
				statusCard(out, &status)
			}
			return nil
		})
	})
	return cmd
}

func statusCard(out *screen, s *api.Status) {
	b := out.card("Mission Control at " + out.moment(s.Timestamp.Time()))
	b.line("Status", out.paint(healthColour(s.Status), s.Status))
	b.line("Missions", count(s.TotalMissions))
	b.line("Pending", count(s.PendingMissions))
	b.line("Running", count(s.RunningMissions))
	b.line("Completed", count(s.CompletedMissions))
	b.line("Failed", count(s.FailedMissions))
	b.line("Cancelled", count(s.CancelledMissions))
	b.line("Agents", count(s.AgentCount))
	b.line("Success rate", percent(s.SuccessRate))
	b.line("Average duration", seconds(s.AverageDurationSeconds))
	b.line("Utilization", percent(s.Utilization))
	b.print()
}

// statusColour returns the colour of a mission's status.
func statusColour(s missions.Status) string {
	switch s {
	case missions.Running:
		return cyan
	case missions.Completed:
		return green
	case missions.Failed:
		return red
	case missions.Cancelled:
		return yellow
	}
	return ""
}
