// Package top shows everything that goes on, on the whole terminal.
package top

import (
	"context"
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
)

// Command returns the command top, which draws on the terminal that take returns; nil
// takes that of the process.
func Command(c *ui.Console, take func() (tcell.Screen, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "top",
		GroupID: ui.GroupLook,
		Short:   "Show missions, agents and events, full screen",
		Long: `Show missions by status and per minute, agents and what each is doing, missions that wait
for a person, that run and that have just failed, and the latest events, full screen. top keeps running while the broker or the supervisor
is unavailable, and says so.

Press q to quit, Tab for the next list, and the arrow keys or j and k to move in it.
Press c to cancel the selected mission, / to filter by text, and ? for all keys.`,
		Example: `  supervisor top
  supervisor top --context production`,
		Args: ui.NoArguments,
	}
	config.AddConnectionFlags(cmd)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if !c.Out.Terminal {
			return ui.Usagef("top needs a terminal; programs can use: supervisor status --watch --json")
		}
		return nil
	}
	cmd.RunE = remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error { return runTop(ctx, c, s, take) })
	return cmd
}

// top is the full-screen terminal and the session that provides its data.
type top struct {
	*ui.FullScreen

	console *ui.Console
	session *remote.Session
	state   viewState

	looks  chan snapshot
	orders chan string // results of orders to the supervisor
}

// runTop shows everything until the user ends it.
func runTop(ctx context.Context, c *ui.Console, s *remote.Session, take func() (tcell.Screen, error)) error {
	return ui.TakeOver(ctx, take, func(ctx context.Context, screen *ui.FullScreen) error {
		t := &top{FullScreen: screen, console: c, session: s, state: newViewState(s.Conn.ConnectedUrlRedacted()),
			looks: make(chan snapshot), orders: make(chan string)}
		return remote.EndOfWatch(ctx, t.run(ctx))
	})
}

func (t *top) run(ctx context.Context) error {
	events := t.Events(ctx)
	t.Go(func() { t.poll(ctx) })
	canvas := t.console.Out.Canvas(t.Terminal)
	for {
		t.state.draw(canvas, time.Now())
		select {
		case look := <-t.looks:
			t.state.take(&look, func(err error) string { return remote.Trouble(t.console, err, t.state.at) })
		case notice := <-t.orders:
			t.state.notice = notice
		case event, open := <-events:
			if !open {
				return nil
			}
			if t.handle(ctx, event) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// handle handles a terminal event, and reports whether to end.
func (t *top) handle(ctx context.Context, event tcell.Event) (end bool) {
	switch event := event.(type) {
	case *tcell.EventResize:
		t.Terminal.Sync()
	case *tcell.EventKey:
		order := t.state.key(event)
		if order.cancel != "" {
			t.Go(func() { t.cancel(ctx, order.cancel) })
		}
		return order.end
	}
	return false
}

// cancel cancels a mission and reports the result.
func (t *top) cancel(ctx context.Context, id string) {
	notice := "Cancelled mission " + id
	asking, done := context.WithTimeout(ctx, remote.ConnectTimeout)
	defer done()
	if _, err := t.session.Client.Cancel(asking, id, "cancelled in supervisor top"); err != nil {
		notice = "Mission " + id + " was not cancelled: " + remote.ErrorText(err)
	}
	select {
	case t.orders <- notice:
	case <-ctx.Done():
	}
}
