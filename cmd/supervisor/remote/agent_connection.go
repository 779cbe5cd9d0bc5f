package remote

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
)

// ConnectAgent opens the agent's connection. It waits for a broker that is down. It fails
// if the broker rejects the credentials. If the broker does not let the user be this
// agent, ConnectAgent passes an error to end.
func ConnectAgent(c *ui.Console, b config.Broker, id string, end context.CancelCauseFunc) (*nats.Conn, error) {
	options := append(b.Options,
		ownInbox(id), nats.Name(api.ConnectionName(id)), nats.MaxReconnects(-1),
		nats.ReconnectWait(200*time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 200*time.Millisecond), // within the grace time
		nats.PingInterval(5*time.Second),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.Err.Printf("Lost the connection to the broker (%s); reconnecting.\n", ui.Clean(err.Error()))
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) { c.Err.Printf("Connected to %s.\n", nc.ConnectedUrlRedacted()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				end(&NotThisAgentError{id, err})
				return
			}
			c.Err.Printf("Error on the connection: %s\n", ui.Clean(err.Error()))
		}),
	)
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

// ownInbox sets an inbox that only the agent may subscribe to, if the broker uses roles
// and no other inbox was set.
func ownInbox(id string) nats.Option {
	return func(o *nats.Options) error {
		if o.InboxPrefix == "" {
			o.InboxPrefix = api.InboxPrefix(id)
		}
		return nil
	}
}

// NotThisAgentError says that the broker does not accept the user as this agent.
type NotThisAgentError struct {
	id  string
	err error
}

func (e *NotThisAgentError) Error() string {
	return fmt.Sprintf("the broker does not allow this user to be the agent %s (%v); give the user's name as --id, and give the user the role agent", e.id, e.err)
}

func (e *NotThisAgentError) Unwrap() error { return e.err }
