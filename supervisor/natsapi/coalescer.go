package natsapi

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/coalesce"
	"missioncontrol/supervisor/tracing"
)

// coalescer answers requests that all have the same answer. Requests that arrive while
// one answer is being prepared share the next one. So no answer is older than the
// requests it goes to. No request costs a goroutine, a timer or an encoding of its own.
type coalescer struct {
	endpoints *Endpoints
	conn      *conn
	ep        *endpoint
	batches   coalesce.Batcher[waitingRequest]
	callers   []api.Caller // of the batch that is being answered
}

// waitingRequest is a request that waits for its answer.
type waitingRequest struct {
	reply  string
	caller api.Caller
}

// maxCoalesced bounds the requests that wait for one answer.
const maxCoalesced = 64 << 10

func newCoalescer(e *Endpoints, ep *endpoint) *coalescer {
	c := &coalescer{endpoints: e, conn: e.conns[ep.conn], ep: ep}
	c.batches.Do, c.batches.Start, c.batches.Limit = c.answer, c.start, maxCoalesced
	return c
}

// start runs the batches as a request in progress, unless no more are accepted.
func (c *coalescer) start(run func()) bool {
	if !c.endpoints.begin() {
		return false
	}
	go func() {
		defer c.endpoints.wg.Done()
		run()
	}()
	return true
}

// add accepts a request, unless too many wait.
func (c *coalescer) add(msg *nats.Msg) bool {
	return c.batches.Add(waitingRequest{msg.Reply,
		api.Caller{Trace: msg.Header.Get(api.HeaderTraceparent), Name: msg.Header.Get(api.HeaderClient)}})
}

// answer sends the requests of a batch the same answer.
func (c *coalescer) answer(batch []waitingRequest) {
	ctx, cancel := context.WithTimeout(c.endpoints.ctx, requestTimeout)
	defer cancel()
	counters, name := c.ep.counters, c.ep.Name
	c.callers = c.callers[:0]
	for i := range batch {
		c.callers = append(c.callers, batch[i].caller)
	}
	begun := time.Now()
	defer clear(c.callers)
	end := c.trace(c.callers)
	answer, err := c.endpoints.guard(func() (any, error) { return c.ep.coalesces(ctx, c.callers) })
	counters.took(time.Since(begun))
	end(err)
	if err != nil {
		counters.failed.Add(int64(len(batch)))
		wire := c.conn.wire(name, err)
		for i := range batch {
			c.conn.refuse(batch[i].reply, wire)
		}
		return
	}
	body, err := api.Encode(answer)
	if err != nil {
		counters.failed.Add(int64(len(batch)))
		c.endpoints.log.Error("cannot encode a reply", "endpoint", name, "error", err)
		return
	}
	counters.answered.Add(int64(len(batch)))
	for i := range batch {
		c.conn.send(batch[i].reply, name, body)
	}
}

// trace begins a span for each request and puts it in the place of the request's trace.
func (c *coalescer) trace(callers []api.Caller) (end func(error)) {
	tracer := c.endpoints.tracer
	if tracer == nil {
		return func(error) {}
	}
	spans := make([]tracing.Span, len(callers))
	for i := range callers {
		var ctx context.Context
		ctx, spans[i] = tracer.Start(api.WithTrace(context.Background(), callers[i].Trace), c.ep.Name, tracing.Server)
		callers[i].Trace = api.TraceOf(ctx)
	}
	return func(err error) {
		for _, span := range spans {
			span.End(err)
		}
	}
}

// empty returns an error unless a body is that of a request without fields.
func empty(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	_, err := api.Decode[api.Empty](body)
	return err
}

var errTooMany = &api.Error{Code: missions.CodeOverloaded,
	Message: "too many requests of this kind are in progress; try again later"}
