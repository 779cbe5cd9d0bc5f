//go:build chaos

package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"missioncontrol/test/chaos/check"
)

// slots is how many missions an agent works on at once.
const slots = 4

// lease is a lease as an agent sends it.
type lease struct {
	Mission string `json:"mission_id"`
	Lease   int64  `json:"lease"`
}

// hold is a mission that an agent works on.
type hold struct {
	lease
	attempt int
	stop    context.CancelFunc

	flow *turn // nil for a mission that uses nothing of it
}

// agent works on missions, mostly correctly. Sometimes it fails, forgets what it
// holds, continues although it was told to stop, or reports under a lease that is
// not its own.
type agent struct {
	*caller
	types []string
	beat  time.Duration
	known chan struct{} // a value: it must register
	freed chan struct{} // a value: a slot is free
	told  chan struct{} // a value: it has something to say in a heartbeat

	mu    sync.Mutex
	dice  *rand.Rand
	held  map[string]*hold
	old   []lease // leases it once held
	words int
}

func newAgent(c *caller, dice *rand.Rand) *agent {
	return &agent{caller: c, dice: dice, types: kinds, beat: time.Second, known: make(chan struct{}, 1), freed: make(chan struct{}, 1), told: make(chan struct{}, 1), held: map[string]*hold{}}
}

// chance is true with the given probability in percent.
func (a *agent) chance(percent int) bool { return a.roll(100) < percent }

func (a *agent) roll(n int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.dice.IntN(n)
}

func signal1(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// run works until ctx ends, and then finishes what it holds and leaves.
func (a *agent) run(ctx context.Context) {
	a.register(ctx)
	alive, die := context.WithCancel(context.WithoutCancel(ctx)) // it sends heartbeats while it finishes
	var heartbeats, work sync.WaitGroup
	heartbeats.Go(func() { a.heartbeats(alive, ctx) })
	a.claims(ctx, alive, &work)
	work.Wait()
	die()
	heartbeats.Wait()
	for range 3 {
		if a.ask("agent.leave", struct{}{}).outcome != check.Unknown {
			return
		}
	}
}

func (a *agent) register(ctx context.Context) {
	for ctx.Err() == nil {
		reply := a.ask("agent.register", map[string]any{"name": a.who, "types": a.types, "capacity": slots})
		var output struct {
			Heartbeat float64 `json:"heartbeat_seconds"`
		}
		if reply.ok() {
			reply.read(&output)
			a.mu.Lock()
			a.beat = time.Duration(output.Heartbeat * float64(time.Second))
			a.mu.Unlock()
			return
		}
		a.rest(ctx)
	}
}

// rest keeps an agent from sending requests in a busy loop.
func (a *agent) rest(ctx context.Context) {
	timer := time.NewTimer(100 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// heartbeats sends heartbeats with what the agent holds and, once it should end, that it
// is draining.
func (a *agent) heartbeats(alive, stopping context.Context) {
	ticker := time.NewTicker(a.beat)
	defer ticker.Stop()
	for {
		a.mu.Lock()
		running := []heldLease{}
		for _, h := range a.held {
			running = append(running, heldLease{h.lease, h.flow.acknowledged()})
		}
		a.mu.Unlock()
		var output struct {
			Cancel  []string    `json:"cancel"`
			Lost    []string    `json:"lost"`
			Signals []signalRef `json:"signals"`
		}
		reply := a.ask("agent.heartbeat", map[string]any{"running": running, "draining": stopping.Err() != nil})
		if reply.code == "not_found" {
			signal1(a.known)
		}
		reply.read(&output)
		for _, id := range append(output.Cancel, output.Lost...) {
			if !a.chance(20) { // sometimes it ignores the answer
				a.drop(id)
			}
		}
		a.hear(output.Signals)
		select {
		case <-ticker.C:
		case <-a.told:
		case <-stopping.Done():
			a.rest(alive)
		case <-alive.Done():
			return
		}
	}
}

// drop ends the work on a mission.
func (a *agent) drop(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if h := a.held[id]; h != nil {
		h.stop()
	}
}

// claims claims missions until ctx ends.
func (a *agent) claims(ctx, alive context.Context, work *sync.WaitGroup) {
	for ctx.Err() == nil {
		select {
		case <-a.known:
			a.register(ctx)
		default:
		}
		a.mu.Lock()
		free := slots - len(a.held)
		a.mu.Unlock()
		if free == 0 {
			select {
			case <-a.freed:
			case <-ctx.Done():
			}
			continue
		}
		reply := a.askWithin(usual+2*time.Second, "agent.claim", map[string]any{"max": 1 + a.roll(free), "wait_seconds": 2})
		var output struct {
			Missions []given `json:"missions"`
		}
		reply.read(&output)
		switch {
		case reply.code == "not_found" || reply.code == "conflict":
			a.register(ctx)
		case !reply.ok():
			a.rest(ctx)
		}
		for _, m := range output.Missions {
			a.begin(alive, work, &m)
		}
	}
}

func (a *agent) begin(alive context.Context, work *sync.WaitGroup, m *given) {
	ctx, stop := context.WithCancel(alive)
	l := lease{m.ID, m.Lease}
	h := &hold{lease: l, attempt: m.Attempt, stop: stop, flow: newTurn(m)}
	a.mu.Lock()
	before := a.held[l.Mission]
	a.held[l.Mission] = h
	a.mu.Unlock()
	if before != nil {
		before.stop() // it was lost, and came back to us
	}
	work.Go(func() {
		defer stop()
		if h.flow == nil {
			a.work(ctx, h)
		} else {
			a.workFlow(ctx, h)
		}
		a.mu.Lock()
		if a.held[l.Mission] == h {
			delete(a.held, l.Mission)
		}
		a.old = append(a.old, l)
		a.mu.Unlock()
		signal1(a.freed)
	})
}

// work works on one mission.
func (a *agent) work(ctx context.Context, h *hold) {
	a.talk(h)
	length := time.Duration(a.roll(250)) * time.Millisecond
	if a.chance(8) {
		length = time.Duration(500+a.roll(2000)) * time.Millisecond
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done(): // it was told to stop
		if !a.chance(10) {
			return
		}
	}
	a.talk(h)
	switch n := a.roll(100); {
	case n < 78:
		a.complete(h)
	case n < 86:
		a.end("agent.fail", map[string]any{"mission_id": h.Mission, "lease": h.Lease, "error": fmt.Sprintf("lease %d: it did not work", h.Lease)})
	case n < 88:
		a.end("agent.fail", map[string]any{"mission_id": h.Mission, "lease": h.Lease, "error": "hopeless", "retryable": false})
	case n < 95:
		a.end("agent.release", h.lease)
	default: // forgets it
	}
	if a.chance(20) {
		a.meddle()
	}
}

// talk sometimes reports progress.
func (a *agent) talk(h *hold) {
	if a.chance(15) {
		a.ask("agent.progress", map[string]any{"mission_id": h.Mission, "lease": h.Lease, "percent": a.roll(101)})
	}
	if a.chance(15) {
		a.mu.Lock()
		a.words++
		word := fmt.Sprintf("%s/%d says %d", a.who, a.rec.Life(), a.words)
		a.mu.Unlock()
		a.ask("agent.log", map[string]any{"mission_id": h.Mission, "lease": h.Lease, "message": word})
	}
}

func (a *agent) complete(h *hold) {
	completion := map[string]any{"mission_id": h.Mission, "lease": h.Lease, "result": a.result(h.Lease)}
	if a.chance(15) { // as a batch
		a.end("agent.complete", map[string]any{"results": []any{completion}})
		return
	}
	a.end("agent.complete", completion)
	if a.chance(5) { // the same again, which must be confirmed again, and a different one, which must not
		a.ask("agent.complete", completion)
		completion["result"] = a.result(h.Lease)
		a.ask("agent.complete", completion)
	}
}

// result returns a result that no other completion has.
func (a *agent) result(lease int64) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"agent":%q,"life":%d,"lease":%d,"nonce":%d}`, a.who, a.rec.Life(), lease, a.roll(1<<30)))
}

// end reports how an attempt ended, and repeats that until it is answered.
func (a *agent) end(op string, request any) {
	for range 5 {
		reply := a.ask(op, request)
		if reply.outcome != check.Unknown {
			return
		}
		a.rest(context.Background())
	}
}

// meddle reports under a lease that the agent once held; nothing should accept it.
func (a *agent) meddle() {
	a.mu.Lock()
	var l lease
	if n := len(a.old); n > 0 {
		l = a.old[a.dice.IntN(n)]
	}
	_, holding := a.held[l.Mission]
	a.mu.Unlock()
	if l.Lease == 0 || holding {
		return
	}
	switch a.roll(len(a.types) + 1) {
	case 3: // only with what missions wait for, keep and spend
		a.ask("agent.release", parking{lease: l, After: []condition{{Signal: "go"}}, Timeout: 1, Checkpoint: a.result(l.Lease), Usage: map[string]float64{"tokens": 1000}})
	case 0:
		a.ask("agent.complete", map[string]any{"mission_id": l.Mission, "lease": l.Lease, "result": a.result(l.Lease)})
	case 1:
		a.ask("agent.release", l)
	case 2:
		a.ask("agent.log", map[string]any{"mission_id": l.Mission, "lease": l.Lease, "message": fmt.Sprintf("%s meddles %d", a.who, a.roll(1<<30))})
	}
}
