package client

import (
	"context"
	"time"

	"github.com/gdamore/tcell/v2"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

// inbox is the full-screen terminal and the session that provides its data.
type inbox struct {
	*ui.FullScreen

	console *ui.Console
	session *remote.Session
	filter  api.ListRequest
	state   inboxState

	looks   chan inboxLook
	results chan inboxResult
	again   chan struct{} // something has changed: look at once
}

// runInbox shows what waits for a person, and sends the answers, until the user ends it.
func runInbox(ctx context.Context, c *ui.Console, s *remote.Session, filter api.ListRequest, take func() (tcell.Screen, error)) error {
	return ui.TakeOver(ctx, take, func(ctx context.Context, screen *ui.FullScreen) error {
		b := &inbox{FullScreen: screen, console: c, session: s, filter: filter, state: newInboxState(s.Conn.ConnectedUrlRedacted()),
			looks: make(chan inboxLook), results: make(chan inboxResult), again: make(chan struct{}, 1)}
		return remote.EndOfWatch(ctx, b.run(ctx))
	})
}

func (b *inbox) run(ctx context.Context) error {
	events := b.Events(ctx)
	b.Go(func() { b.poll(ctx) })
	canvas := b.console.Out.Canvas(b.Terminal)
	for {
		b.state.draw(canvas, time.Now())
		select {
		case look := <-b.looks:
			b.state.take(&look, func(err error) string { return remote.Trouble(b.console, err, b.state.at) })
		case result := <-b.results:
			b.state.finish(&result)
			select {
			case b.again <- struct{}{}:
			default: // it will look anyway
			}
		case event, open := <-events:
			if !open || b.handle(ctx, event) {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// handle handles a terminal event, and reports whether to end.
func (b *inbox) handle(ctx context.Context, event tcell.Event) (end bool) {
	switch event := event.(type) {
	case *tcell.EventResize:
		b.Terminal.Sync()
	case *tcell.EventKey:
		action := b.state.key(event)
		if action.send != nil {
			b.Go(func() { b.send(ctx, &action) })
		}
		return action.end
	}
	return false
}

// poll refreshes every second, and at once after an answer and when the connection is lost
// or restored.
func (b *inbox) poll(ctx context.Context) {
	ticker := time.NewTicker(b.console.Interval)
	defer ticker.Stop()
	turned, forget := remote.ConnectionTurns(b.session.Conn)
	defer forget()
	for {
		select {
		case b.looks <- b.look(ctx):
		case <-ctx.Done():
			return
		}
		select {
		case <-ticker.C:
		case <-b.again:
		case _, open := <-turned:
			if !open {
				turned = nil // the connection was given up
			}
		case <-ctx.Done():
			return
		}
	}
}

// look reads what waits now.
func (b *inbox) look(ctx context.Context) (look inboxLook) {
	look.begun = time.Now()
	if !b.session.Conn.IsConnected() {
		look.err = remote.ErrBrokerAway
		return look
	}
	ctx, cancel := context.WithTimeout(ctx, b.console.RefreshTimeout)
	defer cancel()
	look.questions, look.more, look.err = readInbox(ctx, b.session.Client, b.filter)
	look.at = time.Now()
	return look
}

// send sends an answer and reports what became of it.
func (b *inbox) send(ctx context.Context, action *inboxAction) {
	asking, done := context.WithTimeout(ctx, remote.ConnectTimeout)
	defer done()
	result := inboxResult{key: action.key, request: action.send}
	reply, _, err := sendSignal(asking, b.session, *action.send)
	if result.reply, result.at = reply, time.Now(); err != nil {
		result.trouble = remote.ErrorText(err)
	}
	select {
	case b.results <- result:
	case <-ctx.Done():
	}
}
