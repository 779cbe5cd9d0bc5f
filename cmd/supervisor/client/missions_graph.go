package client

import (
	"context"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func missionsGraphCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "graph ID",
		Short: "Draw what a mission waits for, and what waits for it",
		Long: `Draw what a mission waits for, and what waits for it, up to 1000 missions. What it waits or
waited for, and its parent, are above it; what waits or waited for it, and its children,
are below. A mission that occurs twice is drawn once. Of many missions that are alike, a
few are drawn, and the others are counted.`,
		Example: `  supervisor missions graph deploy-42
  supervisor missions graph deploy-42 --watch
  supervisor missions graph deploy-42 --json | jq -r '.missions[] | select(.status == "FAILED") | .id'`,
		Args:              oneMission,
		ValidArgsFunction: remote.MissionIDs(c, 1),
	}
	l := addLookFlags(cmd)
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		return show(ctx, c, s.Conn, l, func(ctx context.Context, out *ui.Screen) error {
			reply, raw, err := remote.Ask(ctx, s, api.OpGraph, api.IDRequest{ID: ids[0]})
			switch {
			case err != nil:
				return remote.BadRequest(err)
			case l.json:
				out.JSON(raw)
			default:
				drawGraph(out, &reply, signalsOf(ctx, s, &reply))
			}
			return nil
		})
	})
	return cmd
}

// signalsOf returns the signals that the mission of a graph waits for, as far as they are
// known: a graph only has missions.
func signalsOf(ctx context.Context, s *remote.Session, g *api.Graph) (waits []*missions.Wait) {
	if len(g.Missions) == 0 || !g.Missions[0].Waiting {
		return nil
	}
	m, err := s.Client.Get(ctx, g.Missions[0].ID)
	if err != nil {
		return nil
	}
	for _, w := range ui.Unmet(&m) {
		if w.Signal != "" {
			waits = append(waits, w)
		}
	}
	return waits
}
