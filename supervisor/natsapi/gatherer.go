package natsapi

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/coalesce"
)

// gatherer answers requests of one kind together: those that arrive while a step of the store
// is in progress share the next step, so that none costs a goroutine, a context and a timer
// of its own. Each request has its own answer, its own errors, and its own time to wait.
type gatherer[Q, R any] struct {
	endpoints *Endpoints
	conn      *conn
	ep        *endpoint
	each      func(context.Context, []supervisor.Request[Q]) []supervisor.Answer[R]
	send      func(to string, answer any, err error)
	batches   coalesce.Batcher[gathered[Q]]
}

// gathered is a request that waits for its answer.
type gathered[Q any] struct {
	supervisor.Request[Q]
	reply   string
	arrived time.Time
	leave   func()
}

// largestGathered bounds the body of a request that is gathered. Larger requests take turns,
// and hold up no smaller ones.
const largestGathered = 16 << 10

// gathers makes an endpoint gather its requests.
func gathers[Q, R any](ep endpoint, each func(context.Context, []supervisor.Request[Q]) []supervisor.Answer[R]) endpoint {
	ep.gather = func(e *Endpoints, ep *endpoint) nats.MsgHandler {
		g := &gatherer[Q, R]{endpoints: e, conn: e.conns[ep.conn], ep: ep, each: each}
		g.send = g.reply
		g.batches.Do, g.batches.Start = g.answer, e.runBatches
		return g.handle
	}
	return ep
}

// runBatches runs batches as a request in progress, unless no more are accepted.
func (e *Endpoints) runBatches(run func()) bool {
	if !e.begin() {
		return false
	}
	e.workers.do(func() {
		defer e.wg.Done()
		run()
	})
	return true
}

// handle reads a request while others are being answered.
func (g *gatherer[Q, R]) handle(msg *nats.Msg) {
	leave, err := g.ep.bound.Enter(int64(len(msg.Data)))
	if err != nil {
		g.ep.counters.refused.Add(1)
		g.conn.refuse(msg.Reply, api.FromError(err))
		return
	}
	request, err := g.read(msg)
	if err != nil {
		g.send(msg.Reply, nil, err)
		leave()
		return
	}
	if !g.batches.Add(gathered[Q]{request, msg.Reply, time.Now(), leave}) {
		leave()
		g.ep.counters.refused.Add(1)
		g.conn.refuse(msg.Reply, api.FromError(supervisor.ErrStopping))
	}
}

func (g *gatherer[Q, R]) read(msg *nats.Msg) (request supervisor.Request[Q], err error) {
	if g.ep.Access == api.AccessAgent {
		request.AgentID = api.AgentOf(msg.Subject)
		if err := missions.CheckToken("agent", request.AgentID); err != nil {
			return request, err
		}
	}
	request.Caller = api.Caller{Trace: msg.Header.Get(api.HeaderTraceparent), Name: msg.Header.Get(api.HeaderClient)}
	_, err = g.endpoints.guard(func() (_ any, err error) {
		request.Body, err = api.Decode[Q](msg.Data)
		return nil, err
	})
	return request, err
}

// answer answers a batch. A request that has waited for as long as it may is answered so, and
// the others go on waiting.
func (g *gatherer[Q, R]) answer(batch []gathered[Q]) {
	for len(batch) > 0 {
		ends := batch[0].arrived.Add(requestTimeout) // they are in the order of their arrival
		ctx, cancel := context.WithDeadline(g.endpoints.ctx, ends)
		begun := time.Now()
		answers := g.step(ctx, batch)
		cancel()
		took := time.Since(begun)
		again := batch[:0]
		for i := range batch {
			if notBegun(answers[i].Err) && time.Since(batch[i].arrived) < requestTimeout {
				again = append(again, batch[i])
				continue
			}
			g.ep.counters.took(took)
			g.send(batch[i].reply, answers[i].Reply, answers[i].Err)
			batch[i].leave()
		}
		batch = again
	}
}

// notBegun reports whether a step did not begin before its context ended. The store has then
// done nothing.
func notBegun(err error) bool {
	var ofStore *missions.Error
	return errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &ofStore)
}

// step has the service answer requests. A panic is an error of each of them.
func (g *gatherer[Q, R]) step(ctx context.Context, batch []gathered[Q]) (answers []supervisor.Answer[R]) {
	requests := make([]supervisor.Request[Q], len(batch))
	for i := range batch {
		requests[i] = batch[i].Request
	}
	_, err := g.endpoints.guard(func() (any, error) {
		answers = g.each(ctx, requests)
		return nil, nil
	})
	if err == nil {
		return answers
	}
	answers = make([]supervisor.Answer[R], len(batch))
	for i := range answers {
		answers[i].Err = err
	}
	return answers
}

// reply sends an answer. A panic while it is encoded is an error of this request.
func (g *gatherer[Q, R]) reply(to string, answer any, err error) {
	answered, broken := g.endpoints.guard(func() (any, error) { return g.conn.reply(to, g.ep.Name, answer, err), nil })
	if broken != nil {
		answered = g.conn.reply(to, g.ep.Name, nil, broken)
	}
	if answered == false {
		g.ep.counters.failed.Add(1)
		return
	}
	g.ep.counters.answered.Add(1)
}
