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

	// gathers is set where a request has no fields and every one the same answer.
	gathers func(ctx context.Context, traces []string) (any, error)
}

// endpoints is the table of all requests.
func endpoints(s *Service) []endpoint {
	agent := func(verb string) string { return api.AgentSubject("*", verb) }
	brief, single, page, parking := BoundBrief, BoundSingle, BoundPage, BoundParking
	return []endpoint{
		{name: "health", subject: api.SubjectHealth, bound: brief(), answer: request(s.Health)},
		{name: "status", subject: api.SubjectStatus, bound: brief(), answer: request(s.Status), gathers: s.statuses},
		{name: "agents", subject: api.SubjectAgents, bound: page(), answer: request(s.Agents)},
		{name: "missions-create", subject: api.SubjectMissionsCreate, bound: brief(), answer: request(s.Create)},
		{name: "missions-get", subject: api.SubjectMissionsGet, bound: single(), answer: request(s.Get)},
		{name: "missions-cancel", subject: api.SubjectMissionsCancel, bound: brief(), answer: request(s.Cancel)},
		{name: "missions-retry", subject: api.SubjectMissionsRetry, bound: brief(), answer: request(s.Retry)},
		{name: "missions-delete", subject: api.SubjectMissionsDelete, bound: brief(), answer: request(s.Delete)},
		{name: "missions-wait", subject: api.SubjectMissionsWait, bound: parking(), parks: true, answer: request(s.Wait)},
		{name: "missions-list", subject: api.SubjectMissionsList, bound: page(), answer: request(s.List)},
		{name: "missions-log", subject: api.SubjectMissionsLog, bound: page(), answer: request(s.Log)},
		{name: "missions-stats", subject: api.SubjectMissionsStats, bound: brief(), answer: request(s.Stats)},
		{name: "agent-register", subject: agent(api.AgentRegister), bound: brief(), answer: agentRequest(s.Register)},
		{name: "agent-heartbeat", subject: agent(api.AgentHeartbeat), bound: brief(), answer: agentRequest(s.Heartbeat)},
		{name: "agent-claim", subject: agent(api.AgentClaim), bound: parking(), parks: true, answer: agentRequest(s.Claim)},
		{name: "agent-progress", subject: agent(api.AgentProgress), bound: brief(), answer: agentRequest(s.Progress)},
		{name: "agent-log", subject: agent(api.AgentLog), bound: brief(), answer: agentRequest(s.AppendLog)},
		{name: "agent-complete", subject: agent(api.AgentComplete), bound: brief(), answer: agentRequest(s.Complete)},
		{name: "agent-fail", subject: agent(api.AgentFail), bound: brief(), answer: agentRequest(s.Fail)},
		{name: "agent-release", subject: agent(api.AgentRelease), bound: brief(), answer: agentRequest(s.Release)},
		{name: "agent-leave", subject: agent(api.AgentLeave), bound: brief(), answer: agentRequest(s.Leave)},
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
	handler := e.handOff(ep, counters)
	if ep.gathers != nil {
		handler = e.gather(ep, counters)
	}
	return e.micro.AddEndpoint(ep.name, handler,
		micro.WithEndpointSubject(ep.subject), micro.WithEndpointPendingLimits(pendingMsgs, pendingBytes))
}

// gather returns a handler that collects requests for one answer.
func (e *Endpoints) gather(ep endpoint, counters *endpointCounters) micro.HandlerFunc {
	g := &gatherer{endpoints: e, name: ep.name, counters: counters, answer: ep.gathers}
	return func(r micro.Request) {
		if err := empty(r.Data()); err != nil {
			counters.failed.Add(1)
			e.refuse(r.Reply(), e.wire(ep.name, err))
			return
		}
		if !g.add(r.Reply(), r.Headers().Get(api.HeaderTraceparent)) {
			counters.refused.Add(1)
			e.refuse(r.Reply(), errTooMany)
		}
	}
}

// handOff returns a handler that gives each request a goroutine.
func (e *Endpoints) handOff(ep endpoint, counters *endpointCounters) micro.HandlerFunc {
	timeout := requestTimeout
	if ep.parks {
		timeout = parkTimeout
	}
	return func(r micro.Request) {
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

// answer calls the service.
func (e *Endpoints) answer(ctx context.Context, ep endpoint, subject string, body []byte) (any, error) {
	return e.guard(func() (any, error) { return ep.answer(ctx, subject, body) })
}

// guard turns a panic into an error: it costs one request, not the process.
func (e *Endpoints) guard(do func() (any, error)) (answer any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return do()
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
		e.refuse(to, e.wire(name, err))
		return false
	}
	e.send(to, name, body)
	return true
}

// send sends a reply, to whoever wants one.
func (e *Endpoints) send(to, name string, body []byte) {
	if to == "" {
		return
	}
	if err := e.nc.Publish(to, body); err != nil {
		e.log.Warn("a reply could not be sent", "endpoint", name, "error", err)
	}
}

// wire turns an error into its wire form and logs what that leaves out.
func (e *Endpoints) wire(name string, err error) *api.Error {
	wire := api.FromError(err)
	if wire.Status() >= 500 {
		e.log.Error("a request failed", "endpoint", name, "error", err)
	}
	return wire
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
