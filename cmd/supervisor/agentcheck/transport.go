package agentcheck

import (
	"context"
	"time"
)

// transport carries a script's requests, replies and commands.
type transport interface {
	// url is where the agent under test connects to.
	url() string

	// push sends the agent a command. It may be lost.
	push(command map[string]any)

	// listens returns whether the agent receives commands.
	listens(ctx context.Context) (bool, error)

	// away breaks all connections, and accepts none until pause has passed. When it returns,
	// the transport accepts connections again, at the same address.
	away(ctx context.Context, pause time.Duration) error

	// close ends it. No request is answered afterwards.
	close()
}

// sleep returns ctx's error if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
