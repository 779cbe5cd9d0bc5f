package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// endpoint is one request of the protocol as NATS sees it.
type endpoint struct {
	name    string
	subject string
	bound   *Bound
	parks   bool // it may wait for as long as its request says
	answer  func(ctx context.Context, subject string, body []byte) (any, error)
}

// endpoints is the table of all requests.
func endpoints(s *Service) []endpoint {
	agent := func(verb string) string { return api.AgentSubject("*", verb) }
	brief, single, page, parking := BoundBrief, BoundSingle, BoundPage, BoundParking
	return []endpoint{
		{"health", api.SubjectHealth, brief(), false, request(s.Health)},
		{"status", api.SubjectStatus, brief(), false, request(s.Status)},
		{"agents", api.SubjectAgents, page(), false, request(s.Agents)},
		{"missions-create", api.SubjectMissionsCreate, brief(), false, request(s.Create)},
		{"missions-get", api.SubjectMissionsGet, single(), false, request(s.Get)},
		{"missions-cancel", api.SubjectMissionsCancel, brief(), false, request(s.Cancel)},
		{"missions-retry", api.SubjectMissionsRetry, brief(), false, request(s.Retry)},
		{"missions-delete", api.SubjectMissionsDelete, brief(), false, request(s.Delete)},
		{"missions-wait", api.SubjectMissionsWait, parking(), true, request(s.Wait)},
		{"missions-list", api.SubjectMissionsList, page(), false, request(s.List)},
		{"missions-log", api.SubjectMissionsLog, page(), false, request(s.Log)},
		{"missions-stats", api.SubjectMissionsStats, brief(), false, request(s.Stats)},
		{"agent-register", agent(api.AgentRegister), brief(), false, agentRequest(s.Register)},
		{"agent-heartbeat", agent(api.AgentHeartbeat), brief(), false, agentRequest(s.Heartbeat)},
		{"agent-claim", agent(api.AgentClaim), parking(), true, agentRequest(s.Claim)},
		{"agent-progress", agent(api.AgentProgress), brief(), false, agentRequest(s.Progress)},
		{"agent-log", agent(api.AgentLog), brief(), false, agentRequest(s.AppendLog)},
		{"agent-complete", agent(api.AgentComplete), brief(), false, agentRequest(s.Complete)},
		{"agent-fail", agent(api.AgentFail), brief(), false, agentRequest(s.Fail)},
		{"agent-release", agent(api.AgentRelease), brief(), false, agentRequest(s.Release)},
		{"agent-leave", agent(api.AgentLeave), brief(), false, agentRequest(s.Leave)},
	}
}

// request makes an endpoint's answer of a method of the service.
func request[Q, R any](method func(context.Context, Q) (R, error)) func(context.Context, string, []byte) (any, error) {
	return func(ctx context.Context, _ string, body []byte) (any, error) {
		q, err := api.Decode[Q](body)
		if err != nil {
			return nil, err
		}
		return method(ctx, q)
	}
}

// agentRequest does the same for a method whose caller stands in the subject.
func agentRequest[Q, R any](method func(context.Context, string, Q) (R, error)) func(context.Context, string, []byte) (any, error) {
	return func(ctx context.Context, subject string, body []byte) (any, error) {
		agentID := api.AgentOf(subject)
		if err := missions.CheckToken("agent", agentID); err != nil {
			return nil, err
		}
		q, err := api.Decode[Q](body)
		if err != nil {
			return nil, err
		}
		return method(ctx, agentID, q)
	}
}

const (
	requestTimeout = 10 * time.Second
	parkTimeout    = api.MaxWait + requestTimeout
	flushPatience  = 2 * time.Second
	pendingMsgs    = 1 << 16 // what the client library may hold per endpoint
	pendingBytes   = 64 << 20
)

// Endpoints answers the protocol's requests on a NATS connection.
type Endpoints struct {
	nc     *nats.Conn
	log    *slog.Logger
	micro  micro.Service
	ctx    context.Context // ends when requests under way have to
	cancel context.CancelFunc

	mu       sync.Mutex // guards wg.Add against Drain's wg.Wait
	draining bool
	wg       sync.WaitGroup
}

// Listen adds the service to a connection of its own as the NATS micro service
// "supervisor". A connection that is not established yet will do: requests are
// answered from when it is.
//
// The micro framework calls an endpoint's handler for one request after another.
// Each request is therefore handed to a goroutine at once, up to a bound per
// endpoint, beyond which it is refused as overloaded.
func Listen(nc *nats.Conn, s *Service) (*Endpoints, error) {
	ctx, cancel := context.WithCancel(context.Background())
	e := &Endpoints{nc: nc, log: s.log, ctx: ctx, cancel: cancel}
	table := endpoints(s)
	counters := make(map[string]*endpointCounters, len(table))
	for _, ep := range table {
		counters[ep.name] = &endpointCounters{bound: ep.bound}
	}
	var err error
	e.micro, err = micro.AddService(nc, micro.Config{
		Name: api.Service, QueueGroup: api.Service, Version: s.cfg.Version,
		Description: "Mission Control: hands out missions, watches over agents, publishes events",
		StatsHandler: func(ep *micro.Endpoint) any {
			return counters[ep.Name]
		},
		ErrorHandler: func(_ micro.Service, err *micro.NATSError) {
			e.log.Warn("a subscription had trouble", "subject", err.Subject, "error", err.Description)
		},
	})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("add the NATS service: %w", err)
	}
	for _, ep := range table {
		if err := e.add(ep, counters[ep.name]); err != nil {
			cancel()
			return nil, errors.Join(fmt.Errorf("add the endpoint %s: %w", ep.subject, err), e.micro.Stop())
		}
	}
	// The broker knows of the endpoints before anybody is told that they are there.
	if nc.IsConnected() {
		if err := nc.FlushTimeout(flushPatience); err != nil {
			e.log.Warn("the broker does not answer yet", "error", err)
		}
	}
	return e, nil
}

// endpointCounters are shown in `nats micro stats`, which by itself would only
// see how long handing off took.
type endpointCounters struct {
	failed, refused atomic.Int64
	busy            atomic.Int64 // nanoseconds
	bound           *Bound
}

// MarshalJSON writes the counters as they stand.
func (c *endpointCounters) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]any{
		"errors": c.failed.Load(), "refused": c.refused.Load(), "in_flight": c.bound.UnderWay(),
		"busy_seconds": time.Duration(c.busy.Load()).Seconds(),
	})
}

func (e *Endpoints) add(ep endpoint, counters *endpointCounters) error {
	timeout := requestTimeout
	if ep.parks {
		timeout = parkTimeout
	}
	handler := func(r micro.Request) {
		// The framework reads its request object after this returns; what runs on
		// must not touch it.
		subject, reply, body := r.Subject(), r.Reply(), r.Data()
		trace := r.Headers().Get(api.HeaderTraceparent)
		leave, err := ep.bound.Enter(int64(len(body)))
		if err != nil {
			counters.refused.Add(1)
			e.refuse(reply, api.FromError(err))
			return
		}
		if !e.begin() {
			leave()
			e.refuse(reply, api.FromError(errStopping))
			return
		}
		go func() {
			defer e.wg.Done()
			defer leave()
			begun := time.Now()
			ctx, cancel := context.WithTimeout(e.ctx, timeout)
			defer cancel()
			done, err := ep.bound.Turn(ctx)
			var answer any
			if err == nil {
				defer done()
				answer, err = e.answer(api.WithTrace(ctx, trace), ep, subject, body)
			}
			counters.busy.Add(int64(time.Since(begun)))
			if !e.reply(reply, ep.name, answer, err) {
				counters.failed.Add(1)
			}
		}()
	}
	return e.micro.AddEndpoint(ep.name, micro.HandlerFunc(handler),
		micro.WithEndpointSubject(ep.subject), micro.WithEndpointPendingLimits(pendingMsgs, pendingBytes))
}

// begin notes that a request is under way, unless no more are taken.
func (e *Endpoints) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return false
	}
	e.wg.Add(1)
	return true
}

// answer calls the service; a panic costs one request, not the process.
func (e *Endpoints) answer(ctx context.Context, ep endpoint, subject string, body []byte) (answer any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return ep.answer(ctx, subject, body)
}

// reply sends an answer or an error and reports whether it was an answer.
func (e *Endpoints) reply(to, name string, answer any, err error) bool {
	var body []byte
	if err == nil {
		body, err = api.EncodeWithin(answer, int(e.nc.MaxPayload()))
	}
	if limit := e.nc.MaxPayload(); err == nil && limit > 0 && int64(len(body)) > limit {
		err = missions.TooLarge("reply", "has %d bytes and the broker's max_payload is %d; ask for less, or raise it", len(body), limit)
	}
	if err != nil {
		wire := api.FromError(err)
		if wire.Status() >= 500 {
			e.log.Error("a request failed", "endpoint", name, "error", err)
		}
		e.refuse(to, wire)
		return false
	}
	if to == "" {
		return true
	}
	if err := e.nc.Publish(to, body); err != nil {
		e.log.Warn("a reply could not be sent", "endpoint", name, "error", err)
	}
	return true
}

func (e *Endpoints) refuse(to string, wire *api.Error) {
	if to == "" {
		return
	}
	body, err := api.Encode(api.ErrorReply{Error: wire})
	if err != nil {
		e.log.Error("an error reply could not be written", "error", err)
		return
	}
	msg := nats.NewMsg(to)
	msg.Header[api.HeaderErrorCode] = []string{wire.StatusText()}
	msg.Header[api.HeaderError] = []string{wire.Message}
	msg.Data = body
	if err := e.nc.PublishMsg(msg); err != nil {
		e.log.Warn("an error reply could not be sent", "error", err)
	}
}

// Stop takes no more requests and waits for those under way, until ctx ends;
// then it ends them. Parked requests are the service's to answer: end its Run
// before, or beside.
func (e *Endpoints) Stop(ctx context.Context) error {
	err := e.micro.Stop()
	if errors.Is(err, nats.ErrConnectionClosed) {
		err = nil
	}
	e.mu.Lock()
	e.draining = true
	e.mu.Unlock()
	done := make(chan struct{})
	go func() {
		e.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		e.cancel()
		<-done
	}
	e.cancel()
	if e.nc.IsConnected() {
		err = errors.Join(err, e.nc.FlushTimeout(time.Second))
	}
	return err
}

// Pusher returns a [Config] Push that sends commands over a connection.
func Pusher(nc *nats.Conn, log *slog.Logger) func(agentID string, command api.Command) {
	return func(agentID string, command api.Command) {
		body, err := api.Encode(command)
		if err == nil {
			err = nc.Publish(api.CommandsSubject(agentID), body)
		}
		if err != nil {
			log.Warn("a command could not be pushed; the agent's next heartbeat brings it", "agent", agentID, "error", err)
		}
	}
}
