package worker

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
)

// run registers the agent and sends heartbeats until ctx ends.
func (w *Worker) run(ctx context.Context) {
	if !w.register(ctx) {
		return
	}
	w.mu.Lock()
	ticker := time.NewTicker(w.heartbeat)
	w.mu.Unlock()
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-w.beatNow:
		case <-ctx.Done():
			return
		}
		if known := w.beat(ctx); !known && !w.register(ctx) {
			return
		}
	}
}

// register registers the agent, however long that takes. It returns false when ctx ends first.
func (w *Worker) register(ctx context.Context) bool {
	for {
		reply, err := w.control.Register(ctx, *w.cfg.registration())
		if err == nil && (reply.HeartbeatSeconds <= 0 || reply.LeaseSeconds <= 0) {
			err = errors.New("the supervisor gave no heartbeat and lease")
		}
		if err == nil {
			w.answered()
			w.mu.Lock()
			w.registered, w.heartbeat, w.lease = true, seconds(reply.HeartbeatSeconds), seconds(reply.LeaseSeconds)
			w.change()
			w.mu.Unlock()
			return true
		}
		if ctx.Err() == nil {
			w.trouble("cannot register; trying again", err)
		}
		if !pause(ctx) {
			return false
		}
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// beat sends one heartbeat and acts on the reply. It returns false if the supervisor does not
// know the agent.
func (w *Worker) beat(ctx context.Context) (known bool) {
	w.beating.Lock()
	defer w.beating.Unlock()
	request, listed := w.list()
	sent := time.Now()
	w.mu.Lock()
	timeout, lease := w.heartbeat, w.lease
	w.mu.Unlock()
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := w.control.Heartbeat(limited, request)
	switch {
	case errors.Is(err, api.ErrNotFound):
		w.cfg.Logger.Info("the supervisor no longer knows this agent; registering again", "agent", w.cfg.ID)
		return false
	case err != nil:
		if ctx.Err() == nil {
			w.trouble("a heartbeat was not answered", err)
		}
		return true
	}
	w.answered()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, h := range listed {
		h.acked = max(h.acked, (*request.Running)[i].Seen)
		switch {
		case slices.Contains(reply.Cancel, h.id):
			h.end(errCancelled(h.id))
		case slices.Contains(reply.Lost, h.id):
			h.end(errLost(h.id))
		default:
			h.ends = sent.Add(lease)
		}
		for _, signal := range reply.Signals {
			if signal.MissionID == h.id {
				h.told = max(h.told, signal.Seq)
			}
		}
	}
	w.change()
	return true
}

// list returns a heartbeat about what is held.
func (w *Worker) list() (api.HeartbeatRequest, []*holding) {
	w.mu.Lock()
	defer w.mu.Unlock()
	running := make([]api.Held, 0, len(w.held))
	listed := make([]*holding, 0, len(w.held))
	for _, id := range w.order {
		h := w.held[id]
		if h.current(time.Now()) != nil {
			continue
		}
		held := api.Held{LeaseRef: h.ref()}
		if h.seen > h.acked {
			held.Seen = h.seen
		}
		running, listed = append(running, held), append(listed, h)
	}
	return api.HeartbeatRequest{Running: &running}, listed
}

// command handles a command that the supervisor pushes.
func (w *Worker) command(msg *nats.Msg) {
	var command api.Command
	if msg.Reply != "" || api.DecodeReply(msg.Data, &command) != nil {
		return // not from the supervisor
	}
	if command.Command != api.CommandSignal {
		w.beatNow.Send() // the reply says which lease it is about
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if h := w.held[command.MissionID]; h != nil {
		h.told = max(h.told, command.Seq)
		w.change()
	}
}

// change tells those who wait that something has changed. mu is held.
func (w *Worker) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// trouble logs the first of a series of failures as a warning, and the others at debug level.
func (w *Worker) trouble(what string, err error) {
	w.mu.Lock()
	level := slog.LevelWarn
	if w.troubled {
		level = slog.LevelDebug
	}
	w.troubled = true
	w.mu.Unlock()
	w.cfg.Logger.Log(context.Background(), level, what, "agent", w.cfg.ID, "error", err) //nolint:sloglint // each caller's is constant
}

// answered ends a series of failures.
func (w *Worker) answered() {
	w.mu.Lock()
	troubled := w.troubled
	w.troubled = false
	w.mu.Unlock()
	if troubled {
		w.cfg.Logger.Info("the supervisor answers again", "agent", w.cfg.ID)
	}
}
