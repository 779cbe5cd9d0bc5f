// Command supervisor is Mission Control: the supervisor itself, and the commands that
// query it, follow its events and run agents for it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

func main() { os.Exit(runProcess(os.Args[1:])) }

// onTerminal reports whether the process prints to a terminal. Without one, SIGHUP asks
// serve to read its files again.
func onTerminal() bool {
	return term.IsTerminal(int(os.Stdout.Fd())) || term.IsTerminal(int(os.Stderr.Fd()))
}

// runProcess runs a command line with the process's signals and streams.
func runProcess(args []string) int {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if onTerminal() && !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP) // the terminal was closed
	}
	ctx, stop := signal.NotifyContext(context.Background(), signals...)
	// After the first signal, the second one ends the process, unless a command has
	// claimed it.
	context.AfterFunc(ctx, stop)
	defer stop()
	return run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}
