package natsapi

import (
	"context"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// coalescer answers requests that all have the same answer. Requests that arrive while
// one answer is being prepared share the next one. So no answer is older than the
// requests it goes to. No request costs a goroutine, a timer or an encoding of its own.
type coalescer struct {
	endpoints *Endpoints
	conn      *conn
	name      string
	counters  *endpointCounters
	answer    func(ctx context.Context, callers []api.Caller) (any, error)

	mu      sync.Mutex
	waiting pending
	spare   pending // the last batch answered; its memory is reused
	busy    bool
}

// pending are requests that wait for an answer.
type pending struct {
	replies []string
	callers []api.Caller
}

func (g *pending) clear() {
	clear(g.replies)
	clear(g.callers)
	g.replies, g.callers = g.replies[:0], g.callers[:0]
}

// add accepts a request, unless too many wait.
func (g *coalescer) add(reply string, caller api.Caller) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting.replies) >= maxCoalesced || !g.busy && !g.endpoints.begin() {
		return false
	}
	g.waiting.replies, g.waiting.callers = append(g.waiting.replies, reply), append(g.waiting.callers, caller)
	if !g.busy {
		g.busy = true
		go g.run()
	}
	return true
}

// maxCoalesced bounds the requests that wait for one answer.
const maxCoalesced = 64 << 10

// run answers as long as requests wait, and then returns.
func (g *coalescer) run() {
	defer g.endpoints.wg.Done()
	for {
		g.mu.Lock()
		batch := g.waiting
		if len(batch.replies) == 0 {
			g.busy = false
			g.mu.Unlock()
			return
		}
		g.waiting, g.spare = g.spare, pending{}
		g.mu.Unlock()
		g.answerAll(batch)
		batch.clear()
		g.mu.Lock()
		g.spare = batch
		g.mu.Unlock()
	}
}

func (g *coalescer) answerAll(batch pending) {
	ctx, cancel := context.WithTimeout(g.endpoints.ctx, requestTimeout)
	defer cancel()
	begun := time.Now()
	end := g.trace(batch.callers)
	answer, err := g.endpoints.guard(func() (any, error) { return g.answer(ctx, batch.callers) })
	g.counters.took(time.Since(begun))
	end(err)
	if err != nil {
		g.counters.failed.Add(int64(len(batch.replies)))
		wire := g.conn.wire(g.name, err)
		for _, reply := range batch.replies {
			g.conn.refuse(reply, wire)
		}
		return
	}
	body, err := api.Encode(answer)
	if err != nil {
		g.counters.failed.Add(int64(len(batch.replies)))
		g.endpoints.log.Error("a reply could not be written", "endpoint", g.name, "error", err)
		return
	}
	g.counters.answered.Add(int64(len(batch.replies)))
	for _, reply := range batch.replies {
		g.conn.send(reply, g.name, body)
	}
}

// trace begins a span for each request and puts it in the place of the request's trace.
func (g *coalescer) trace(callers []api.Caller) (end func(error)) {
	if g.endpoints.tracer == nil {
		return func(error) {}
	}
	spans := make([]tracing.Span, len(callers))
	for i := range callers {
		var ctx context.Context
		ctx, spans[i] = g.endpoints.tracer.Start(api.WithTrace(context.Background(), callers[i].Trace), g.name, tracing.Server)
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
	Message: "too many requests of this kind are under way; try again later"}
