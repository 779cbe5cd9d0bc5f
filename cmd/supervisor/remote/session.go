// Package remote is what the commands share that talk to a supervisor elsewhere: the
// connection, requests and what their errors mean to people, completions that ask the
// supervisor, and what a live view says while nobody answers.
package remote

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
	"missioncontrol/eventstream"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// Session is a connection to a broker, with the client for a supervisor's requests.
type Session struct {
	Conn   *nats.Conn
	Client *client.Client
	Broker config.Broker
}

// programName is the name of the commands' connections, shown by the broker and the
// supervisor.
const programName = "supervisor-cli"

// ConnectTimeout bounds the connection to one broker.
const ConnectTimeout = 5 * time.Second

// WithSession returns a command's run function for a function that needs a connection.
func WithSession(c *ui.Console, use func(ctx context.Context, s *Session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return Connect(c, cmd, ConnectTimeout, func(ctx context.Context, s *Session) error { return use(ctx, s, args) })
	}
}

// Connect opens a connection for the duration of use, and ends it when the broker denies
// something: a denied request never gets an answer.
func Connect(c *ui.Console, cmd *cobra.Command, timeout time.Duration, use func(context.Context, *Session) error) error {
	b, err := load(c, cmd)
	if err != nil {
		return err
	}
	return ConnectTo(cmd.Context(), b, timeout, use)
}

// ConnectTo is [Connect] to a broker that the caller knows.
func ConnectTo(ctx context.Context, b config.Broker, timeout time.Duration, use func(context.Context, *Session) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := dial(b, timeout, func(err error) { cancel(&deniedError{err}) })
	if err != nil {
		return err
	}
	defer s.Conn.Close()
	err = use(ctx, s)
	var denied *deniedError
	if reason := context.Cause(ctx); err != nil && errors.As(reason, &denied) {
		return denied
	}
	return err
}

// Dial opens a connection, which the caller closes. It passes the broker's denials to
// denied.
func Dial(c *ui.Console, cmd *cobra.Command, timeout time.Duration, denied func(error)) (*Session, error) {
	b, err := load(c, cmd)
	if err != nil {
		return nil, err
	}
	return dial(b, timeout, denied)
}

// load returns the broker that a command's flags and the environment name.
func load(c *ui.Console, cmd *cobra.Command) (config.Broker, error) {
	settings, err := config.LoadConnection(cmd.Flags(), c.LookupEnv)
	if err != nil {
		return config.Broker{}, err
	}
	b, err := settings.Broker(true)
	if err == nil {
		config.WarnOfExposed(c, settings.Exposed)
	}
	return b, err
}

func dial(b config.Broker, timeout time.Duration, denied func(error)) (*Session, error) {
	options := append(b.Options,
		nats.Name(programName), nats.Timeout(timeout), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(), nats.PermissionErrOnSubscribe(true),
		eventstream.RefuseHTTP, nats.ReconnectWait(200*time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 200*time.Millisecond),
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
	return &Session{Conn: nc, Client: client.New(nc, client.Name(programName)), Broker: b}, nil
}

// Ask sends the request of an operation and returns the reply, both decoded and as
// received.
func Ask[Q, R any](ctx context.Context, s *Session, op api.Op[Q, R], request Q) (reply R, raw jsontext.Value, err error) {
	return AskAs[R](ctx, s, op.Subject, request)
}

// AskAs is [Ask] for commands that write the request or read the reply in their own
// types.
func AskAs[R any](ctx context.Context, s *Session, subject string, request any) (reply R, raw jsontext.Value, err error) {
	if err := s.Client.Do(ctx, subject, request, &raw); err != nil {
		return reply, nil, err
	}
	if err := api.DecodeReply(raw, &reply); err != nil {
		return reply, nil, fmt.Errorf("cannot decode the reply of %s: %w", subject, err)
	}
	return reply, raw, nil
}
