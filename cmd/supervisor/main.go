// Command supervisor is Mission Control: the supervisor itself, and the commands that
// query it, follow its events and run agents for it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(runProcess(os.Args[1:])) }

// runProcess runs a command line with the process's signals and streams.
func runProcess(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal, the second one ends the process, unless a command has
	// claimed it.
	context.AfterFunc(ctx, stop)
	defer stop()
	return run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}
