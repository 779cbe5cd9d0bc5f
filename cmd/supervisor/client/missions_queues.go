package client

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func missionsQueuesCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "queues",
		Short: "Show what is pending, by type and key, and who serves it",
		Example: `  supervisor missions queues
  supervisor missions queues --watch
  supervisor missions queues --json | jq -r '.queues[] | select(.agents == 0) | .type'`,
		Args: ui.NoArguments,
	}
	l := addLookFlags(cmd)
	cmd.RunE = showReply(c, l, api.OpQueues, &api.Empty{}, queuesTable)
	return cmd
}

func queuesTable(out *ui.Screen, reply *missions.Queues) {
	if len(reply.Queues) == 0 {
		out.Note("Nothing is pending\n")
		return
	}
	g := out.Table("Queues", "Type", "For", "Pending#", "Claimable#", "Held#", "Oldest#", "Agents#", "Busy#", "Keys")
	g.Drop("For", "Keys", "Claimable")
	for i := range reply.Queues {
		q := &reply.Queues[i]
		g.Row(q.Type, queueOf(q), ui.Count(q.Pending), ui.Count(q.Claimable), ui.Count(q.Held), waitedSince(q.Since), servers(out, q),
			fmt.Sprintf("%s/%s", ui.Count(q.Busy), ui.Count(q.Slots)), ui.Shorten(queueKeys(q), 60))
	}
	g.Print()
	if reply.LeftOut > 0 {
		out.Note("%s with fewer missions are left out\n", ui.Plural(reply.LeftOut, "queue", "queues"))
	}
}

// queueOf says what the missions of a queue require, and which limits they name.
func queueOf(q *missions.Queue) string {
	parts := append([]string{}, q.Limits...)
	if len(q.Requires) > 0 {
		parts = append(parts, labelsText(q.Requires))
	}
	return strings.Join(parts, ", ")
}

func waitedSince(since missions.Time) string {
	if since == 0 {
		return ""
	}
	return ui.FormatDuration(max(0, time.Since(since.Time())))
}

// servers counts the agents, in red if there are none for what could start.
func servers(out *ui.Screen, q *missions.Queue) ui.Painted {
	if q.Agents == 0 && q.Claimable > 0 {
		return out.Paint(ui.Red, "0")
	}
	return out.Paint("", ui.Count(q.Agents))
}

// queueKeys names the keys with the most missions.
func queueKeys(q *missions.Queue) string {
	parts := make([]string, 0, len(q.Keys))
	for _, k := range q.Keys {
		name := k.Key
		if name == "" {
			name = "(none)"
		}
		text := name + " " + ui.Count(k.Pending)
		if k.Held {
			text += " held"
		}
		parts = append(parts, text)
	}
	if more := q.KeysTotal - int64(len(q.Keys)); more > 0 {
		parts = append(parts, ui.Count(more)+" more")
	}
	return strings.Join(parts, ", ")
}
