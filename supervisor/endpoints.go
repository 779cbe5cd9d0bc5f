package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// endpoint is one request of the protocol as NATS sees it.
type endpoint struct {
	name    string
	subject string
	bound   *Bound
	parks   bool // it may wait for as long as its request says
	changes bool // it changes missions for whoever hands them in
	agents  bool // an agent sends it, whose id stands in the subject
	answer  func(ctx context.Context, subject string, body []byte) (any, error)

	// gathers is set where a request has no fields and every one the same answer.
	coalesces func(ctx context.Context, origins []requestOrigin) (any, error)

	conn     connKind
	counters *endpointCounters
}

// endpoints is the table of all requests.
func endpoints(s *Service) []endpoint {
	agent := func(verb string) string { return api.AgentSubject("*", verb) }
	brief, single, page, parking := BoundBrief, BoundSingle, BoundPage, BoundParking
	return []endpoint{
		{name: "health", conn: connMain, subject: api.SubjectHealth, bound: brief(), answer: request(s.Health)},
		{name: "status", conn: connMain, subject: api.SubjectStatus, bound: brief(), answer: request(s.Status), coalesces: s.statuses},
		{name: "agents", conn: connBulk, subject: api.SubjectAgents, bound: page(), answer: request(s.Agents)},
		{name: "missions-create", changes: true, conn: connBulk, subject: api.SubjectMissionsCreate, bound: brief(), answer: request(s.Create)},
		{name: "missions-get", conn: connBulk, subject: api.SubjectMissionsGet, bound: single(), answer: request(s.Get)},
		{name: "missions-cancel", changes: true, conn: connBulk, subject: api.SubjectMissionsCancel, bound: brief(), answer: request(s.Cancel)},
		{name: "missions-retry", changes: true, conn: connBulk, subject: api.SubjectMissionsRetry, bound: brief(), answer: request(s.Retry)},
		{name: "missions-delete", changes: true, conn: connBulk, subject: api.SubjectMissionsDelete, bound: brief(), answer: request(s.Delete)},
		{name: "missions-wait", conn: connBulk, subject: api.SubjectMissionsWait, bound: parking(), parks: true, answer: request(s.Wait)},
		{name: "missions-list", conn: connBulk, subject: api.SubjectMissionsList, bound: page(), answer: request(s.List)},
		{name: "missions-log", conn: connBulk, subject: api.SubjectMissionsLog, bound: page(), answer: request(s.Log)},
		{name: "missions-stats", conn: connMain, subject: api.SubjectMissionsStats, bound: brief(), answer: request(s.Stats)},
		{name: "missions-history", conn: connBulk, subject: api.SubjectMissionsHistory, bound: page(), answer: request(s.History)},
		{name: "alerts", conn: connMain, subject: api.SubjectAlerts, bound: brief(), answer: request(s.Alerts)},
		{name: "agent-register", agents: true, conn: connHeartbeat, subject: agent(api.AgentRegister), bound: brief(), answer: agentRequest(s.Register)},
		{name: "agent-heartbeat", agents: true, conn: connHeartbeat, subject: agent(api.AgentHeartbeat), bound: brief(), answer: agentRequest(s.Heartbeat)},
		{name: "agent-claim", agents: true, conn: connBulk, subject: agent(api.AgentClaim), bound: parking(), parks: true, answer: agentRequest(s.Claim)},
		{name: "agent-progress", agents: true, conn: connBulk, subject: agent(api.AgentProgress), bound: brief(), answer: agentRequest(s.Progress)},
		{name: "agent-log", agents: true, conn: connBulk, subject: agent(api.AgentLog), bound: brief(), answer: agentRequest(s.AppendLog)},
		{name: "agent-complete", agents: true, conn: connBulk, subject: agent(api.AgentComplete), bound: brief(), answer: agentRequest(s.Complete)},
		{name: "agent-fail", agents: true, conn: connBulk, subject: agent(api.AgentFail), bound: brief(), answer: agentRequest(s.Fail)},
		{name: "agent-release", agents: true, conn: connBulk, subject: agent(api.AgentRelease), bound: brief(), answer: agentRequest(s.Release)},
		{name: "agent-leave", agents: true, conn: connHeartbeat, subject: agent(api.AgentLeave), bound: brief(), answer: agentRequest(s.Leave)},
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
	flushTimeout   = 2 * time.Second
	pendingMsgs    = 1 << 16 // what the client library may hold per endpoint
	pendingBytes   = 64 << 20
)

// Endpoints answers the protocol's requests on NATS connections.
type Endpoints struct {
	conns   [connKinds]*conn
	subs    map[*nats.Subscription]*conn
	log     *slog.Logger
	tracer  *tracing.Tracer
	ctx     context.Context // ends when requests under way have to
	cancel  context.CancelFunc
	workers workerPool
	user    ownUser

	mu       sync.Mutex // guards wg.Add against Stop's wg.Wait
	draining bool
	wg       sync.WaitGroup // of requests
	loops    sync.WaitGroup
}

// Listen adds the service to a broker as the NATS micro service "supervisor", on a
// connection of its own and on others that it opens beside it. A connection that is not
// established yet will do: requests are answered from when it is.
//
// The client's library calls an endpoint's handler for one request after another.
// Each request is therefore handed to a goroutine at once, up to a bound per
// endpoint, beyond which it is refused as overloaded.
func Listen(nc *nats.Conn, s *Service) (*Endpoints, error) {
	conns, err := openConns(nc, s.log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &Endpoints{conns: conns, subs: map[*nats.Subscription]*conn{}, log: s.log, tracer: s.cfg.Tracer, ctx: ctx, cancel: cancel, workers: newWorkerPool(), user: ownUser{log: s.log}}
	if nc.IsConnected() {
		e.user.ask(ctx, nc)
	}
	e.loops.Go(func() { e.user.keep(ctx, nc) })
	if err := e.listen(s); err != nil {
		return nil, errors.Join(fmt.Errorf("add the NATS service: %w", err), e.Stop(ctx))
	}
	return e, nil
}

func (e *Endpoints) listen(s *Service) error {
	table := s.metrics.endpoints
	for i := range table {
		if err := e.add(&table[i]); err != nil {
			return err
		}
	}
	main := e.conns[connMain]
	subs, err := newDiscovery(s.cfg.Version, table).listen(main)
	for _, sub := range subs {
		e.subs[sub] = main
	}
	if err != nil {
		return err
	}
	// The broker knows of the endpoints before anybody is told that they are there.
	for _, l := range e.conns {
		if err := l.flush(flushTimeout); err != nil {
			e.log.Warn("the broker does not answer yet", "error", err)
		}
	}
	return nil
}

// endpointCounters are shown in `nats micro stats` and among the metrics.
type endpointCounters struct {
	requests, answered, failed, refused atomic.Int64
	busy                                atomic.Int64 // nanoseconds
	seconds                             prometheus.Observer
}

// took notes how long something has kept an endpoint busy.
func (c *endpointCounters) took(d time.Duration) {
	c.busy.Add(int64(d))
	if c.seconds != nil {
		c.seconds.Observe(d.Seconds())
	}
}

func (e *Endpoints) add(ep *endpoint) error {
	handler := e.handOff(ep)
	if ep.coalesces != nil {
		handler = e.coalesce(ep)
	}
	sub, err := e.conns[ep.conn].nc.QueueSubscribe(ep.subject, api.Service, func(msg *nats.Msg) {
		ep.counters.requests.Add(1)
		if reason := e.user.check(ep, msg); reason != nil {
			ep.counters.refused.Add(1)
			e.user.refused(ep, reason)
			return
		}
		handler(msg)
	})
	if err != nil {
		return fmt.Errorf("listen on %s: %w", ep.subject, err)
	}
	e.subs[sub] = e.conns[ep.conn]
	return sub.SetPendingLimits(pendingMsgs, pendingBytes)
}

// gather returns a handler that collects requests for one answer.
func (e *Endpoints) coalesce(ep *endpoint) nats.MsgHandler {
	l := e.conns[ep.conn]
	g := &coalescer{endpoints: e, conn: l, name: ep.name, counters: ep.counters, answer: ep.coalesces}
	return func(msg *nats.Msg) {
		if err := empty(msg.Data); err != nil {
			ep.counters.failed.Add(1)
			l.refuse(msg.Reply, l.wire(ep.name, err))
			return
		}
		if !g.add(msg.Reply, requestOrigin{msg.Header.Get(api.HeaderTraceparent), msg.Header.Get(api.HeaderClient)}) {
			ep.counters.refused.Add(1)
			l.refuse(msg.Reply, errTooMany)
		}
	}
}

// handOff returns a handler that gives each request a goroutine of its own.
func (e *Endpoints) handOff(ep *endpoint) nats.MsgHandler {
	l := e.conns[ep.conn]
	return func(msg *nats.Msg) {
		leave, err := ep.bound.Enter(int64(len(msg.Data)))
		if err != nil {
			ep.counters.refused.Add(1)
			l.refuse(msg.Reply, api.FromError(err))
			return
		}
		if !e.begin() {
			leave()
			ep.counters.refused.Add(1)
			l.refuse(msg.Reply, api.FromError(errStopping))
			return
		}
		e.workers.do(func() {
			defer e.wg.Done()
			defer leave()
			e.serve(ep, msg)
		})
	}
}

// serve answers one request that was admitted.
func (e *Endpoints) serve(ep *endpoint, msg *nats.Msg) {
	timeout := requestTimeout
	if ep.parks {
		timeout = parkTimeout
	}
	ctx, cancel := context.WithTimeout(e.ctx, timeout)
	defer cancel()
	done, err := ep.bound.Turn(ctx, int64(len(msg.Data)))
	begun := time.Now()
	var answer any
	if err == nil {
		defer done()
		ctx = api.WithCaller(api.WithTrace(ctx, msg.Header.Get(api.HeaderTraceparent)), msg.Header.Get(api.HeaderClient))
		var span tracing.Span
		if e.tracer != nil && ep.traced(ctx) {
			ctx, span = e.tracer.Start(ctx, ep.name, tracing.Server)
		}
		answer, err = e.guard(func() (any, error) { return ep.answer(ctx, msg.Subject, msg.Data) })
		span.End(err)
	}
	ep.counters.took(time.Since(begun))
	if !e.conns[ep.conn].reply(msg.Reply, ep.name, answer, err) {
		ep.counters.failed.Add(1)
		return
	}
	ep.counters.answered.Add(1)
}

// traced reports whether a request is worth a span: signs of life and claims, which go on
// all the time, only within a trace of somebody's.
func (ep *endpoint) traced(ctx context.Context) bool {
	return api.TraceOf(ctx) != "" || ep.conn != connHeartbeat && !ep.parks
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

// guard turns a panic into an error: it costs one request, not the process.
func (e *Endpoints) guard(do func() (any, error)) (answer any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return do()
}

// Stop takes no more requests and waits for those under way, until ctx ends;
// then it ends them. Parked requests are the service's to answer: end its Run
// before, or beside.
func (e *Endpoints) Stop(ctx context.Context) error {
	e.mu.Lock()
	e.draining = true // what arrives from here on is refused
	e.mu.Unlock()
	err := e.drain(ctx)
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
	e.loops.Wait()
	e.workers.stop()
	for _, l := range e.conns {
		err = errors.Join(err, l.flush(time.Second))
	}
	closeConns(e.conns)
	return err
}

// drain ends all subscriptions, and has what they had got refused.
func (e *Endpoints) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	errs := make(chan error, len(e.subs))
	for sub, l := range e.subs {
		go func() { errs <- l.drain(ctx, sub) }()
	}
	var all error
	for range e.subs {
		all = errors.Join(all, <-errs)
	}
	return all
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
