package client

import (
	"bytes"
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

// showReply returns the run function of a command that sends one request and prints the
// reply: as JSON, or with draw. The flags may still fill in the request.
func showReply[Q, R any](c *ui.Console, l *look, op api.Op[Q, R], request *Q, draw func(out *ui.Screen, reply *R)) func(*cobra.Command, []string) error {
	return remote.WithSession(c, func(ctx context.Context, s *remote.Session, _ []string) error {
		return show(ctx, c, s.Conn, l, func(ctx context.Context, out *ui.Screen) error {
			reply, raw, err := remote.Ask(ctx, s, op, *request)
			switch {
			case err != nil:
				return remote.BadRequest(err)
			case l.json:
				out.JSON(raw)
			default:
				draw(out, &reply)
			}
			return nil
		})
	})
}

// show runs once, or repeatedly at the refresh interval. On a terminal each page replaces
// the one before. A supervisor that is briefly unavailable does not end it. nc is nil for
// what does not use NATS.
func show(ctx context.Context, c *ui.Console, nc *nats.Conn, l *look, once func(ctx context.Context, out *ui.Screen) error) error {
	c.Out.Wide = l.wide
	if !l.watch {
		return once(ctx, c.Out)
	}
	w := &watch{console: c, nc: nc, once: once}
	return remote.EndOfWatch(ctx, w.run(ctx))
}

// watch repeats a look.
type watch struct {
	console *ui.Console
	nc      *nats.Conn // nil without NATS
	once    func(ctx context.Context, out *ui.Screen) error

	page     string    // the last successful page
	at       time.Time // and when
	notified string    // the trouble reported last, without a terminal
}

// run refreshes at each tick, and at once when the connection is lost or restored.
func (w *watch) run(ctx context.Context) error {
	ticker := time.NewTicker(w.console.Interval)
	defer ticker.Stop()
	turned, forget := remote.ConnectionTurns(w.nc)
	defer forget()
	for first := true; ; first = false {
		w.console.Out.Measure()
		err := w.look(ctx)
		if err != nil && (first || ctx.Err() != nil) {
			return err
		}
		w.draw(err, first)
		if w.console.Out.Failure() != nil {
			return nil // reported at the end of the run
		}
		select {
		case <-ticker.C:
		case _, open := <-turned:
			if !open {
				turned = nil // the connection was given up
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *watch) look(ctx context.Context) error {
	if w.nc != nil && !w.nc.IsConnected() {
		return remote.ErrBrokerAway
	}
	ctx, cancel := context.WithTimeout(ctx, w.console.RefreshTimeout)
	defer cancel()
	var page bytes.Buffer
	if err := w.once(ctx, w.console.Out.Over(&page)); err != nil {
		return err
	}
	w.page, w.at = page.String(), time.Now()
	return nil
}

// draw shows the last page. If it is stale, draw says why above it.
func (w *watch) draw(err error, first bool) {
	out := w.console.Out
	switch {
	case err == nil && out.Terminal:
		out.Redraw(w.page, first)
	case err == nil:
		out.Printf("%s", w.page)
		w.notified = ""
	case out.Terminal:
		out.Redraw(string(out.Paint(ui.Red, remote.Trouble(w.console, err, w.at)))+"\n"+w.page, first)
	default:
		if text := remote.Trouble(w.console, err, w.at); text != w.notified {
			w.console.Err.Printf("supervisor: %s\n", ui.Clean(text))
			w.notified = text
		}
	}
}
