package main

import (
	"context"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

func (c *cli) missionsGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show one mission, with its result, error and progress",
		Example: `  supervisor missions get 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions get build-42 --watch
  supervisor missions get build-42 --json | jq .mission.result`,
		Args:              oneMission,
		ValidArgsFunction: c.missionIDs(1),
	}
	l := addLookFlags(cmd)
	cmd.RunE = c.withSession(func(ctx context.Context, s *session, ids []string) error {
		return c.show(ctx, l, func(ctx context.Context, out *ui.Screen) error {
			reply, raw, err := ask[api.Mission](ctx, s, api.SubjectMissionsGet, api.IDRequest{ID: ids[0]})
			switch {
			case err != nil:
				return badRequest(err)
			case l.json:
				out.JSON(raw)
			default:
				missionCard(out, &reply.Mission)
			}
			return nil
		})
	})
	return cmd
}
