package client

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func batchesCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "batches",
		Aliases: []string{"batch"},
		GroupID: ui.GroupAction,
		Short:   "List, show and close batches of missions",
		Long: `List, show and close batches of missions. Missions are of one batch if they were created
with the same --batch. A batch has ended when it is closed and all its missions have
ended; other missions can wait for that. Without a command, batches lists them.`,
		Example: `  supervisor batches
  supervisor batches get tests-7 --watch
  supervisor batches close tests-7`,
	}
	config.AddConnectionFlags(cmd)
	cmd.AddCommand(batchesListCommand(c), batchesGetCommand(c), batchesCloseCommand(c))
	listBatches(c, cmd)
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return ui.UnknownCommand(cmd, args[0])
		}
		return nil
	}
	return cmd
}

func batchesListCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List batches, those created last first",
		Example: `  supervisor batches list
  supervisor batches list --limit 10 --watch
  supervisor batches list --json | jq -r '.batches[] | select(.ended_at == null) | .id'`,
		Args: ui.NoArguments,
	}
	listBatches(c, cmd)
	return cmd
}

// listBatches makes cmd list batches.
func listBatches(c *ui.Console, cmd *cobra.Command) {
	l := addListFlags(cmd)
	var request api.BatchesRequest
	addPageFlags(cmd, "batches", &request.Limit, &request.Cursor, request.Page)
	cmd.RunE = showReply(c, l, api.OpBatches, &request, func(out *ui.Screen, reply *api.BatchList) {
		if l.names {
			printNames(out, reply.Batches, func(b *missions.Batch) string { return b.ID })
		} else {
			batchesTable(out, reply.Batches)
		}
		noteCursor(out, len(reply.Batches), reply.NextCursor)
	})
}

func batchesTable(out *ui.Screen, batches []missions.Batch) {
	if len(batches) == 0 {
		out.Note("No batches. Create missions with: supervisor missions create --batch ID\n")
		return
	}
	g := out.Table("Batches", "ID", "State", "Missions#", "Pending#", "Running#", "Completed#", "Failed#", "Cancelled#", "Created", "Ended")
	g.Drop("Created", "Ended", "Cancelled", "Pending", "Running", "Missions")
	for i := range batches {
		b := &batches[i]
		g.Row(b.ID, out.Paint(batchColour(b), ui.BatchState(b)), ui.Count(b.Total), ui.Count(b.ByStatus[missions.Pending]),
			ui.Count(b.ByStatus[missions.Running]), ui.Count(b.ByStatus[missions.Completed]), ui.Count(b.ByStatus[missions.Failed]),
			ui.Count(b.ByStatus[missions.Cancelled]), out.Moment(b.CreatedAt.Time()), out.Moment(b.EndedAt.Time()))
	}
	g.Print()
}

// batchColour returns the colour for how far a batch is, and how its missions ended.
func batchColour(b *missions.Batch) string {
	switch {
	case b.EndedAt == 0:
		return ui.Cyan
	case b.ByStatus[missions.Completed] == b.Total:
		return ui.Green
	}
	return ui.Red
}

// oneBatch accepts the id of one batch.
func oneBatch(cmd *cobra.Command, args []string) error {
	if err := ui.Arguments(1, 1, "the ID of a batch")(cmd, args); err != nil {
		return err
	}
	var invalid *missions.Error
	if err := missions.CheckToken("id", args[0]); errors.As(err, &invalid) {
		return ui.Usagef("%q is not a batch ID: it %s", ui.Shorten(args[0], 80), invalid.Message)
	}
	return nil
}

func batchesGetCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show a batch, and how far its missions are",
		Example: `  supervisor batches get tests-7
  supervisor batches get tests-7 --watch
  supervisor batches get tests-7 --json | jq .by_status`,
		Args:              oneBatch,
		ValidArgsFunction: remote.BatchIDs(c, 1),
	}
	l := addLookFlags(cmd)
	var request api.IDRequest
	cmd.PreRunE = func(_ *cobra.Command, ids []string) error {
		request.ID = ids[0]
		return nil
	}
	cmd.RunE = showReply(c, l, api.OpBatch, &request, batchCard)
	return cmd
}

func batchesCloseCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "close ID",
		Short: "Close a batch: no more missions are added to it",
		Long: `Close a batch: no more missions are added to it, so that it ends once all its missions have.
A batch that does not exist is created, and has ended. Closing a batch again changes
nothing.`,
		Example: `  supervisor batches close tests-7
  supervisor missions create --file tests.jsonl --batch tests-7 && supervisor batches close tests-7`,
		Args:              oneBatch,
		ValidArgsFunction: remote.BatchIDs(c, 1),
	}
	asJSON := cmd.Flags().Bool("json", false, "print the reply as JSON")
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, ids []string) error {
		reply, raw, err := remote.Ask(ctx, s, api.OpCloseBatch, api.IDRequest{ID: ids[0]})
		switch {
		case err != nil:
			return remote.BadRequest(err)
		case *asJSON:
			c.Out.JSON(raw)
		default:
			c.Out.Printf("Closed batch %s (%s, %s)\n", ui.Clean(reply.ID), ui.Plural(reply.Total, "mission", "missions"), ui.BatchState(&reply))
		}
		return nil
	})
	return cmd
}

func batchCard(out *ui.Screen, b *missions.Batch) {
	card := out.Card("Batch " + b.ID)
	card.Line("State", out.Paint(batchColour(b), ui.BatchState(b)))
	card.Line("Missions", ui.Count(b.Total))
	for _, status := range missions.Statuses() {
		card.Line(ui.Capitalized(string(status)), ui.Count(b.ByStatus[status]))
	}
	card.Gap()
	card.Line("Created", out.Moment(b.CreatedAt.Time()))
	card.Line("Ended", out.Moment(b.EndedAt.Time()))
	card.Print()
}
