// Package mcp is the command that serves a client of the Model Context Protocol, such as a
// coding agent, over standard input and output.
package mcp

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/mcp"
	"missioncontrol/supervisor/mcp/worker"
)

// flags say what the client may do.
type flags struct {
	access      string
	agent       string
	types       []string
	name        string
	role        string
	concurrency int
}

// The values of --access.
const (
	accessNone   = "none"
	accessRead   = "read"
	accessChange = "change"
)

const help = `Give a client of the Model Context Protocol (MCP), such as a coding agent, tools for
missions. The client starts this command and talks to it over standard input and output:

    claude mcp add missions -- supervisor mcp
    {"mcpServers":{"missions":{"command":"supervisor","args":["mcp"]}}}

Without --agent, the client gets the tools of an operator: it creates missions, waits for them,
reads, cancels, retries and signals them, and reads agents, statistics, events, limits and
schedules. --access read leaves out all that changes something. Tools that the broker does not
allow the user are left out, too.

With --agent, the client is an agent: it claims missions of --type, reports progress, saves
checkpoints, asks people, completes and fails them. This command registers the agent, sends its
heartbeats and holds the leases. When the client goes, its missions return to the queue. It then
has the reading tools only, so that it cannot answer its own questions, unless --access change
is given.

A supervisor serves the same tools, except those of agents, over HTTP at /mcp. See docs/MCP.md.`

// Command returns the command mcp.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "mcp",
		GroupID: ui.GroupRun,
		Short:   "Give an MCP client tools for missions",
		Long:    help,
		Example: `  supervisor mcp
  supervisor mcp --access read
  supervisor mcp --agent coder-1 --type code`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	var f flags
	set := cmd.Flags()
	set.StringVar(&f.access, "access", "", "tools for people's requests: none, `read` or change (default change; with --agent, read)")
	set.StringVar(&f.agent, "agent", "", "let the client work on missions, as the agent with this `ID`, different for every process")
	set.StringSliceVar(&f.types, "type", nil, "with --agent: work on missions of this `TYPE`; may be repeated")
	set.StringVar(&f.name, "name", "", "with --agent: the agent's `NAME`, for people")
	set.StringVar(&f.role, "role", "", "with --agent: the agent's `ROLE`, for people")
	set.IntVar(&f.concurrency, "concurrency", 1, "with --agent: hold `N` missions at once")
	ui.CompleteFlag(cmd, "access", cobra.FixedCompletions([]string{accessNone, accessRead, accessChange}, cobra.ShellCompDirectiveNoFileComp))
	ui.CompleteFlag(cmd, "agent", ui.CompleteNothing)
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return f.check(cmd) }
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return run(c, cmd, &f) }
	return cmd
}

// check validates the flags.
func (f *flags) check(cmd *cobra.Command) error {
	if f.access == "" {
		f.access = accessChange
		if f.agent != "" {
			f.access = accessRead
		}
	}
	switch {
	case f.access != accessNone && f.access != accessRead && f.access != accessChange:
		return ui.Usagef("--access: %q is not none, read or change", f.access)
	case f.agent != "":
	case f.access == accessNone:
		return ui.Usagef("--access none leaves no tools; add --agent ID")
	default:
		for _, name := range []string{"type", "name", "role", "concurrency"} {
			if cmd.Flags().Changed(name) {
				return ui.Usagef("--%s needs --agent ID", name)
			}
		}
		return nil
	}
	if len(f.types) == 0 {
		return ui.Usagef("--type is required with --agent: the type of missions to work on; missions created without a type have the type default")
	}
	if err := missions.CheckToken("agent", f.agent); err != nil {
		return remote.BadFlag(err)
	}
	if f.concurrency < 1 || f.concurrency > missions.MaxBatch {
		return ui.Usagef("--concurrency must be between 1 and %d", missions.MaxBatch)
	}
	if f.name == "" {
		f.name = f.agent
	}
	registration := api.RegisterRequest{Name: f.name, Role: f.role, Types: f.types, Capacity: f.concurrency}
	_, err := registration.Agent(f.agent)
	return remote.BadFlag(err)
}

// leaveTimeout bounds how long the end waits for the supervisor.
const leaveTimeout = 2 * time.Second

// run serves the client until it goes.
func run(c *ui.Console, cmd *cobra.Command, f *flags) (err error) {
	ctx := cmd.Context()
	log := slog.New(slog.NewTextHandler(c.Err, nil))
	s, err := connect(c, cmd, f.agent)
	if err != nil {
		return err
	}
	defer s.close()
	var w *worker.Worker
	if f.agent != "" {
		if err := s.mayBe(ctx, f.agent); err != nil {
			return err
		}
		if w, err = worker.Start(s.work, s.control, worker.Config{
			ID: f.agent, Name: f.name, Role: f.role, Types: f.types, Capacity: f.concurrency, Version: c.Version, Logger: log,
		}); err != nil {
			return remote.BadFlag(err)
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
			defer cancel()
			if left := w.Close(ctx); left != nil {
				log.Warn("cannot send the leave request; the supervisor will notice that the agent is offline", "error", left)
			}
		}()
	}
	allowed := s.allowed(ctx, f.access)
	server := mcp.NewServer(mcp.Config{Backend: s, Version: c.Version, Worker: w, Logger: log,
		Allowed: func(op *api.Operation) bool { return allowed[op] }})
	if c.InTerminal {
		c.Err.Printf("Waiting for a client of the Model Context Protocol on standard input, which should start this command itself; see supervisor mcp --help. Press Ctrl-C to stop.\n")
	}
	if err := server.Serve(ctx, c.In, c.Out); err != nil {
		return fmt.Errorf("the client does not speak the Model Context Protocol: %w", err)
	}
	return nil
}
