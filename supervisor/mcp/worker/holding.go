package worker

import (
	"fmt"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// holding is a mission that the worker has claimed. Worker.mu guards what changes.
type holding struct {
	id    string
	lease int64
	ends  time.Time // of the lease, by this machine's clock
	over  error     // why it is no longer held; nil while it is

	told  int // the number of the last signal that the supervisor has told of
	seen  int // of the last one that the caller has got
	acked int // of the last one that the supervisor knows to be seen
}

func (h *holding) ref() api.LeaseRef { return api.LeaseRef{MissionID: h.id, Lease: h.lease} }

// end notes why the mission is no longer held. The first reason counts.
func (h *holding) end(reason error) {
	if h.over == nil {
		h.over = reason
	}
}

// current returns nil while the mission is held, and else why it is not. A lease that no
// heartbeat has renewed is over: by now another agent may have the mission.
func (h *holding) current(now time.Time) error {
	if now.After(h.ends) {
		h.end(errLost(h.id))
	}
	return h.over
}

func errCancelled(id string) error {
	return over(missions.CodeConflict, "the mission %s was cancelled, or has exceeded its max_usage; stop working on it", id)
}

func errLost(id string) error {
	return over(missions.CodeLeaseLost, "the lease of the mission %s was lost, and another agent may work on it; stop working on it", id)
}

func errFinished(id, how string) error {
	return over(missions.CodeConflict, "this agent has already %[2]s the mission %[1]s", id, how)
}

func over(code missions.Code, format string, args ...any) error {
	return &api.Error{Code: code, Message: fmt.Sprintf(format, args...), Field: "mission_id"}
}

// mostRemembered is how many missions that are no longer held are remembered, so that the
// caller is told what became of them.
const mostRemembered = 100

// hold notes that a mission was claimed. The caller gets its signals with it.
func (w *Worker) hold(m *missions.Mission) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := &holding{id: m.ID, lease: m.Lease, ends: time.Now().Add(w.lease)}
	if m.Flow != nil && len(m.Signals) > 0 {
		first, last := m.Signals[0].Seq, m.Signals[len(m.Signals)-1].Seq
		h.told, h.seen = last, last
		if slices.Contains(m.Trimmed, "signals") || slices.ContainsFunc(m.Signals, func(s missions.Signal) bool { return s.Elsewhere }) {
			h.seen = first - 1 // the next request about the mission returns them, with their data
		}
	}
	w.held[m.ID] = h
	w.order = append(slices.DeleteFunc(w.order, func(id string) bool { return id == m.ID }), m.ID)
	w.forget()
	w.change()
}

// forget removes the oldest missions that are no longer held, if there are many. mu is held.
func (w *Worker) forget() {
	tooMany := len(w.order) - w.cfg.Capacity - mostRemembered
	w.order = slices.DeleteFunc(w.order, func(id string) bool {
		if tooMany <= 0 || w.held[id].over == nil {
			return false
		}
		tooMany--
		delete(w.held, id)
		return true
	})
}

// holding returns a mission that is held.
func (w *Worker) holding(id string) (*holding, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.held[id]
	switch {
	case id == "":
		return nil, missions.Invalid("mission_id", "is required")
	case h == nil:
		return nil, over(missions.CodeNotFound, "mission_id: this agent has not claimed a mission %.100q", id)
	}
	return h, h.current(time.Now())
}

// finished notes that the caller has ended its turn at a mission.
func (w *Worker) finished(h *holding, how string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h.end(errFinished(h.id, how))
	w.change()
}
