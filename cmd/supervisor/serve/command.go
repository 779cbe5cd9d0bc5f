package serve

import (
	"context"
	"log/slog"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
)

// Command is the command that runs a supervisor.
func Command(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "serve",
		GroupID: ui.GroupRun,
		Short:   "Run a supervisor (the default command)",
		Long: `Run a supervisor until Ctrl-C.

Without --server, it runs its own broker, and without --store, it has its own database,
both in --data-dir. Every flag, such as --data-dir, is also an environment variable,
SUPERVISOR_DATA_DIR, and a key in the configuration file, data_dir. A flag overrides the
environment, and the environment overrides the file.

The supervisor reads users, tokens and certificates again when their files change, and on
SIGHUP. Other changes take effect at the next start.

Alert rules are a list under alerts in the configuration file. Some rules exist by
default. docs/OPERATIONS.md has examples.

--event-retention and --replicas apply when the supervisor creates the event stream. To
change an existing stream: nats stream edit EVENTS --max-age 30d, or --replicas 3.`,
		Example: `  supervisor serve
  supervisor serve --data-dir /var/lib/missioncontrol --http off
  supervisor serve --server nats://broker.example.com:4222 --creds supervisor.creds
  SUPERVISOR_LOG_FORMAT=json supervisor serve --config /etc/missioncontrol.yaml`,
		Args: ui.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd, c) },
	}
	config.AddServeFlags(cmd)
	return cmd
}

// ballastBytes make the heap look larger to the garbage collector, which would otherwise
// run an eighth of the time: a supervisor holds little memory and allocates much. With
// the ballast, garbage may grow to some 100 MiB before a collection, however little is in
// use. Under a load that needs much memory nothing changes. The ballast is never touched,
// so it takes address space and no memory.
const ballastBytes = 64 << 20

func serve(cmd *cobra.Command, c *ui.Console) error {
	s, err := config.LoadServe(cmd.Flags(), c.LookupEnv, c.Version)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(make([]byte, ballastBytes))
	log := slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: s.LogLevel}))
	if s.Tracer, err = config.Tracer(cmd.Context(), "supervisor", c.Version, c.LookupEnv); err != nil {
		return err
	}
	s.FirstCommands = func(broker string) []string { return firstCommands(&s, broker) }
	ready := func(info Info) { banner(c.Out, &s, info) }
	if s.LogFormat == "json" {
		log = slog.New(slog.NewJSONHandler(c.Err, &slog.HandlerOptions{Level: s.LogLevel}))
		ready = func(info Info) {
			log.Info("ready", "version", info.Version, "broker", info.Broker, "store", info.Store, "events", info.Events, "http", info.HTTP)
		}
	}
	config.LogExposed(log, s.Exposed)
	warnOfVariables(log)
	if dir := s.HomelessDataDir(); dir != "" {
		log.Warn("HOME is not set, so the data is below the working directory; choose another directory with --data-dir", "dir", dir)
	}
	s.HangupStops = c.Out.Terminal || c.Err.Terminal
	s.Reload = func() (config.Config, error) {
		again, err := config.LoadServe(cmd.Flags(), c.LookupEnv, c.Version)
		return again.Config, err
	}
	return Run(cmd.Context(), s.Config, log, func(info Info) {
		ready(info)
		tellSystemd(c.LookupEnv, sdReady, log)
		context.AfterFunc(cmd.Context(), func() { tellSystemd(c.LookupEnv, sdStopping, log) })
	})
}

// warnOfVariables warns of variables that look like settings and are none.
func warnOfVariables(log *slog.Logger) {
	for name, near := range config.UnknownVariables(os.Environ()) {
		if near == "" {
			log.Warn("ignored a variable that is not a setting", "variable", name)
			continue
		}
		log.Warn("ignored a variable that is not a setting", "variable", name, "did_you_mean", near)
	}
}
