package worker

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Fields are the fields of a request, as JSON.
type Fields map[string]jsontext.Value

// Send sends a request about a mission that is held, with its lease, and returns the reply.
func (w *Worker) Send(ctx context.Context, verb, id string, fields Fields) (jsontext.Value, error) {
	h, err := w.holding(id)
	if err != nil {
		return nil, err
	}
	return w.send(ctx, h, verb, fields)
}

// Finish sends a request that ends the turn at a mission: complete, fail or release. It asks a
// supervisor that does not answer again, until ctx or the lease ends; the same report counts
// once. how says in the past tense what the caller has done.
func (w *Worker) Finish(ctx context.Context, verb, id string, fields Fields, how string) (jsontext.Value, error) {
	h, err := w.holding(id)
	if err == nil {
		err = w.acknowledge(ctx, h)
	}
	if err != nil {
		return nil, err
	}
	for {
		reply, err := w.send(ctx, h, verb, fields)
		if err == nil {
			w.finished(h, how)
			return reply, nil
		}
		if !unanswered(err) {
			return nil, err
		}
		if _, over := w.holding(id); over != nil {
			return nil, over
		}
		if !pause(ctx) {
			return nil, err
		}
	}
}

// send sends a request with a lease. If the lease is lost, it finds out why.
func (w *Worker) send(ctx context.Context, h *holding, verb string, fields Fields) (reply jsontext.Value, err error) {
	whole := maps.Clone(fields)
	if whole["mission_id"], err = json.Marshal(h.id); err != nil {
		return nil, err
	}
	if whole["lease"], err = json.Marshal(h.lease); err != nil {
		return nil, err
	}
	err = w.work.Do(ctx, api.AgentSubject(w.cfg.ID, verb), whole, &reply)
	if errors.Is(err, nats.ErrMaxPayload) {
		return nil, &api.Error{Code: missions.CodeTooLarge, Message: "the request is larger than the broker's messages may be"}
	}
	if !errors.Is(err, api.ErrLeaseLost) {
		return reply, err
	}
	w.beat(ctx) // the reply says whether it was cancelled
	w.mu.Lock()
	defer w.mu.Unlock()
	h.end(errLost(h.id))
	return nil, h.over
}

// unanswered reports whether a request may have been lost, so that it should be sent again.
func unanswered(err error) bool {
	var refusal *api.Error
	if !errors.As(err, &refusal) {
		return true
	}
	return errors.Is(err, api.ErrUnavailable) || errors.Is(err, api.ErrTimeout) || errors.Is(err, api.ErrOverloaded)
}

// acknowledge makes sure that the supervisor knows which signals the caller has got. Once the
// mission is no longer this agent's, nobody can say so, and they would count as new.
func (w *Worker) acknowledge(ctx context.Context, h *holding) error {
	for {
		w.mu.Lock()
		over, done := h.current(time.Now()), h.acked >= h.seen
		w.mu.Unlock()
		if over != nil || done {
			return over
		}
		w.beat(ctx)
		w.mu.Lock()
		done = h.acked >= h.seen
		w.mu.Unlock()
		if !done && !pause(ctx) {
			return ctx.Err()
		}
	}
}

// Signals returns the signals of a mission that the caller has not got yet, and waits for one
// at most as long as wait says. They count as seen. The error is also why the mission is no
// longer held.
func (w *Worker) Signals(ctx context.Context, id string, wait time.Duration) (api.Signals, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for waited := wait <= 0; ; {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		h, err := w.holding(id)
		if err != nil {
			return api.Signals{}, err
		}
		page, err := w.unseen(ctx, h)
		if err != nil || len(page.Signals) > 0 || waited {
			return page, err
		}
		select {
		case <-changed:
		case <-timer.C:
			waited = true
		case <-ctx.Done():
			return api.Signals{}, ctx.Err()
		}
	}
}

// unseen reads the signals that the supervisor has told of and the caller has not got.
func (w *Worker) unseen(ctx context.Context, h *holding) (api.Signals, error) {
	page := api.Signals{Signals: []missions.Signal{}}
	w.mu.Lock()
	told, seen := h.told, h.seen
	w.mu.Unlock()
	if told <= seen {
		return page, nil
	}
	after, err := json.Marshal(seen)
	if err != nil {
		return page, err
	}
	reply, err := w.send(ctx, h, api.OpSignals.Verb, Fields{"after": after})
	if err != nil {
		return page, err
	}
	var read api.Signals
	if err := api.DecodeReply(reply, &read); err != nil {
		return page, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range read.Signals {
		h.seen = max(h.seen, read.Signals[i].Seq)
		if read.Signals[i].SeenAt == 0 {
			page.Signals = append(page.Signals, read.Signals[i])
		}
	}
	if page.More = read.More; !read.More {
		h.seen = max(h.seen, told)
	}
	w.beatNow.Send()
	return page, nil
}
