// Package client sends the protocol's requests to a supervisor over NATS, with one
// method for each request.
package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Client sends requests over a NATS connection, which remains the caller's. Its methods
// may be called concurrently.
//
// Every method returns one of these errors: an *api.Error if the supervisor refused, to
// be matched with errors.Is and the sentinels of package api; an [ErrNoSupervisor]; or
// an error of the connection or the context. If a method that changes something returns
// a timeout or a connection error, it is unknown whether the change was made. The same
// create, completion or failure can safely be sent again.
type Client struct {
	nc      *nats.Conn
	timeout time.Duration
	name    string
	noBrief atomic.Bool // the supervisor is of an earlier version, without brief requests
}

// ErrNoSupervisor means that the broker was reached but no supervisor answers there.
var ErrNoSupervisor = errors.New("no supervisor answers on this broker")

// ErrForeignStream means that a JetStream stream covers the supervisor's subjects and
// acknowledged the request in place of the supervisor.
var ErrForeignStream = errors.New("a stream that covers " + api.SubjectAll +
	" answered instead of the supervisor; remove that subject from the stream")

// DefaultTimeout bounds requests whose context ends later or never. A large request
// gets more time, enough for a link of slowLink bytes per second, but at most slowest
// in addition.
const (
	DefaultTimeout = 10 * time.Second

	slowLink = 8 << 10
	slowest  = 2 * time.Minute
)

// sending returns how much longer than an empty one a request may take.
func sending(body []byte) time.Duration {
	return min(time.Duration(len(body)/slowLink)*time.Second, slowest)
}

// Option configures a client.
type Option func(*Client)

// Name adds the name of the calling program to every request, so that people can see
// which programs send requests. It should be one word; see [api.CallerName].
func Name(name string) Option { return func(c *Client) { c.name = name } }

// New returns a client that uses nc.
func New(nc *nats.Conn, options ...Option) *Client {
	c := &Client{nc: nc, timeout: DefaultTimeout}
	for _, option := range options {
		option(c)
	}
	return c
}

// Do sends any request and decodes its reply into reply, which may be nil. A trace
// context that ctx carries by [api.WithTrace] is sent with the request, here and in
// every other method.
func (c *Client) Do(ctx context.Context, subject string, request, reply any) error {
	return c.do(ctx, c.timeout, subject, request, reply)
}

func (c *Client) do(ctx context.Context, timeout time.Duration, subject string, request, reply any) error {
	body, err := api.Encode(request)
	if err != nil {
		return fmt.Errorf("encode the request to %s: %w", subject, err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout+sending(body))
	defer cancel()
	out := &nats.Msg{Subject: subject, Data: body, Header: c.header(ctx)}
	msg, err := c.nc.RequestMsgWithContext(ctx, out)
	if errors.Is(err, nats.ErrNoResponders) {
		return fmt.Errorf("%w (%s)", ErrNoSupervisor, c.nc.ConnectedUrlRedacted())
	}
	if err != nil {
		return fmt.Errorf("request to %s: %w", subject, err)
	}
	if msg.Header.Get(api.HeaderErrorCode) != "" {
		return readError(msg)
	}
	if strings.HasPrefix(string(msg.Data), `{"stream":`) {
		return ErrForeignStream
	}
	if reply == nil {
		return nil
	}
	if err := api.DecodeReply(msg.Data, reply); err != nil {
		return fmt.Errorf("decode the reply of %s: %w", subject, err)
	}
	return nil
}

// header returns the headers for the trace context and the caller's name, or nil if
// there are none.
func (c *Client) header(ctx context.Context) nats.Header {
	trace := api.TraceOf(ctx)
	if trace == "" && c.name == "" {
		return nil
	}
	header := nats.Header{}
	if trace != "" {
		header.Set(api.HeaderTraceparent, trace)
	}
	if c.name != "" {
		header.Set(api.HeaderClient, c.name)
	}
	return header
}

func readError(msg *nats.Msg) error {
	var reply api.ErrorReply
	if err := api.DecodeReply(msg.Data, &reply); err != nil || reply.Error == nil {
		return &api.Error{Code: api.CodeInternal, Message: msg.Header.Get(api.HeaderError)}
	}
	return reply.Error
}

// send sends the request of an operation and returns its reply.
func send[Q, R any](ctx context.Context, c *Client, op api.Op[Q, R], request Q) (reply R, err error) {
	return reply, c.Do(ctx, op.Subject, request, &reply)
}

// Health returns the health of the supervisor.
func (c *Client) Health(ctx context.Context) (api.Health, error) {
	return send(ctx, c, api.OpHealth, api.Empty{})
}

// Status returns the status.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return send(ctx, c, api.OpStatus, api.Empty{})
}

// Agents lists agents.
func (c *Client) Agents(ctx context.Context, request api.AgentsRequest) (api.Agents, error) {
	return send(ctx, c, api.OpAgents, request)
}

// Create creates one mission. created is false if the mission already existed with the
// same content, or if m is another one that holds its unique key.
func (c *Client) Create(ctx context.Context, spec api.MissionSpec) (m missions.Mission, created bool, err error) {
	reply, err := send(ctx, c, api.OpCreate, api.CreateRequest{MissionSpec: spec})
	if err != nil {
		return m, false, err
	}
	if reply.Created == nil || reply.Created.Mission == nil {
		return m, false, fmt.Errorf("the reply of %s contains no mission", api.OpCreate.Subject)
	}
	return *reply.Created.Mission, reply.Created.Created != nil && *reply.Created.Created, nil
}

// CreateBatch creates up to a thousand missions, each with its own outcome.
func (c *Client) CreateBatch(ctx context.Context, specs []api.MissionSpec) ([]api.Created, error) {
	var reply api.CreateReply
	err := c.Do(ctx, api.OpCreate.Subject, creations{Missions: specs}, &reply)
	return reply.Results, err
}

// CreateBrief does what Create does, and returns only the id and the status of the
// mission: for many small missions, it costs less.
func (c *Client) CreateBrief(ctx context.Context, spec api.MissionSpec) (m api.BriefMission, created bool, err error) {
	var reply api.BriefCreated
	err = c.brief(ctx, api.OpCreate.Subject, &reply, func(brief bool) any {
		return api.CreateRequest{MissionSpec: spec, Brief: brief}
	})
	if err == nil && reply.Mission == nil {
		err = fmt.Errorf("the reply of %s contains no mission", api.OpCreate.Subject)
	}
	if err != nil {
		return m, false, err
	}
	return *reply.Mission, reply.Created, nil
}

// CreateBatchBrief does what CreateBatch does, and returns only the ids and the statuses of
// the missions.
func (c *Client) CreateBatchBrief(ctx context.Context, specs []api.MissionSpec) ([]api.BriefCreated, error) {
	var reply struct {
		Results []api.BriefCreated `json:"results"`
	}
	err := c.brief(ctx, api.OpCreate.Subject, &reply, func(brief bool) any { return creations{Missions: specs, Brief: brief} })
	return reply.Results, err
}

// creations is an [api.CreateRequest] of a batch.
type creations struct {
	Missions   []api.MissionSpec `json:"missions"`
	Brief      bool              `json:"brief,omitzero"`
	CloseBatch bool              `json:"close_batch,omitzero"`
}

// brief sends a brief request. A supervisor of an earlier version, which refuses the
// field, gets the request without it.
func (c *Client) brief(ctx context.Context, subject string, reply any, request func(brief bool) any) error {
	if !c.noBrief.Load() {
		err := c.Do(ctx, subject, request(true), reply)
		var refusal *api.Error
		if !errors.As(err, &refusal) || refusal.Code != missions.CodeInvalid || refusal.Field != "brief" {
			return err
		}
		c.noBrief.Store(true)
	}
	return c.Do(ctx, subject, request(false), reply)
}

// mission sends a request whose reply is a mission.
func mission[Q any](ctx context.Context, c *Client, op api.Op[Q, api.Mission], request Q) (missions.Mission, error) {
	reply, err := send(ctx, c, op, request)
	return reply.Mission, err
}

// Get returns a mission.
func (c *Client) Get(ctx context.Context, id string) (missions.Mission, error) {
	return mission(ctx, c, api.OpGet, api.IDRequest{ID: id})
}

// Cancel cancels a mission; reason may be empty.
func (c *Client) Cancel(ctx context.Context, id, reason string) (missions.Mission, error) {
	return mission(ctx, c, api.OpCancel, api.CancelRequest{ID: id, Reason: reason})
}

// Retry puts a mission that failed or was cancelled back to PENDING.
func (c *Client) Retry(ctx context.Context, id string) (missions.Mission, error) {
	return c.RetryAs(ctx, api.RetryRequest{ID: id})
}

// RetryAs does so as the request says.
func (c *Client) RetryAs(ctx context.Context, request api.RetryRequest) (missions.Mission, error) {
	return mission(ctx, c, api.OpRetry, request)
}

// Delete removes a mission that no agent is working on.
func (c *Client) Delete(ctx context.Context, id string) (missions.Mission, error) {
	return mission(ctx, c, api.OpDelete, api.IDRequest{ID: id})
}

// waitAtOnce is how long one request of Wait is parked, and waitReply how much longer
// Wait waits for its answer: a supervisor that is killed loses its parked requests, and
// Wait must ask another one.
const (
	waitAtOnce = 10 * time.Second
	waitReply  = 3 * time.Second
)

// Wait returns a mission once it is terminal. It sends requests for as long as ctx
// allows.
func (c *Client) Wait(ctx context.Context, id string) (missions.Mission, error) {
	for {
		timeout := waitAtOnce.Seconds()
		if deadline, ok := ctx.Deadline(); ok {
			timeout = min(timeout, time.Until(deadline).Seconds())
		}
		if timeout <= 0 {
			return missions.Mission{}, context.DeadlineExceeded // ctx may not have noticed it yet
		}
		var reply api.Mission
		err := c.do(ctx, waitAtOnce+waitReply, api.OpWait.Subject, api.WaitRequest{ID: id, TimeoutSeconds: &timeout}, &reply)
		unanswered := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
		if !errors.Is(err, api.ErrTimeout) && !unanswered {
			return reply.Mission, err
		}
		if ctx.Err() != nil {
			return missions.Mission{}, err
		}
	}
}

// WaitMany returns up to a hundred missions, in the order of their ids, once all of them are terminal or, with
// [api.UntilAny], one of them. It sends requests for as long as ctx allows.
func (c *Client) WaitMany(ctx context.Context, until api.Until, ids ...string) (api.Waited, error) {
	for {
		timeout := waitAtOnce.Seconds()
		if deadline, ok := ctx.Deadline(); ok {
			timeout = min(timeout, time.Until(deadline).Seconds())
		}
		if timeout <= 0 {
			return api.Waited{}, context.DeadlineExceeded // ctx may not have noticed it yet
		}
		var reply api.Waited
		err := c.do(ctx, waitAtOnce+waitReply, api.OpWaitMany.Subject, api.WaitManyRequest{IDs: ids, Until: until, TimeoutSeconds: &timeout}, &reply)
		unanswered := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout)
		if err == nil && reply.Done || err != nil && !unanswered {
			return reply, err
		}
		if ctx.Err() != nil {
			return reply, context.Cause(ctx)
		}
	}
}

// List returns one page of missions, newest first.
func (c *Client) List(ctx context.Context, request api.ListRequest) (api.MissionList, error) {
	return send(ctx, c, api.OpList, request)
}

// Log returns one page of a mission's log, oldest first.
func (c *Client) Log(ctx context.Context, request api.LogRequest) (api.MissionLog, error) {
	return send(ctx, c, api.OpLog, request)
}

// Stats returns the statistics of all missions, or of one type ("" for all).
func (c *Client) Stats(ctx context.Context, missionType string) (missions.Stats, error) {
	reply, err := send(ctx, c, api.OpStats, api.StatsRequest{Type: missionType})
	return reply.Stats, err
}

// History returns what happened in the given number of minutes, 0 for the latest 60,
// for all missions or for one type ("" for all), oldest first.
func (c *Client) History(ctx context.Context, missionType string, minutes int) ([]missions.Minute, error) {
	reply, err := send(ctx, c, api.OpHistory, api.HistoryRequest{Type: missionType, Minutes: minutes})
	return reply.Minutes, err
}

// Queues returns what is pending, by type, requirements and limits, with the keys that have the most missions.
func (c *Client) Queues(ctx context.Context) (missions.Queues, error) {
	return send(ctx, c, api.OpQueues, api.Empty{})
}

// RunTimes returns the run times of the missions that completed in the given number of
// minutes, for all missions or for one type ("" for all), oldest first: a sample for each
// minute, or for each ten if there are more than 60.
func (c *Client) RunTimes(ctx context.Context, missionType string, minutes int) ([]missions.RunTimes, error) {
	reply, err := send(ctx, c, api.OpHistory, api.HistoryRequest{Type: missionType, Minutes: minutes, RunTimes: true})
	return reply.RunTimes, err
}

// Alerts returns the state of the alert rules.
func (c *Client) Alerts(ctx context.Context) ([]api.Alert, error) {
	reply, err := send(ctx, c, api.OpAlerts, api.Empty{})
	return reply.Alerts, err
}
