package client

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func missionsGetCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show a mission, with its progress, result and error",
		Example: `  supervisor missions get 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions get build-42 --watch
  supervisor missions get build-42 --json | jq .mission.result`,
		Args:              oneMission,
		ValidArgsFunction: remote.MissionIDs(c, 1),
	}
	l := addLookFlags(cmd)
	var request api.IDRequest
	cmd.PreRunE = func(_ *cobra.Command, ids []string) error {
		request.ID = ids[0]
		return nil
	}
	cmd.RunE = showMission(c, l, &request)
	return cmd
}

// waitsFor says why a mission is PENDING; "" for other missions, and if that cannot be found
// out.
func waitsFor(ctx context.Context, s *remote.Session, out *ui.Screen, m *missions.Mission) string {
	now := missions.At(time.Now())
	switch {
	case m.Status != missions.Pending:
		return ""
	case m.NextAttemptAt > now && m.Attempt > 0:
		return "for the next attempt, at " + out.Moment(m.NextAttemptAt.Time())
	case m.NotBefore > now:
		return "until it may begin, at " + out.Moment(m.NotBefore.Time())
	}
	agents, err := s.Client.Agents(ctx, api.AgentsRequest{State: missions.Online, Type: m.Type, Limit: 1})
	if err != nil {
		return ""
	}
	if agents.AgentCount == 0 {
		return "for an agent: none is online for the type " + m.Type + "; start one: supervisor agent run --type " + m.Type + " -- COMMAND"
	}
	stats, err := s.Client.Stats(ctx, m.Type)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("for a free agent: %s online for its type, with %s pending", ui.Plural(agents.AgentCount, "agent is", "agents are"),
		ui.Plural(stats.ByStatus[missions.Pending], "mission", "missions"))
}
