package supervisor

import (
	"context"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

// gatherer answers requests that all have the same answer: those that arrive while
// one answer is being made share the next, which is therefore never older than the
// arrival of a request that it is given to. No request costs a goroutine, a timer
// or an encoding of its own.
type gatherer struct {
	endpoints *Endpoints
	line      *line
	name      string
	counters  *endpointCounters
	answer    func(ctx context.Context, causes []requestCause) (any, error)

	mu      sync.Mutex
	waiting gathered
	spare   gathered // what was answered last, whose memory is used again
	busy    bool
}

// gathered are requests that wait for an answer.
type gathered struct {
	replies []string
	causes  []requestCause
}

// requestCause is where a request came from, as far as its headers tell.
type requestCause struct{ trace, caller string }

func (g *gathered) clear() {
	clear(g.replies)
	clear(g.causes)
	g.replies, g.causes = g.replies[:0], g.causes[:0]
}

// add takes a request, unless too many wait.
func (g *gatherer) add(reply string, cause requestCause) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting.replies) >= maxGathered || !g.busy && !g.endpoints.begin() {
		return false
	}
	g.waiting.replies, g.waiting.causes = append(g.waiting.replies, reply), append(g.waiting.causes, cause)
	if !g.busy {
		g.busy = true
		go g.run()
	}
	return true
}

// maxGathered bounds the requests that wait for one answer.
const maxGathered = 64 << 10

// run answers for as long as anybody waits, and ends by itself.
func (g *gatherer) run() {
	defer g.endpoints.wg.Done()
	for {
		g.mu.Lock()
		batch := g.waiting
		if len(batch.replies) == 0 {
			g.busy = false
			g.mu.Unlock()
			return
		}
		g.waiting, g.spare = g.spare, gathered{}
		g.mu.Unlock()
		g.answerAll(batch)
		batch.clear()
		g.mu.Lock()
		g.spare = batch
		g.mu.Unlock()
	}
}

func (g *gatherer) answerAll(batch gathered) {
	ctx, cancel := context.WithTimeout(g.endpoints.ctx, requestTimeout)
	defer cancel()
	begun := time.Now()
	end := g.trace(batch.causes)
	answer, err := g.endpoints.guard(func() (any, error) { return g.answer(ctx, batch.causes) })
	g.counters.took(time.Since(begun))
	end(err)
	if err != nil {
		g.counters.failed.Add(int64(len(batch.replies)))
		wire := g.line.wire(g.name, err)
		for _, reply := range batch.replies {
			g.line.refuse(reply, wire)
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
		g.line.send(reply, g.name, body)
	}
}

// trace begins a span for each request, in whose place it puts it.
func (g *gatherer) trace(causes []requestCause) (end func(error)) {
	if g.endpoints.tracer == nil {
		return func(error) {}
	}
	spans := make([]tracing.Span, len(causes))
	for i := range causes {
		var ctx context.Context
		ctx, spans[i] = g.endpoints.tracer.Start(api.WithTrace(context.Background(), causes[i].trace), g.name, tracing.Server)
		causes[i].trace = api.TraceOf(ctx)
	}
	return func(err error) {
		for _, span := range spans {
			span.End(err)
		}
	}
}

// statuses is [Service.Status] for many requests at once: one answer, and an event
// for each.
func (s *Service) statuses(ctx context.Context, causes []requestCause) (any, error) {
	counts, err := s.cfg.Store.Counts(ctx)
	if err != nil {
		return nil, err
	}
	status, event := s.status(counts)
	for _, c := range causes {
		e := event()
		cause(&e, api.TraceOf(api.WithTrace(context.Background(), c.trace)), api.CallerName(c.caller))
		s.cfg.Stream.Emit(e)
	}
	return status, nil
}

// empty reports whether a body is that of a request without fields.
func empty(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	_, err := api.Decode[api.Empty](body)
	return err
}

var errTooMany = &api.Error{Code: missions.CodeOverloaded,
	Message: "too many requests of this kind are under way; try again later"}
