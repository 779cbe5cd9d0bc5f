// Command supervisor is Mission Control: the supervisor itself, and the commands
// that ask it, follow its events and work for it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(runProcess(os.Args[1:])) }

// runProcess runs a command line as this process: with its signals and streams.
func runProcess(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the second one ends the process, unless a command
	// has asked for it with secondInterrupt.
	context.AfterFunc(ctx, stop)
	defer stop()
	return run(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

// secondInterrupt returns a channel that is closed when the process is told to
// stop for the second time, and what ends the listening.
func secondInterrupt() (<-chan struct{}, func()) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	second, done := make(chan struct{}), make(chan struct{})
	go func() {
		for range 2 {
			select {
			case <-signals:
			case <-done:
				return
			}
		}
		close(second)
	}()
	return second, func() {
		signal.Stop(signals)
		close(done)
	}
}
