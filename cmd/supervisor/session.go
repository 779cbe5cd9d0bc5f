package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// session is a connection to a broker, with the client for a supervisor's requests.
type session struct {
	nc     *nats.Conn
	client *client.Client
	broker config.Broker
}

// programName is the name of the commands' connections, shown by the broker and the
// supervisor.
const programName = "supervisor-cli"

// connectTimeout bounds the connection to one broker.
const connectTimeout = 5 * time.Second

// withSession returns a command's run function for a function that needs a connection.
func withSession(c *ui.Console, use func(ctx context.Context, s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return connect(c, cmd, connectTimeout, func(ctx context.Context, s *session) error { return use(ctx, s, args) })
	}
}

// connect opens a connection for the duration of use, and ends it when the broker denies
// something: a denied request never gets an answer.
func connect(c *ui.Console, cmd *cobra.Command, timeout time.Duration, use func(context.Context, *session) error) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	s, err := dial(c, cmd, timeout, func(err error) { cancel(&deniedError{err}) })
	if err != nil {
		return err
	}
	defer s.nc.Close()
	err = use(ctx, s)
	var denied *deniedError
	if reason := context.Cause(ctx); err != nil && errors.As(reason, &denied) {
		return denied
	}
	return err
}

// dial opens a connection, which the caller closes. It passes the broker's denials to
// denied.
func dial(c *ui.Console, cmd *cobra.Command, timeout time.Duration, denied func(error)) (*session, error) {
	settings, err := config.LoadConnection(cmd.Flags(), c.LookupEnv)
	if err != nil {
		return nil, err
	}
	b, err := settings.Broker(true)
	if err != nil {
		return nil, err
	}
	config.WarnOfExposed(c, settings.Exposed)
	options := append(b.Options,
		nats.Name(programName), nats.Timeout(timeout), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.PermissionErrOnSubscribe(true),
		nats.ReconnectWait(200*time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 200*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				denied(err)
			}
		}),
	)
	nc, err := nats.Connect(b.URLs, options...)
	if err != nil {
		return nil, config.NotConnected(b.URLs, err)
	}
	return &session{nc: nc, client: client.New(nc, client.Name(programName)), broker: b}, nil
}

// ask sends a request and returns the reply, both decoded and as received.
func ask[R any](ctx context.Context, s *session, subject string, request any) (reply R, raw jsontext.Value, err error) {
	if err := s.client.Do(ctx, subject, request, &raw); err != nil {
		return reply, nil, err
	}
	if err := api.DecodeReply(raw, &reply); err != nil {
		return reply, nil, fmt.Errorf("the reply of %s cannot be understood: %w", subject, err)
	}
	return reply, raw, nil
}
