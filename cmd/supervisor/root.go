package main

import (
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/agentcheck"
	"missioncontrol/cmd/supervisor/auth"
	"missioncontrol/cmd/supervisor/backup"
	"missioncontrol/cmd/supervisor/bench"
	"missioncontrol/cmd/supervisor/client"
	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/demo"
	"missioncontrol/cmd/supervisor/doctor"
	"missioncontrol/cmd/supervisor/mcp"
	"missioncontrol/cmd/supervisor/migrate"
	"missioncontrol/cmd/supervisor/serve"
	"missioncontrol/cmd/supervisor/top"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/cmd/supervisor/worker"
)

// root builds the tree of commands.
func (c *cli) root() *cobra.Command {
	serveCommand := serve.Command(c.Console)
	agentCommand := worker.Command(c.Console, c.worker)
	agentCommand.AddCommand(agentcheck.Command(c.Console))
	root := &cobra.Command{
		Use:   "supervisor",
		Short: "Mission Control: a supervisor for fleets of agents, on NATS",
		Long: `Mission Control gives missions to agents, notices when an agent dies, and publishes every
change as a durable stream of events on NATS JetStream.

Without a command, supervisor runs a complete supervisor with its own broker and
database. The other commands talk to a supervisor over NATS, on this machine or any
other. They connect to a broker like the nats CLI.`,
		Example: `  supervisor                                    run everything on this machine
  supervisor missions create "hello"            create a mission
  supervisor agent run --type default -- cat    work on missions with any program
  supervisor events --follow                    see what happens`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return ui.UnknownCommand(cmd, args[0])
			}
			return nil
		},
		RunE:             serveCommand.RunE,
		PersistentPreRun: func(*cobra.Command, []string) { c.running = true },
	}
	root.SetFlagErrorFunc(ui.FlagError)
	root.SetVersionTemplate("supervisor {{.Version}}\n")
	root.AddGroup(
		&cobra.Group{ID: ui.GroupRun, Title: "Run:"},
		&cobra.Group{ID: ui.GroupLook, Title: "Look:"},
		&cobra.Group{ID: ui.GroupAction, Title: "Act:"},
	)
	config.AddServeFlags(root)
	root.AddCommand(
		serveCommand, demo.Command(c.Console), agentCommand, mcp.Command(c.Console), bench.Command(c.Console), auth.Command(c.Console),
		backup.Command(c.Console), backup.RestoreCommand(c.Console), migrate.Command(c.Console),
		top.Command(c.Console, c.takeTerminal), doctor.Command(c.Console),
		c.completionCommand(), c.manCommand(), c.versionCommand(),
	)
	root.AddCommand(client.Commands(c.Console, c.takeTerminal)...)
	root.SetHelpCommand(helpCommand())
	ui.WrapHelp(root, c.Out.Width)
	return root
}

// helpCommand is cobra's, except that an unknown topic is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		Example: `  supervisor help missions create
  supervisor missions create --help`,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return ui.UnknownCommand(cmd.Root(), args[0])
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
