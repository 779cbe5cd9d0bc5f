package client

import (
	"context"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// showMission shows one mission, and of a cancelled one why it was cancelled and by whom,
// which only its log knows.
func showMission(c *ui.Console, l *look, request *api.IDRequest) func(*cobra.Command, []string) error {
	return remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		return show(ctx, c, s.Conn, l, func(ctx context.Context, out *ui.Screen) error {
			reply, raw, err := remote.Ask(ctx, s, api.OpGet, *request)
			if err != nil {
				return remote.BadRequest(err)
			}
			if l.json {
				out.JSON(raw)
				return nil
			}
			missionCard(out, &reply.Mission, waitsFor(ctx, s, out, &reply.Mission))
			if reply.Mission.Status == missions.Cancelled {
				if reason := cancelReason(ctx, s, reply.Mission.ID); reason != "" {
					out.Printf("This mission was %s\n", ui.Clean(reason))
				}
			}
			return nil
		})
	})
}

// logPagesRead is how many pages of a long log are searched for a reason.
const logPagesRead = 20

// cancelReason returns the reason in the last change of status to CANCELLED; "" if it
// cannot be found.
func cancelReason(ctx context.Context, s *remote.Session, id string) (reason string) {
	request := api.LogRequest{ID: id, Limit: api.MaxPage}
	for range logPagesRead {
		page, err := s.Client.Log(ctx, request)
		if err != nil {
			return reason
		}
		for i := range page.Log {
			if page.Log[i].NewStatus == missions.Cancelled {
				reason = page.Log[i].Reason
			}
		}
		if page.NextCursor == 0 {
			return reason
		}
		request.After = page.NextCursor
	}
	return reason
}
