package client

import (
	"bufio"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func missionsCancelCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel ID... | cancel --status STATUS ...",
		Short: "Cancel missions, including running ones",
		Long:  "Cancel missions, including running ones.\n\n" + manyHelp,
		Example: `  supervisor missions cancel 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions cancel build-41 build-42 --reason "superseded"
  supervisor missions cancel --type resize --status PENDING --dry-run
  supervisor missions cancel --batch tests-7 --yes`,
		ValidArgsFunction: remote.MissionIDs(c, -1, missions.Pending, missions.Running),
	}
	reason := cmd.Flags().String("reason", "", "a `SENTENCE` with the reason")
	many := addChangeFlags(c, cmd, missions.BulkCancel)
	each := changeEach(c, "Cancelled", &many.json, api.OpCancel, func(id string) api.CancelRequest {
		return api.CancelRequest{ID: id, Reason: *reason}
	})
	many.run(cmd, each, func(q *api.BulkRequest) { q.Reason = *reason })
	return cmd
}

func missionsRetryCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry ID... | retry --status STATUS ...",
		Short: "Put failed or cancelled missions back into the queue",
		Long: `Put failed or cancelled missions back into the queue, with all their attempts. A mission
keeps its checkpoint, so that its agent continues where the last one stopped, unless you
add --fresh. With --dependents, the missions are also put back that were cancelled because
this one did not complete.

` + manyHelp,
		Example: `  supervisor missions retry 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions retry build-42 --fresh --dependents
  supervisor missions retry --status FAILED --type resize --after 2h`,
		ValidArgsFunction: remote.MissionIDs(c, -1, missions.Failed, missions.Cancelled),
	}
	var request api.RetryRequest
	cmd.Flags().BoolVar(&request.Fresh, "fresh", false, "without the checkpoint")
	cmd.Flags().BoolVar(&request.Dependents, "dependents", false, "also the missions that were cancelled because this one did not complete")
	many := addChangeFlags(c, cmd, missions.BulkRetry)
	each := changeEach(c, "Requeued", &many.json, api.OpRetry, func(id string) api.RetryRequest {
		q := request
		q.ID = id
		return q
	})
	many.run(cmd, each, func(q *api.BulkRequest) { q.Fresh, q.Dependents = request.Fresh, request.Dependents })
	return cmd
}

func missionsDeleteCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delete ID... | delete --status STATUS ...",
		Short: "Delete missions that are not running, and their logs",
		Long:  "Delete missions that are not running, and their logs.\n\n" + manyHelp,
		Example: `  supervisor missions delete 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions delete build-41 build-42 --yes
  supervisor missions delete --status COMPLETED --before 24h`,
		ValidArgsFunction: remote.MissionIDs(c, -1, missions.Pending, missions.Completed, missions.Failed, missions.Cancelled),
	}
	many := addChangeFlags(c, cmd, missions.BulkDelete)
	change := changeEach(c, "Deleted", &many.json, api.OpDelete, func(id string) api.IDRequest { return api.IDRequest{ID: id} })
	each := func(cmd *cobra.Command, ids []string) error {
		if err := confirmDeletion(c, many.yes, ui.Plural(len(ids), "mission", "missions")); err != nil {
			return err
		}
		return change(cmd, ids)
	}
	many.run(cmd, each, func(*api.BulkRequest) {})
	return cmd
}

// confirmDeletion asks before something is deleted, unless that is confirmed already.
func confirmDeletion(c *ui.Console, confirmed bool, what string) error {
	switch {
	case confirmed:
		return nil
	case !c.Err.Terminal:
		return ui.Usagef("deleting cannot be undone, and there is no terminal to ask for confirmation; add --yes")
	case !confirm(c, "Delete "+what+"? This cannot be undone."):
		c.Err.Printf("Nothing was deleted.\n")
		return ui.ErrSilent
	}
	return nil
}

// confirm asks a question. Any answer but yes means no.
func confirm(c *ui.Console, question string) bool {
	c.Err.Printf("%s [y/N] ", question)
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && answer == "" {
		return false
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}

// changeEach returns a command's run function that changes missions one after the other.
func changeEach[Q any](c *ui.Console, done string, asJSON *bool, op api.Op[Q, api.Mission], request func(id string) Q) func(*cobra.Command, []string) error {
	return remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		return eachID(ctx, c, ids, func(id string) error {
			reply, raw, err := remote.Ask(ctx, s, op, request(id))
			switch {
			case err != nil:
				return remote.BadRequest(err)
			case *asJSON && len(ids) == 1:
				c.Out.JSON(raw)
			case *asJSON:
				c.Out.JSONLine(raw)
			default:
				c.Out.Printf("%s mission %s (%s)\n", done, ui.Clean(reply.Mission.ID), ui.Shorten(ui.Clean(reply.Mission.Name), 80))
			}
			return nil
		})
	})
}
