package remote

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
)

// ErrBrokerAway means that the connection is lost and being restored.
var ErrBrokerAway = errors.New("the broker is unavailable")

// Trouble says why there are no new figures, and how old the last ones are, if there are
// any.
func Trouble(c *ui.Console, err error, since time.Time) string {
	var refusal *api.Error
	if errors.As(err, &refusal) {
		return refusal.Message
	}
	reason := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		reason = "the supervisor has not answered within " + ui.DurationWords(c.RefreshTimeout)
	}
	if since.IsZero() {
		return "no answer yet: " + reason
	}
	return "no answer since " + c.Out.Clock(since) + ": " + reason
}

// ConnectionTurns returns a channel that receives a value whenever the connection is lost
// or restored, and a function that ends this.
func ConnectionTurns(nc *nats.Conn) (<-chan nats.Status, func()) {
	if nc == nil {
		return nil, func() {}
	}
	turned := nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING)
	return turned, func() { nc.RemoveStatusListener(turned) }
}

// EndOfWatch makes Ctrl-C the ordinary end of a command that has no other.
func EndOfWatch(ctx context.Context, err error) error {
	var denied *deniedError
	if ctx.Err() != nil && !errors.As(context.Cause(ctx), &denied) {
		return nil
	}
	return err
}
