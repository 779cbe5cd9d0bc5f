package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2 // the command line makes no sense
)

// cli is one run of the program: its input and where its output goes.
type cli struct {
	stdin  io.Reader
	out    *screen // results
	err    *screen // errors, questions and progress
	lookup func(string) (string, bool)

	// tick is the interval of --watch and --follow.
	tick time.Duration

	// refresh bounds one refresh of --watch.
	refresh time.Duration

	// grace is the time a program has between SIGTERM and SIGKILL.
	grace time.Duration

	// secondInterrupt listens for the second Ctrl-C.
	secondInterrupt func() (<-chan struct{}, func())

	// takeTerminal takes over the whole terminal.
	takeTerminal func() (tcell.Screen, error)

	// nc is a client command's connection while it is open.
	nc *nats.Conn

	// completing is whether a shell asks for completions, and reads what is printed.
	completing bool

	// running is whether a command has started. An error before that is a mistake in the
	// command line.
	running bool
}

// run runs one command line and returns its exit code. It prints errors itself.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return newCLI(stdin, stdout, stderr).run(ctx, args)
}

func newCLI(stdin io.Reader, stdout, stderr io.Writer) *cli {
	return &cli{
		stdin: stdin, out: newScreen(stdout, os.LookupEnv), err: newScreen(stderr, os.LookupEnv), lookup: os.LookupEnv,
		tick: time.Second, refresh: 2 * time.Second, grace: terminationGrace, secondInterrupt: secondInterrupt,
		takeTerminal: takeTerminal,
	}
}

func (c *cli) run(ctx context.Context, args []string) int {
	root := c.root()
	if len(args) > 0 && args[0] == cobra.ShellCompRequestCmd {
		c.completing = true
		plainHelp(root)
	}
	root.SetArgs(args)
	root.SetIn(c.stdin)
	root.SetOut(c.out)
	root.SetErr(c.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = c.out.failure()
	}
	if err == nil {
		return exitOK
	}
	if text := errorText(err); text != "" {
		c.err.printf("supervisor: %s\n", clean(text))
	}
	var usage *usageError
	if !c.running || errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// usageError is a mistake in the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// errSilent ends a command with a failure that its output has already reported.
var errSilent = errors.New("")

// shortPath returns a command's name for errors, which already begin with the program's
// name.
func shortPath(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), "supervisor ")
}

// flagError says in plain words what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var bad *pflag.InvalidValueError
	if errors.As(err, &bad) && bad.GetFlag() != nil {
		return usagef("--%s: %q is not %s", bad.GetFlag().Name, bad.GetValue(), wantedOf(bad.GetFlag()))
	}
	return usagef("%v; see %s --help", err, cmd.CommandPath())
}

// wantedOf says what a flag accepts, if it does not accept everything.
func wantedOf(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	}
	return "a list of words" // an unclosed quote
}

// plainHelp removes the quotes from the flags' descriptions. They mark the value's name
// for help; a shell's completions would show them literally.
func plainHelp(cmd *cobra.Command) {
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(flag *pflag.Flag) { flag.Usage = strings.ReplaceAll(flag.Usage, "`", "") })
	}
	for _, sub := range cmd.Commands() {
		plainHelp(sub)
	}
}

// noArguments accepts no arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usagef("%s takes no arguments, but was given %q; see %s --help", shortPath(cmd), args[0], cmd.CommandPath())
}

// arguments accepts at least least arguments and at most most (-1: any number). what
// describes them.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s needs %s; see %s --help", shortPath(cmd), what, cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return usagef("%s takes %s, and not %q besides; see %s --help", shortPath(cmd), what, args[most], cmd.CommandPath())
		}
		return nil
	}
}

// subcommandOnly makes cmd list its commands if it gets none, or one it does not know.
func subcommandOnly(cmd *cobra.Command) {
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		var names []string
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				names = append(names, sub.Name())
			}
		}
		return usagef("%s needs a command: %s", shortPath(cmd), strings.Join(names, ", "))
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil } // never reached: Args refuses
}

func unknownCommand(cmd *cobra.Command, name string) error {
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		return usagef("there is no command %q; did you mean %s?", name, strings.Join(near, " or "))
	}
	return usagef("there is no command %q; see %s --help", name, cmd.CommandPath())
}
