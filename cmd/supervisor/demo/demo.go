// Package demo shows everything that Mission Control does, with a supervisor and agents of
// its own that are gone when it ends.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/serve"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

// The addresses that serve has by default, which the demo takes if nobody else has them.
const (
	usualBroker = "127.0.0.1:4222"
	usualHTTP   = "127.0.0.1:8080"
)

// places are where the demo listens; "" for the usual address, or another one if that is
// taken.
type places struct{ listen, http string }

// Command returns the command demo.
func Command(c *ui.Console) *cobra.Command {
	var p places
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: ui.GroupRun,
		Short:   "Show everything alive, in a temporary directory",
		Long: `Run a supervisor in a temporary directory, with agents that work, fail, spend and ask a
person, with a schedule, a limit, a batch and missions that wait for others. Look at the
dashboard, and try the other commands on it. Ctrl-C ends everything and removes the
directory.

demo has nothing to do with a supervisor that runs already, and reads none of its settings:
if that uses the usual ports, demo takes free ones and says which.`,
		Example: `  supervisor demo
  supervisor demo --http 127.0.0.1:9090`,
		Args: ui.NoArguments, ValidArgsFunction: ui.CompleteNothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), c, p) },
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVar(&p.http, "http", "", "`ADDRESS` of the dashboard (default "+usualHTTP+", or a free port)")
	cmd.Flags().StringVar(&p.listen, "listen", "", "`ADDRESS` of the broker (default "+usualBroker+", or a free port)")
	return cmd
}

// run runs the demo until ctx ends.
func run(ctx context.Context, c *ui.Console, p places) (err error) {
	dir, err := os.MkdirTemp("", "supervisor-demo-")
	if err != nil {
		return fmt.Errorf("a temporary directory cannot be made: %w", fileperm.Cause(err))
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	cfg, err := settings(ctx, c, p, dir)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelError}))

	life, end := context.WithCancel(context.WithoutCancel(ctx)) // agents end before their supervisor
	defer end()
	ready, served := make(chan serve.Info, 1), make(chan error, 1)
	go func() { served <- serve.Run(life, cfg, log, func(info serve.Info) { ready <- info }) }()
	select {
	case info := <-ready:
		performing, stop := context.WithCancel(ctx)
		played := make(chan error, 1)
		go func() { played <- perform(performing, info, func() { banner(c.Out, info, dir) }) }()
		select {
		case err = <-played:
		case err = <-served: // something that it depends on has failed
			stop()
			return errors.Join(err, <-played)
		}
		stop()
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	end()
	return errors.Join(err, <-served)
}

// settings returns those of a supervisor that keeps everything in a directory. The
// environment and the configuration file are for supervisors that stay.
func settings(ctx context.Context, c *ui.Console, p places, dir string) (config.Config, error) {
	p.listen = choose(ctx, c, "broker", p.listen, usualBroker)
	p.http = choose(ctx, c, "dashboard", p.http, usualHTTP)
	like := &cobra.Command{}
	config.AddServeFlags(like)
	for name, value := range map[string]string{"data-dir": dir, "listen": p.listen, "http": p.http} {
		if err := like.Flags().Set(name, value); err != nil {
			return config.Config{}, ui.Usagef("--%s: %v", name, err)
		}
	}
	nothing := func(string) (string, bool) { return "", false }
	s, err := config.LoadServe(like.Flags(), nothing, c.Version)
	s.HangupStops = c.Out.Terminal || c.Err.Terminal
	return s.Config, err
}

// drainTimeout is how long handlers may go on when the demo ends: nothing that they do
// matters.
const drainTimeout = time.Millisecond
