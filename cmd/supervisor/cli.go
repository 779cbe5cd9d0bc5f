package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // the image has no zones

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

	// exitInterrupted is a shell's code for what Ctrl-C ended. Commands that go on until
	// Ctrl-C end with exitOK.
	exitInterrupted = 130
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
	c.warnOfZone()
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
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return exitInterrupted
	}
	var usage *ui.UsageError
	if !c.running || errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// warnOfZone says so when TZ names a zone that cannot be used: Go then takes UTC.
func (c *cli) warnOfZone() {
	name, _ := c.LookupEnv("TZ")
	name = strings.TrimPrefix(name, ":")
	if name == "" || c.Completing {
		return
	}
	_, err := time.LoadLocation(name)
	if filepath.IsAbs(name) {
		_, err = os.Stat(name)
	}
	if err != nil {
		c.Err.Printf("supervisor: TZ=%s is not a known time zone; times are in UTC. Use a name such as Europe/Berlin\n", ui.Clean(name))
	}
}
