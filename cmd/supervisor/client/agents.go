package client

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func agentsCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "agents",
		GroupID: ui.GroupLook,
		Short:   "List the agents",
		Example: `  supervisor agents
  supervisor agents --state online --watch
  supervisor agents --type resize --json`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	l := addListFlags(cmd)
	var request api.AgentsRequest
	flags := cmd.Flags()
	flags.StringVar((*string)(&request.State), "state", "", "only agents in this `STATE`: online, draining or offline")
	flags.StringVar(&request.Type, "type", "", "only agents that work on missions of this `TYPE`")
	flags.IntVar(&request.Limit, "limit", api.MaxPage, "at most `N` agents, 1 to 1000")
	flags.StringVar(&request.Cursor, "after", "", "only agents whose ID sorts after this `ID`")
	ui.CompleteFlag(cmd, "state", ui.CompleteWords("online", "draining", "offline"))
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	ui.CompleteFlag(cmd, "after", remote.AgentIDs(c))
	cmd.PreRunE = func(*cobra.Command, []string) error {
		_, err := request.Filter()
		return remote.BadFlag(err)
	}
	cmd.RunE = showReply(c, l, api.OpAgents, &request, func(out *ui.Screen, reply *api.Agents) {
		if l.names {
			printNames(out, reply.Agents, func(a *missions.Agent) string { return a.ID })
		} else {
			agentsTable(out, reply, time.Now())
		}
		if reply.NextCursor != "" {
			out.Note("Showing %s of %s; continue with --after %s\n", ui.Count(len(reply.Agents)), ui.Count(reply.AgentCount), ui.Clean(reply.NextCursor))
		}
	})
	return cmd
}

func agentsTable(out *ui.Screen, reply *api.Agents, now time.Time) {
	if len(reply.Agents) == 0 {
		out.Note("No agents. Start one with: supervisor agent run --type TYPE -- COMMAND\n")
		return
	}
	g := out.Table("Agents", "ID", "Name", "Role", "State", "Busy#", "Types", "CPU#", "Memory#", "Version", "Host", "Last seen#")
	g.Drop("Version", "Host", "Role", "Memory", "CPU", "Name", "Types", "Last seen", "Busy", "State")
	g.Cut("Types", 8)
	g.Last("Name")
	for i := range reply.Agents {
		a := &reply.Agents[i]
		name := a.Name
		if name == a.ID {
			name = ""
		}
		g.Row(a.ID, out.Shorten(ui.Clean(name), 30), out.Shorten(ui.Clean(a.Role), 20), out.Paint(ui.AgentColour(a.State), string(a.State)),
			fmt.Sprintf("%d/%d", a.MissionsRunning, a.Capacity), out.Shorten(strings.Join(a.Types, ", "), 40),
			ui.FormatCores(a.CPU), ui.FormatMemory(a.MemoryBytes), out.Shorten(ui.Clean(a.Version), 20), out.Shorten(ui.Clean(a.Host), 30),
			ui.Ago(now.Sub(a.LastHeartbeat.Time())))
	}
	g.Print()
}
