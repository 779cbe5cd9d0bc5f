package client

import (
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
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
