package mcp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/supervisor/live"
	"missioncontrol/supervisor/mcp"
)

// programName is the name of the command's connection and requests.
const programName = "supervisor-mcp"

// session is the connection to a broker. It answers the tools.
type session struct {
	work    *nats.Conn
	control *nats.Conn // of an agent's heartbeats; nil without an agent
	client  *client.Client
	denied  *remote.Denials
}

// connect connects as the agent with this id, or as nobody in particular for "".
func connect(c *ui.Console, cmd *cobra.Command, id string) (*session, error) {
	settings, err := config.LoadConnection(cmd.Flags(), c.LookupEnv)
	if err != nil {
		return nil, err
	}
	b, err := settings.Broker(true)
	if err != nil {
		return nil, err
	}
	config.WarnOfExposed(c, settings.Exposed)
	s := &session{denied: remote.NewDenials()}
	if s.work, err = s.dial(b, id, ""); err != nil {
		return nil, err
	}
	if id != "" {
		if s.control, err = s.dial(b, id, "agent-heartbeats:"+id); err != nil {
			s.work.Close()
			return nil, err
		}
	}
	s.client = client.New(s.work, client.Name(programName))
	return s, nil
}

// dial opens a connection, which reconnects for ever. The connection of an agent has its name,
// so that the supervisor notices its end, unless another one is given.
func (s *session) dial(b config.Broker, id, name string) (*nats.Conn, error) {
	options := slices.Concat(b.Options, []nats.Option{
		nats.Name(programName), nats.MaxReconnects(-1), nats.IgnoreAuthErrorAbort(),
		nats.ReconnectWait(200 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 200*time.Millisecond),
	})
	if id != "" {
		options = append(options, agent.ConnectionOptions(id)...)
	}
	if name != "" {
		options = append(options, nats.Name(name))
	}
	options = append(options, nats.Timeout(remote.ConnectTimeout), eventstream.RefuseHTTP, nats.PermissionErrOnSubscribe(true),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.denied.Note(err) }))
	nc, err := nats.Connect(b.URLs, options...)
	if err != nil {
		return nil, config.NotConnected(b.URLs, err)
	}
	return nc, nil
}

func (s *session) close() {
	if s.control != nil {
		s.control.Close()
	}
	s.work.Close()
}

// refusable is a request that every endpoint refuses: no request has such a field.
const refusable = `{"is_this_allowed":true}`

// tryTimeout bounds how long the broker may take to deny something.
const tryTimeout = 3 * time.Second

// mayBe finds out whether the broker lets the user be an agent.
func (s *session) mayBe(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := s.denied.Try(ctx, s.work, api.AgentSubject(id, api.OpRegister.Verb), []byte(refusable))
	if errors.Is(err, remote.ErrDenied) {
		return remote.NotThisAgent(id, err)
	}
	return nil // what else is wrong may pass
}

// subjectOf returns the subject that an operation needs.
func subjectOf(op *api.Operation) string {
	if op == api.OpPast.Operation { // which is read from the stream
		return "$JS.API.STREAM.INFO." + eventstream.DefaultStreamName
	}
	return op.Subject
}

// allowed returns the operations that the access includes and that the broker does not deny.
func (s *session) allowed(ctx context.Context, access string) map[*api.Operation]bool {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	allowed := map[*api.Operation]bool{}
	var mu sync.Mutex // guards allowed
	var tries sync.WaitGroup
	for _, op := range mcp.Operations() {
		if access == accessNone || access == accessRead && op.Access != api.AccessRead {
			continue
		}
		tries.Go(func() {
			err := s.denied.Try(ctx, s.work, subjectOf(op), []byte(refusable))
			mu.Lock()
			defer mu.Unlock()
			allowed[op] = !errors.Is(err, remote.ErrDenied)
		})
	}
	tries.Wait()
	return allowed
}

// Ask implements [mcp.Backend].
func (s *session) Ask(ctx context.Context, op *api.Operation, request []byte) ([]byte, error) {
	var reply jsontext.Value
	err := s.denied.During(ctx, subjectOf(op), func(ctx context.Context) (err error) {
		if op == api.OpPast.Operation {
			reply, err = s.past(ctx, request)
			return err
		}
		return s.client.Do(ctx, op.Subject, jsontext.Value(request), &reply)
	})
	return reply, said(err)
}

// past reads past events from the stream.
func (s *session) past(ctx context.Context, body []byte) ([]byte, error) {
	request, err := api.Decode[api.PastRequest](body)
	if err != nil {
		return nil, err
	}
	if _, err := remote.OpenEvents(ctx, s.work); err != nil {
		return nil, err
	}
	reader, err := eventstream.NewReader(s.work, eventstream.DefaultStreamName)
	if err != nil {
		return nil, err
	}
	past, err := live.Past(ctx, reader, request, time.Now())
	if err != nil {
		return nil, err
	}
	return api.Encode(past)
}

// said returns an error as the client may see it. The connection is the client's own, so the
// text may say what is wrong with it.
func said(err error) error {
	var refusal *api.Error
	var domain *missions.Error
	switch {
	case err == nil, errors.As(err, &refusal), errors.As(err, &domain), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, remote.ErrDenied):
		return &api.Error{Code: api.CodeForbidden, Message: fmt.Sprintf("the broker does not allow this user to do that: %v", err)}
	case errors.Is(err, nats.ErrMaxPayload):
		return missions.TooLarge("body", "is larger than the broker's messages may be")
	}
	return &mcp.Plain{Err: errors.New(remote.ErrorText(err))}
}
