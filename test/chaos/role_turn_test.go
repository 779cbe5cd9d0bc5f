//go:build chaos

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"missioncontrol/test/chaos/check"
)

// given is a mission as an agent gets it.
type given struct {
	ID      string `json:"id"`
	Type    string `json:"type"`
	Lease   int64  `json:"lease"`
	Attempt int    `json:"attempt"`
	Turn    int    `json:"turn"`
	Data    struct {
		Depth int `json:"depth"`
	} `json:"data"`
	Signals []signalRef                `json:"signals"`
	Inputs  map[string]json.RawMessage `json:"inputs"`
}

// signalRef names a signal.
type signalRef struct {
	Mission string `json:"mission_id"`
	Seq     int    `json:"seq"`
}

// heldLease is a lease in a heartbeat.
type heldLease struct {
	lease
	Seen int `json:"seen,omitempty"`
}

// turn is what an agent does with one that waits, keeps and spends.
type turn struct {
	*given
	steps int
	usage map[string]float64 // of this turn

	mu    sync.Mutex
	heard int // last signal that there is
	seen  int // last signal that it has acted on
}

func newTurn(m *given) *turn {
	if m.Type != flowKind {
		return nil
	}
	t := &turn{given: m, usage: map[string]float64{"tokens": 0, "usd": 0}}
	for _, s := range m.Signals {
		t.heard = max(t.heard, s.Seq)
	}
	return t
}

// acknowledged returns the last signal that the agent has acted on, 0 if there is none.
func (t *turn) acknowledged() int {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen
}

// hear notes which signals there are.
func (a *agent) hear(signals []signalRef) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range signals {
		if h := a.held[s.Mission]; h != nil && h.flow != nil {
			h.flow.mu.Lock()
			h.flow.heard = max(h.flow.heard, s.Seq)
			h.flow.mu.Unlock()
		}
	}
}

// workFlow works on a mission in steps, and reports each.
func (a *agent) workFlow(ctx context.Context, h *hold) {
	a.lookAtInputs(h)
	for range 1 + a.roll(3) {
		if a.chance(70) {
			a.step(h)
		}
		a.listen(h)
		length := time.Duration(a.roll(120)) * time.Millisecond
		if a.chance(10) {
			length = time.Duration(300+a.roll(1500)) * time.Millisecond
		}
		timer := time.NewTimer(length)
		select {
		case <-timer.C:
		case <-ctx.Done(): // it was told to stop
			timer.Stop()
			if !a.chance(10) {
				return
			}
		}
	}
	a.listen(h)
	a.talk(h)
	a.finishTurn(h)
	if a.chance(20) {
		a.meddle()
	}
}

// keep returns the next checkpoint, or nil.
func (a *agent) keep(h *hold, percent int) json.RawMessage {
	if !a.chance(percent) {
		return nil
	}
	h.flow.steps++
	a.mu.Lock()
	defer a.mu.Unlock()
	return unique(a.dice, `"agent":%q,"life":%d,"lease":%d,"step":%d`, a.who, a.rec.Life(), h.Lease, h.flow.steps)
}

// spend returns what the turn has used, or nil. The amounts add up exactly.
func (a *agent) spend(h *hold, percent int) map[string]float64 {
	if !a.chance(percent) {
		return nil
	}
	h.flow.usage["tokens"] += float64(a.roll(40))
	h.flow.usage["usd"] += 0.25 * float64(a.roll(4))
	usage := map[string]float64{"tokens": h.flow.usage["tokens"]}
	if a.chance(50) {
		usage["usd"] = h.flow.usage["usd"]
	}
	return usage
}

// stepReport is a report of progress.
type stepReport struct {
	lease
	Percent    *int               `json:"percent,omitempty"`
	Checkpoint json.RawMessage    `json:"checkpoint,omitempty"`
	Usage      map[string]float64 `json:"usage,omitempty"`
}

// step reports a checkpoint, usage, or both, again until it is answered, and sometimes once more.
func (a *agent) step(h *hold) {
	r := stepReport{lease: h.lease, Checkpoint: a.keep(h, 70), Usage: a.spend(h, 70)}
	if r.Checkpoint == nil && r.Usage == nil || a.chance(30) {
		percent := a.roll(101)
		r.Percent = &percent
	}
	for range 1 + a.roll(3) {
		if a.ask("agent.progress", r).outcome != check.Unknown {
			break
		}
	}
	if a.chance(10) {
		a.ask("agent.progress", r)
	}
}

// listen reads the signals that it was told of, and acts on them.
func (a *agent) listen(h *hold) {
	t := h.flow
	t.mu.Lock()
	heard, seen := t.heard, t.seen
	t.mu.Unlock()
	if heard <= seen || a.chance(20) {
		return
	}
	var output struct {
		Signals []signalRef `json:"signals"`
	}
	a.ask("agent.signals", map[string]any{"mission_id": h.Mission, "lease": h.Lease, "after": seen}).read(&output)
	for _, s := range output.Signals {
		seen = max(seen, s.Seq)
	}
	t.mu.Lock()
	t.seen = seen
	t.mu.Unlock()
	if a.chance(50) { // it says so at once
		signal1(a.told)
	}
}

func (a *agent) lookAtInputs(h *hold) {
	for source := range h.flow.Inputs {
		if a.chance(10) {
			a.ask("agent.inputs", map[string]any{"mission_id": h.Mission, "lease": h.Lease, "source": source})
		}
	}
}

// parking is a release that may park the mission.
type parking struct {
	lease
	After      []condition        `json:"after,omitempty"`
	Timeout    float64            `json:"after_timeout_seconds,omitempty"`
	Checkpoint json.RawMessage    `json:"checkpoint,omitempty"`
	Usage      map[string]float64 `json:"usage,omitempty"`
}

// finishTurn ends a turn in one of many ways.
func (a *agent) finishTurn(h *hold) {
	report := map[string]any{"mission_id": h.Mission, "lease": h.Lease}
	if checkpoint := a.keep(h, 30); checkpoint != nil {
		report["checkpoint"] = checkpoint
	}
	if usage := a.spend(h, 30); usage != nil {
		report["usage"] = usage
	}
	n := a.roll(100)
	if h.flow.Turn > 8 { // it comes to an end
		n = n % 65
	}
	switch {
	case n < 55:
		report["result"] = a.result(h.Lease)
		a.end("agent.complete", report)
	case n < 61:
		report["error"] = fmt.Sprintf("lease %d: it did not work", h.Lease)
		if a.chance(50) {
			report["retry_after_seconds"] = 0.5
		}
		a.end("agent.fail", report)
	case n < 65:
		report["error"], report["retryable"] = "hopeless", false
		a.end("agent.fail", report)
	case n < 70:
		a.end("agent.release", report)
	case n < 96:
		a.park(h)
	default: // forgets it
	}
}

// park hands the mission back until something happens.
func (a *agent) park(h *hold) {
	p := parking{lease: h.lease, Checkpoint: a.keep(h, 60), Usage: a.spend(h, 60)}
	switch n := a.roll(10); {
	case n < 2:
		p.Timeout = 0.2 + float64(a.roll(20))/10
	case n < 4:
		p.After = []condition{{Signal: "go", Prompt: "Go on?"}}
	case n < 6:
		p.After = []condition{{Signal: "approved", Choices: []string{"yes", "no"}}}
		p.Timeout = 1 + float64(a.roll(30))/10
	default:
		for _, child := range a.createChildren(h) {
			when := "ended"
			if a.chance(30) {
				when = ""
			}
			p.After = append(p.After, condition{Mission: child, When: when})
		}
		if a.chance(30) {
			p.Timeout = 0.5 + float64(a.roll(40))/10
		}
	}
	if len(p.After) == 0 && p.Timeout == 0 {
		p.Timeout = 0.5
	}
	a.end("agent.release", p)
	if a.chance(10) { // the lease has ended: nothing of this is believed
		a.ask("agent.progress", stepReport{lease: h.lease, Checkpoint: a.keep(h, 100), Usage: a.spend(h, 100)})
	}
}

// createChildren creates missions of which the held one is the parent, and returns those for which it may wait.
func (a *agent) createChildren(h *hold) (ids []string) {
	if h.flow.Data.Depth >= 2 {
		return nil
	}
	var all []spec
	patient := map[string]bool{} // there is no use in waiting for these
	for i := range 1 + a.roll(3) {
		child := a.newChild(h, i)
		patient[child.ID] = len(child.After) > 0
		all = append(all, child)
	}
	request := map[string]any{"mission_id": h.Mission, "lease": h.Lease, "missions": all}
	var output struct {
		Results []struct {
			Mission *byID `json:"mission"`
		} `json:"results"`
	}
	for range 3 { // their IDs are ours: a repeated request creates them once
		if reply := a.ask("agent.create", request); reply.outcome != check.Unknown {
			reply.read(&output)
			break
		}
	}
	for _, r := range output.Results {
		if r.Mission != nil && !patient[r.Mission.ID] {
			ids = append(ids, r.Mission.ID)
		}
	}
	return ids
}

// newChild returns the i-th child of a turn.
func (a *agent) newChild(h *hold, i int) spec {
	id := fmt.Sprintf("%s-%dk%d", h.Mission, h.Lease, i)
	child := spec{ID: id, Name: "child " + id, Type: flowKind, Priority: "NORMAL", MaxAttempts: 1 + a.roll(3),
		Data: map[string]any{"depth": h.flow.Data.Depth + 1}}
	switch a.roll(8) {
	case 0: // unless its parent fails, it waits for its time
		child.After, child.AfterTimeout, child.OnUnmet = []condition{{Signal: neverSent}}, float64(1+a.roll(20)), "run"
	case 1:
		child.Detached = true
	case 2:
		child.Type = kinds[0]
	}
	return child
}
