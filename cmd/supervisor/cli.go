package main

import (
	"context"
	"errors"
	"io"

	"github.com/gdamore/tcell/v2"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/cmd/supervisor/worker"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // the command line makes no sense
)

// cli is one run of the program: what its commands share, and what some of them need of
// the process.
type cli struct {
	*ui.Console

	// worker and takeTerminal are what tests replace.
	worker       worker.Options
	takeTerminal func() (tcell.Screen, error) // nil: takes over the process's terminal

	// running is whether a command has started. An error before that is a mistake in the
	// command line.
	running bool
}

// run runs one command line and returns its exit code. It prints errors itself.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newCLI(stdin, stdout, stderr).run(ctx, args)
}

func newCLI(stdin io.Reader, stdout, stderr io.Writer) *cli {
	return &cli{Console: ui.NewConsole(stdin, stdout, stderr, version())}
}

func (c *cli) run(ctx context.Context, args []string) int {
	root := c.root()
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		c.Completing = true
		ui.PlainHelp(root)
	}
	root.SetArgs(args)
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = c.Out.Failure()
	}
	if err == nil {
		return exitOK
	}
	if text := remote.ErrorText(err); text != "" {
		c.Err.Printf("supervisor: %s\n", ui.Clean(text))
	}
	var usage *ui.UsageError
	if !c.running || errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}
