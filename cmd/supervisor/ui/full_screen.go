package ui

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"sync"
	"syscall"

	"github.com/gdamore/tcell/v2"
)

// FullScreen is a terminal that a command has taken over, and the goroutines that work for
// it.
type FullScreen struct {
	Terminal tcell.Screen

	work sync.WaitGroup
}

// TakeOver takes over the terminal that take returns while use runs; a nil take takes that
// of the process. It always restores the terminal, however use ends, and waits for what
// [FullScreen.Go] started.
func TakeOver(ctx context.Context, take func() (tcell.Screen, error), use func(context.Context, *FullScreen) error) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGHUP, syscall.SIGQUIT)
	defer stop()
	if take == nil {
		take = takeTerminal
	}
	terminal, err := take()
	if err != nil {
		return fmt.Errorf("cannot use the terminal: %w", err)
	}
	if err := terminal.Init(); err != nil {
		return fmt.Errorf("cannot use the terminal: %w", err)
	}
	f := &FullScreen{Terminal: terminal}
	defer f.work.Wait()
	defer terminal.Fini()
	defer stop() // before the wait: it ends the workers
	return use(ctx, f)
}

// Go runs a part of the command in its own goroutine. A panic there restores the terminal
// first.
func (f *FullScreen) Go(part func()) {
	f.work.Go(func() {
		defer func() {
			if reason := recover(); reason != nil {
				f.Terminal.Fini()
				panic(reason)
			}
		}()
		part()
	})
}

// Events returns the events of the terminal, until ctx ends.
func (f *FullScreen) Events(ctx context.Context) <-chan tcell.Event {
	events := make(chan tcell.Event)
	f.Go(func() { f.Terminal.ChannelEvents(events, ctx.Done()) })
	return events
}

// errNoTerminal says why a terminal cannot be used.
var errNoTerminal = errors.New("unknown terminal type; set TERM, for example to xterm-256color")

// takeTerminal returns the terminal of this process.
func takeTerminal() (tcell.Screen, error) {
	terminal, err := tcell.NewScreen()
	if errors.Is(err, tcell.ErrTermNotFound) {
		return nil, errNoTerminal
	}
	return terminal, err
}
