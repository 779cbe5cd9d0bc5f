package main

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

// look is how a command shows its result.
type look struct {
	json, watch bool
}

// addLookFlags adds --json and --watch to a command.
func addLookFlags(cmd *cobra.Command) *look {
	l := &look{}
	cmd.Flags().BoolVar(&l.json, "json", false, "print the reply as JSON")
	cmd.Flags().BoolVarP(&l.watch, "watch", "w", false, "show it again every second, until Ctrl-C")
	return l
}

// showReply returns the run function of a command that sends one request and prints the
// reply: as JSON, or with print. The request may be a pointer to what the flags fill in.
func showReply[R any](c *cli, l *look, subject string, request any, print func(out *ui.Screen, reply *R)) func(*cobra.Command, []string) error {
	return c.withSession(func(ctx context.Context, s *session, _ []string) error {
		return c.show(ctx, s.nc, l, func(ctx context.Context, out *ui.Screen) error {
			reply, raw, err := ask[R](ctx, s, subject, request)
			switch {
			case err != nil:
				return badRequest(err)
			case l.json:
				out.JSON(raw)
			default:
				print(out, &reply)
			}
			return nil
		})
	})
}

// show runs once, or repeatedly at the refresh interval. On a terminal each page replaces
// the one before. A supervisor that is briefly unavailable does not end it. nc is nil for
// what does not use NATS.
func (c *cli) show(ctx context.Context, nc *nats.Conn, l *look, once func(ctx context.Context, out *ui.Screen) error) error {
	if !l.watch {
		return once(ctx, c.Out)
	}
	w := &watch{cli: c, nc: nc, once: once}
	return endOfWatch(ctx, w.run(ctx))
}

// errBrokerAway means that the connection is lost and being restored.
var errBrokerAway = errors.New("the broker is away")

// watch repeats a look.
type watch struct {
	cli  *cli
	nc   *nats.Conn // nil without NATS
	once func(ctx context.Context, out *ui.Screen) error

	page     string    // the last successful page
	at       time.Time // and when
	notified string    // the trouble reported last, without a terminal
}

// run refreshes at each tick, and at once when the connection is lost or restored.
func (w *watch) run(ctx context.Context) error {
	ticker := time.NewTicker(w.cli.Interval)
	defer ticker.Stop()
	turned, forget := connectionTurns(w.nc)
	defer forget()
	for first := true; ; first = false {
		w.cli.Out.Measure()
		err := w.look(ctx)
		if err != nil && (first || ctx.Err() != nil) {
			return err
		}
		w.draw(err, first)
		if w.cli.Out.Failure() != nil {
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
		return errBrokerAway
	}
	ctx, cancel := context.WithTimeout(ctx, w.cli.RefreshTimeout)
	defer cancel()
	var page bytes.Buffer
	if err := w.once(ctx, w.cli.Out.Over(&page)); err != nil {
		return err
	}
	w.page, w.at = page.String(), time.Now()
	return nil
}

// draw shows the last page. If it is stale, draw says why above it.
func (w *watch) draw(err error, first bool) {
	out := w.cli.Out
	switch {
	case err == nil && out.Terminal:
		out.Redraw(w.page, first)
	case err == nil:
		out.Printf("%s", w.page)
		w.notified = ""
	case out.Terminal:
		out.Redraw(string(out.Paint(ui.Red, w.cli.trouble(err, w.at)))+"\n"+w.page, first)
	default:
		if text := w.cli.trouble(err, w.at); text != w.notified {
			w.cli.Err.Printf("supervisor: %s\n", ui.Clean(text))
			w.notified = text
		}
	}
}

// trouble says why there are no new figures, and how old the last ones are, if there are
// any.
func (c *cli) trouble(err error, since time.Time) string {
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return refusal.Message
	}
	reason := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		reason = "the supervisor takes longer than " + ui.DurationWords(c.RefreshTimeout)
	}
	if since.IsZero() {
		return "no answer yet: " + reason
	}
	return "no answer since " + c.Out.Clock(since) + ": " + reason
}

// connectionTurns returns a channel that receives a value whenever the connection is lost
// or restored, and a function that ends this.
func connectionTurns(nc *nats.Conn) (<-chan nats.Status, func()) {
	if nc == nil {
		return nil, func() {}
	}
	turned := nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING)
	return turned, func() { nc.RemoveStatusListener(turned) }
}

// endOfWatch makes Ctrl-C the ordinary end of a command that has no other.
func endOfWatch(ctx context.Context, err error) error {
	var denied *deniedError
	if ctx.Err() != nil && !errors.As(context.Cause(ctx), &denied) {
		return nil
	}
	return err
}
