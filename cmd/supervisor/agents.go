package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func (c *cli) agentsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "agents",
		GroupID: groupLook,
		Short:   "List the agents",
		Example: `  supervisor agents
  supervisor agents --state online --watch
  supervisor agents --type resize --json`,
		Args: noArguments,
	}
	addConnectionFlags(cmd)
	l := addLookFlags(cmd)
	var request api.AgentsRequest
	flags := cmd.Flags()
	flags.StringVar((*string)(&request.State), "state", "", "only agents in this `STATE`: online, draining or offline")
	flags.StringVar(&request.Type, "type", "", "only agents that work on missions of this `TYPE`")
	flags.IntVar(&request.Limit, "limit", api.MaxPage, "at most `N` agents, 1 to 1000")
	flags.StringVar(&request.Cursor, "after", "", "only agents whose id comes after this `ID`")
	completeFlag(cmd, "state", words("online", "draining", "offline"))
	completeFlag(cmd, "type", c.missionTypes)
	completeFlag(cmd, "after", c.agentIDs)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		_, err := request.Filter()
		return badFlag(err)
	}
	cmd.RunE = c.withSession(func(ctx context.Context, s *session, _ []string) error {
		return c.show(ctx, l, func(ctx context.Context, out *screen) error {
			agents, raw, err := ask[api.Agents](ctx, s, api.SubjectAgents, request)
			switch {
			case err != nil:
				return badRequest(err)
			case l.json:
				out.json(raw)
			default:
				agentsTable(out, &agents, time.Now())
			}
			return nil
		})
	})
	return cmd
}

func agentsTable(out *screen, reply *api.Agents, now time.Time) {
	if len(reply.Agents) == 0 {
		out.printf("No agents. Start one with: supervisor agent run --type TYPE -- COMMAND\n")
		return
	}
	g := out.grid("Agents", "ID", "Name", "Role", "State", "Busy#", "Types", "CPU#", "Memory#", "Version", "Host", "Last heard of#")
	g.shrink(shrinkBy("Version", "Host", "Role"), shorter("Types", 16), shrinkBy("Memory", "CPU"), shorter("Name", 12), shorterID("ID", 24),
		shrinkBy("Name"), shorter("Types", 8), shorterID("ID", 12), shrinkBy("Types"), shorterID("ID", 6), shrinkBy("Busy"))
	for i := range reply.Agents {
		a := &reply.Agents[i]
		name := a.Name
		if name == a.ID {
			name = ""
		}
		g.row(a.ID, shorten(clean(name), 30), shorten(clean(a.Role), 20), out.paint(agentColour(a.State), string(a.State)),
			fmt.Sprintf("%d/%d", a.MissionsRunning, a.Capacity), shorten(strings.Join(a.Types, ", "), 40),
			cores(a.CPU), memoryOrNone(a.MemoryBytes), shorten(clean(a.Version), 20), shorten(clean(a.Host), 30),
			ago(now.Sub(a.LastHeartbeat.Time())))
	}
	g.print()
	if reply.NextCursor != "" {
		out.printf("%s of %s shown; go on with --after %s\n", count(len(reply.Agents)), count(reply.AgentCount), clean(reply.NextCursor))
	}
}

func agentColour(s missions.AgentState) string {
	switch s {
	case missions.Online:
		return green
	case missions.Draining:
		return yellow
	}
	return faint
}

// cores formats how many cores an agent keeps busy.
func cores(cpu *float64) string {
	if cpu == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", *cpu*100)
}

func memoryOrNone(bytes *int64) string {
	if bytes == nil {
		return "-"
	}
	return byteSize(*bytes)
}

// statusNames lists the statuses as words.
func statusNames() []string {
	var names []string
	for _, s := range missions.Statuses() {
		names = append(names, string(s))
	}
	return names
}

// priorityNames lists the priorities as words, highest first.
func priorityNames() []string {
	var names []string
	for _, p := range slices.Backward(missions.Priorities()) {
		names = append(names, string(p))
	}
	return names
}
