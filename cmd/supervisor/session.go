package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
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
func (c *cli) withSession(use func(ctx context.Context, s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return c.connect(cmd, connectTimeout, func(ctx context.Context, s *session) error { return use(ctx, s, args) })
	}
}

// connect opens a connection for the duration of use, and ends it when the broker denies
// something: a denied request never gets an answer.
func (c *cli) connect(cmd *cobra.Command, timeout time.Duration, use func(context.Context, *session) error) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	s, err := c.dial(cmd, timeout, func(err error) { cancel(&deniedError{err}) })
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
func (c *cli) dial(cmd *cobra.Command, timeout time.Duration, denied func(error)) (*session, error) {
	settings, err := config.LoadConnection(cmd.Flags(), c.LookupEnv)
	if err != nil {
		return nil, err
	}
	b, err := settings.Broker(true)
	if err != nil {
		return nil, err
	}
	config.WarnOfExposed(c.Console, settings.Exposed)
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

// deniedError means that the broker's permissions do not allow something.
type deniedError struct{ err error }

func (e *deniedError) Error() string {
	return fmt.Sprintf("the broker does not allow this user to do that (%v)", e.err)
}

func (e *deniedError) Unwrap() error { return e.err }

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

// unsure reports whether err leaves open if the request was carried out. Such a request
// should be repeated if that is safe.
func unsure(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, api.ErrTimeout) ||
		errors.Is(err, nats.ErrDisconnected) || errors.Is(err, nats.ErrConnectionReconnecting) || away(err)
}

// away reports whether err says that there is currently no supervisor.
func away(err error) bool {
	return errors.Is(err, client.ErrNoSupervisor) || errors.Is(err, api.ErrUnavailable)
}

// aboutError adds to an error what it is about.
type aboutError struct {
	about string
	err   error
}

func (e *aboutError) Error() string { return e.about + ": " + e.err.Error() }

func (e *aboutError) Unwrap() error { return e.err }

// errorText formats an error for people: one line, with what is wrong and what to do.
func errorText(err error) string {
	var refusal *api.Error
	var about *aboutError
	switch {
	case errors.As(err, &about):
		return about.about + ": " + errorText(about.err)
	case errors.As(err, &refusal):
		return refusal.Message
	case errors.Is(err, client.ErrNoSupervisor):
		return err.Error() + "; start one there with: supervisor serve --server URL, or name another broker with --server or --context"
	case errors.Is(err, context.Canceled):
		return "interrupted"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		text := strings.NewReplacer(context.DeadlineExceeded.Error(), "no answer in time", nats.ErrTimeout.Error(), "no answer in time").Replace(err.Error())
		return text + "; try again, or ask the supervisor at its HTTP address: supervisor health --http ADDRESS"
	}
	return strings.ReplaceAll(err.Error(), "\n", "; ")
}

// badRequest turns the supervisor's rejection of an argument into a usage error.
func badRequest(err error) error {
	if errors.Is(err, api.ErrInvalid) || errors.Is(err, api.ErrTooLarge) {
		return ui.Usagef("%s", errorText(err))
	}
	return err
}
