package agent

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/supervisor/api"
)

// beat sends heartbeats until ctx ends.
func (r *runner) beat(ctx context.Context) {
	ticker := time.NewTicker(r.currentPace().heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.beatNow:
		case <-ctx.Done():
			return
		}
		r.beatOnce(ctx)
	}
}

// beatOnce sends one heartbeat and acts on the reply.
func (r *runner) beatOnce(ctx context.Context) {
	r.beating.Lock()
	defer r.beating.Unlock()
	request, listed := r.listRunning()
	request.Receiving = r.arrivals.pending(ctx)
	sent, pace := time.Now(), r.currentPace()
	timeout, cancel := context.WithTimeout(ctx, pace.heartbeat)
	reply, err := r.control.requests().Heartbeat(timeout, request)
	cancel()
	switch {
	case errors.Is(err, api.ErrNotFound):
		r.log.Info("the supervisor no longer knows this agent; registering again")
		if err := r.register(ctx); err == nil {
			r.beatNow.Send()
		}
		return
	case err != nil:
		r.control.unanswered()
		if ctx.Err() == nil {
			r.trouble("a heartbeat was not answered", err)
		}
		return
	}
	r.answered()
	// The reply is about the leases that were listed. By now the agent may hold a newer
	// lease of the same mission.
	for i, t := range listed {
		t.inbox.acknowledged((*request.Running)[i].Seen)
		switch {
		case slices.Contains(reply.Cancel, t.Mission.ID):
			t.end(ErrCancelled)
		case slices.Contains(reply.Lost, t.Mission.ID):
			t.end(ErrLeaseLost)
		default:
			t.renewed(sent.Add(pace.lease))
		}
	}
	for _, signal := range reply.Signals {
		for _, t := range listed {
			if t.Mission.ID == signal.MissionID {
				t.signalled(signal.Seq)
			}
		}
	}
}

func (r *runner) listRunning() (api.HeartbeatRequest, []*Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := make([]api.Held, 0, len(r.running))
	listed := make([]*Task, 0, len(r.running))
	for _, t := range r.running {
		held, listed = append(held, api.Held{LeaseRef: t.lease(), Seen: t.inbox.seen()}), append(listed, t)
	}
	cpu, memory := usage()
	return api.HeartbeatRequest{Running: &held, CPU: cpu, MemoryBytes: memory, Draining: r.draining || r.setbacks.resting}, listed
}

// watchLeases ends handlers whose lease has run out, until ctx ends. It runs beside the
// heartbeats, since a heartbeat without an answer takes time.
func (r *runner) watchLeases(ctx context.Context) {
	ticker := time.NewTicker(r.currentPace().heartbeat / 4)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			r.endOverdue(now)
		case <-ctx.Done():
			return
		}
	}
}

// endOverdue ends handlers whose lease has run out because no heartbeat was answered:
// by now another agent may be working on the same mission.
func (r *runner) endOverdue(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.running {
		if now.After(t.leaseEnd()) {
			t.end(ErrLeaseLost)
		}
	}
}

// command handles a command that the supervisor pushes.
func (r *runner) command(msg *nats.Msg) {
	// A client that may create a consumer of the event stream can make it push events
	// here.
	if msg.Reply != "" {
		return
	}
	var command api.Command
	if err := api.DecodeReply(msg.Data, &command); err != nil {
		r.log.Warn("cannot decode a command", "error", err)
		return
	}
	switch command.Command {
	case api.CommandCancel:
		// The push does not say which lease it is for. The heartbeat reply does.
		r.beatNow.Send()
	case api.CommandSignal:
		r.mu.Lock()
		t := r.running[command.MissionID]
		r.mu.Unlock()
		if t != nil { // else the heartbeat reply or the next claim tells of it
			t.signalled(command.Seq)
		}
	default:
		r.log.Warn("an unknown command", "command", command.Command)
	}
}
