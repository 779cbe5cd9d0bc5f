// Package natsapi is the NATS front end: it answers the protocol's requests on core NATS
// subjects as a service of the NATS micro framework, pushes commands to agents, and
// connects a supervisor with the others on its store and with what the broker knows of
// its agents' connections.
package natsapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// endpoint is one request of the protocol as a NATS subject.
type endpoint struct {
	*api.Operation
	conn   connKind
	bound  *admission.Bound
	answer func(ctx context.Context, subject string, body []byte) (any, error)

	// coalesces is set if a request has no fields and all requests have the same
	// answer.
	coalesces func(context.Context, []api.Caller) (any, error)

	// gather is set if small requests that arrive together are answered together. It
	// returns their handler.
	gather func(*Endpoints, *endpoint) nats.MsgHandler

	counters *endpointCounters
}

// parks reports whether a request may wait as long as it specifies.
func (ep *endpoint) parks() bool { return ep.Kind.Parks() }

// endpoints returns the table of all requests.
func endpoints(s *supervisor.Service) []endpoint {
	status := on(connMain, api.OpStatus, s.Status)
	status.coalesces = func(ctx context.Context, callers []api.Caller) (any, error) { return s.StatusForEach(ctx, callers) }
	return []endpoint{
		on(connMain, api.OpHealth, s.Health),
		status,
		on(connBulk, api.OpAgents, s.Agents),
		gathers(on(connBulk, api.OpCreate, s.Create), s.CreateEach),
		on(connBulk, api.OpGet, s.Get),
		on(connBulk, api.OpCancel, s.Cancel),
		on(connBulk, api.OpRetry, s.Retry),
		on(connBulk, api.OpDelete, s.Delete),
		on(connBulk, api.OpBulk, s.Bulk),
		on(connBulk, api.OpWait, s.Wait),
		on(connBulk, api.OpWaitMany, s.WaitMany),
		on(connBulk, api.OpList, s.List),
		on(connBulk, api.OpLog, s.Log),
		on(connMain, api.OpStats, s.Stats),
		on(connBulk, api.OpHistory, s.History),
		on(connBulk, api.OpQueues, s.Queues),
		on(connMain, api.OpAlerts, s.Alerts),
		on(connBulk, api.OpSignal, s.Signal),
		on(connBulk, api.OpGraph, s.Graph),
		on(connBulk, api.OpBatch, s.Batch),
		on(connBulk, api.OpBatches, s.Batches),
		on(connBulk, api.OpCloseBatch, s.CloseBatch),
		on(connBulk, api.OpSetLimit, s.SetLimit),
		on(connBulk, api.OpLimit, s.Limit),
		on(connBulk, api.OpLimits, s.Limits),
		on(connBulk, api.OpDeleteLimit, s.DeleteLimit),
		on(connBulk, api.OpSetSchedule, s.SetSchedule),
		on(connBulk, api.OpSchedule, s.Schedule),
		on(connBulk, api.OpSchedules, s.Schedules),
		on(connBulk, api.OpDeleteSchedule, s.DeleteSchedule),
		on(connBulk, api.OpTriggerSchedule, s.TriggerSchedule),
		on(connBulk, api.OpBackfill, s.Backfill),
		on(connBulk, api.OpPreview, s.Preview),
		onAgent(connHeartbeat, api.OpRegister, s.Register),
		onAgent(connHeartbeat, api.OpHeartbeat, s.Heartbeat),
		onAgent(connBulk, api.OpClaim, s.Claim),
		onAgent(connBulk, api.OpProgress, s.Progress),
		onAgent(connBulk, api.OpAppendLog, s.AppendLog),
		gathers(onAgent(connBulk, api.OpComplete, s.Complete), s.CompleteEach),
		gathers(onAgent(connBulk, api.OpFail, s.Fail), s.FailEach),
		gathers(onAgent(connBulk, api.OpRelease, s.Release), s.ReleaseEach),
		onAgent(connHeartbeat, api.OpLeave, s.Leave),
		onAgent(connBulk, api.OpCreateChildren, s.CreateChildren),
		onAgent(connBulk, api.OpSignals, s.Signals),
		onAgent(connBulk, api.OpInput, s.Input),
	}
}

// on returns the endpoint of an operation that a method of the service answers.
func on[Q, R any](conn connKind, op api.Op[Q, R], method func(context.Context, Q) (R, error)) endpoint {
	return endpoint{Operation: op.Operation, conn: conn, bound: admission.For(op.Kind),
		answer: func(ctx context.Context, _ string, body []byte) (any, error) {
			q, err := api.Decode[Q](body)
			if err != nil {
				return nil, err
			}
			return method(ctx, q)
		}}
}

// onAgent does the same for an operation of agents.
func onAgent[Q, R any](conn connKind, op api.AgentOp[Q, R], method func(context.Context, string, Q) (R, error)) endpoint {
	return endpoint{Operation: op.Operation, conn: conn, bound: admission.For(op.Kind),
		answer: func(ctx context.Context, subject string, body []byte) (any, error) {
			agentID := api.AgentOf(subject)
			if err := missions.CheckToken("agent", agentID); err != nil {
				return nil, err
			}
			q, err := api.Decode[Q](body)
			if err != nil {
				return nil, err
			}
			return method(ctx, agentID, q)
		}}
}

const (
	requestTimeout = 10 * time.Second
	parkTimeout    = api.MaxWait + requestTimeout
	flushTimeout   = 2 * time.Second
	pendingMsgs    = 1 << 16 // what the client library may buffer per endpoint
	pendingBytes   = 64 << 20
)

// Endpoints answers the protocol's requests on NATS connections.
type Endpoints struct {
	table   []endpoint
	conns   [connKinds]*conn
	subs    map[*nats.Subscription]*conn
	log     *slog.Logger
	tracer  *tracing.Tracer
	ctx     context.Context // ends when requests in progress must end
	cancel  context.CancelFunc
	workers workerPool
	user    *ownUser

	mu       sync.Mutex // guards wg.Add against Stop's wg.Wait
	draining bool
	wg       sync.WaitGroup // of requests
	loops    sync.WaitGroup
}

// Listen adds the service to a broker as the NATS micro service "supervisor", on the
// given connection and on additional ones that it opens. The connection need not be
// established yet: requests are answered as soon as it is.
//
// The client library calls an endpoint's handler for one request after another. Each
// request is therefore passed to a goroutine at once, up to a bound per endpoint.
// Requests beyond it are refused as overloaded.
func Listen(nc *nats.Conn, s *supervisor.Service, log *slog.Logger) (*Endpoints, error) {
	conns, err := openConns(nc, log)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &Endpoints{
		table: endpoints(s), conns: conns, subs: map[*nats.Subscription]*conn{}, log: log, tracer: s.Tracer(),
		ctx: ctx, cancel: cancel, workers: newWorkerPool(), user: newOwnUser(log),
	}
	s.Metrics().Add(newEndpointMetrics(e.table))
	if nc.IsConnected() {
		e.user.ask(ctx, nc)
	}
	e.loops.Go(func() { e.user.keep(ctx, nc) })
	if err := e.listen(s.Version()); err != nil {
		return nil, errors.Join(fmt.Errorf("add the NATS service: %w", err), e.Stop(ctx))
	}
	return e, nil
}

func (e *Endpoints) listen(version string) error {
	for i := range e.table {
		if err := e.add(&e.table[i]); err != nil {
			return err
		}
	}
	main := e.conns[connMain]
	subs, err := newDiscovery(version, e.table).listen(main)
	for _, sub := range subs {
		e.subs[sub] = main
	}
	if err != nil {
		return err
	}
	// The broker knows the endpoints before anything announces them.
	for _, l := range e.conns {
		if err := l.flush(flushTimeout); err != nil {
			e.log.Warn("the broker does not answer yet", "error", err)
		}
	}
	return nil
}

func (e *Endpoints) add(ep *endpoint) error {
	handler := e.handOff(ep)
	switch {
	case ep.coalesces != nil:
		handler = e.coalesce(ep)
	case ep.gather != nil && e.tracer == nil: // with a tracer, each request has its own step
		handler = e.gatherSmall(ep, handler)
	}
	sub, err := e.conns[ep.conn].nc.QueueSubscribe(ep.Subject, api.Service, func(msg *nats.Msg) {
		ep.counters.requests.Add(1)
		if reason := e.user.check(ep, msg); reason != nil {
			ep.counters.refused.Add(1)
			e.user.refused(ep, reason)
			return
		}
		handler(msg)
	})
	if err != nil {
		return fmt.Errorf("listen on %s: %w", ep.Subject, err)
	}
	e.subs[sub] = e.conns[ep.conn]
	return sub.SetPendingLimits(pendingMsgs, pendingBytes)
}

// coalesce returns a handler that collects requests for one answer.
func (e *Endpoints) coalesce(ep *endpoint) nats.MsgHandler {
	l := e.conns[ep.conn]
	c := newCoalescer(e, ep)
	return func(msg *nats.Msg) {
		if err := empty(msg.Data); err != nil {
			ep.counters.failed.Add(1)
			l.refuse(msg.Reply, l.wire(ep.Name, err))
			return
		}
		if !c.add(msg) {
			ep.counters.refused.Add(1)
			l.refuse(msg.Reply, errTooMany)
		}
	}
}

// gatherSmall returns a handler that gathers small requests, and passes on large ones.
func (e *Endpoints) gatherSmall(ep *endpoint, large nats.MsgHandler) nats.MsgHandler {
	small := ep.gather(e, ep)
	return func(msg *nats.Msg) {
		if len(msg.Data) > largestGathered {
			large(msg)
			return
		}
		small(msg)
	}
}

// handOff returns a handler that runs each request in its own goroutine.
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
			l.refuse(msg.Reply, api.FromError(supervisor.ErrStopping))
			return
		}
		e.workers.do(func() {
			defer e.wg.Done()
			defer leave()
			e.serve(ep, msg)
		})
	}
}

// serve answers one admitted request.
func (e *Endpoints) serve(ep *endpoint, msg *nats.Msg) {
	timeout := requestTimeout
	if ep.parks() {
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
			ctx, span = e.tracer.Start(ctx, ep.Name, tracing.Server)
		}
		answer, err = e.guard(func() (any, error) { return ep.answer(ctx, msg.Subject, msg.Data) })
		span.End(err)
	}
	ep.counters.took(time.Since(begun))
	if !e.conns[ep.conn].reply(msg.Reply, ep.Name, answer, err) {
		ep.counters.failed.Add(1)
		return
	}
	ep.counters.answered.Add(1)
}

// traced reports whether a request gets a span. Heartbeats and claims, which arrive all
// the time, get one only within a client's trace.
func (ep *endpoint) traced(ctx context.Context) bool {
	return api.TraceOf(ctx) != "" || ep.conn != connHeartbeat && !ep.parks()
}

// begin counts a request as in progress, unless no more are accepted.
func (e *Endpoints) begin() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.draining {
		return false
	}
	e.wg.Add(1)
	return true
}

// guard turns a panic into an error, so that it costs one request and not the process.
func (e *Endpoints) guard(do func() (any, error)) (answer any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return do()
}

// Stop accepts no more requests and waits for those in progress until ctx ends; then it
// ends them. The service answers parked requests: end its Run before Stop, or at the
// same time.
func (e *Endpoints) Stop(ctx context.Context) error {
	e.mu.Lock()
	e.draining = true // from here on, arriving requests are refused
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

// drain ends all subscriptions, and refuses the requests that they have already
// received.
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
