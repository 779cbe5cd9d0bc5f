package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/supervisor/agent"
)

// ConnectAgent opens the agent's connection. It waits for a broker that is down. It fails
// if the broker rejects the credentials. If the broker does not let the user be this
// agent, ConnectAgent passes an error to end.
func ConnectAgent(c *ui.Console, b config.Broker, id string, end context.CancelCauseFunc) (*nats.Conn, error) {
	var lastError atomic.Value // a broker that refuses the sign-in says so at every attempt
	options := slices.Concat(b.Options, agent.ConnectionOptions(id), []nats.Option{
		eventstream.RefuseHTTP,
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.Err.Printf("Lost the connection to the broker (%s); reconnecting.\n", ui.Clean(err.Error()))
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			lastError.Store("")
			c.Err.Printf("Connected to %s.\n", nc.ConnectedUrlRedacted())
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				end(&NotThisAgentError{id, err})
				return
			}
			if lastError.Swap(err.Error()) != err.Error() {
				c.Err.Printf("Error on the connection: %s\n", ui.Clean(err.Error()))
			}
		}),
	})
	nc, err := nats.Connect(b.URLs, options...)
	if !errors.Is(err, nats.ErrNoServers) && !errors.Is(err, nats.ErrTimeout) {
		if err != nil {
			return nil, config.NotConnected(b.URLs, err)
		}
		return nc, nil
	}
	c.Err.Printf("Cannot reach a broker at %s yet; waiting. Press Ctrl-C to stop.\n", eventstream.RedactURLs(b.URLs))
	nc, err = nats.Connect(b.URLs, append(options, nats.RetryOnFailedConnect(true))...)
	if err != nil {
		return nil, config.NotConnected(b.URLs, err)
	}
	return nc, nil
}

// NotThisAgentError says that the broker does not accept the user as this agent.
type NotThisAgentError struct {
	id  string
	err error
}

// NotThisAgent returns the error for an agent that the broker does not accept, with the
// broker's denial.
func NotThisAgent(id string, denial error) error { return &NotThisAgentError{id, denial} }

func (e *NotThisAgentError) Error() string {
	return fmt.Sprintf("the broker does not allow this user to be the agent %s (%v); give the user's name as --id, and give the user the role agent", e.id, e.err)
}

func (e *NotThisAgentError) Unwrap() error { return e.err }
