package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Durations of the simulation. Its time moves by steps of up to simulatedStep.
const (
	simulatedLease = 10 * time.Second
	simulatedWait  = 5 * time.Second // of a mission that failed
	simulatedStep  = 4 * time.Second
	simulatedSkew  = 3 * time.Second // by which the clocks of leaders differ
	retention      = 60 * time.Second
	listEvery      = 8             // commits
	mostStepped    = 2 * time.Hour // by which the clock steps, in each direction
)

// Action is one thing that happens in a simulation. What it does is decided by three numbers
// and by the state that it meets, so that a history from which actions are taken out is a
// history, too.
type Action struct {
	Kind    string
	A, B, C uint32
}

// actionWeights says how often each kind of action happens.
var actionWeights = []struct {
	kind   string
	weight int
}{
	{"create", 24}, {"create and claim", 8}, {"claim", 22}, {"complete", 12}, {"fail", 8}, {"give up", 3}, {"release", 4},
	{"park", 6}, {"signal", 10}, {"close batch", 2},
	{"set limit", 3}, {"delete limit", 2},
	{"set schedule", 2}, {"delete schedule", 1}, {"trigger", 1},
	{"progress", 4}, {"log", 4}, {"heartbeat", 14}, {"cancel", 3}, {"retry", 4}, {"delete", 3}, {"bulk", 4}, {"leave", 1}, {"lost", 2},
	{"register", 2}, {"due", 8}, {"retain", 2}, {"acknowledge", 2}, {"forget", 2}, {"sample", 1}, {"alert", 1},
	{"advance", 12}, {"step", 1}, {"commit", 60}, {"fault", 4}, {"take over", 1}, {"stale", 2}, {"lose", 1},
}

// Actions returns a random history.
func Actions(seed uint64, n int) []Action {
	random := rand.New(rand.NewPCG(seed, 1))
	total := 0
	for _, w := range actionWeights {
		total += w.weight
	}
	actions := make([]Action, n)
	for i := range actions {
		at := random.IntN(total)
		for _, w := range actionWeights {
			if at -= w.weight; at < 0 {
				actions[i] = Action{w.kind, random.Uint32(), random.Uint32(), random.Uint32()}
				break
			}
		}
	}
	return actions
}

// Run runs a history on a backend and returns what it counted. The error is the first thing
// that the engine or the backend did otherwise than the model, or against an invariant.
func Run(backend engine.Backend, actions []Action) (Counted, error) {
	w := newWorld(backend)
	err := w.run(actions)
	return w.counted, err
}

func (w *world) run(actions []Action) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v", cause)
		}
	}()
	for i, action := range actions {
		w.counted.Steps++
		if err := w.act(action); err != nil {
			return fmt.Errorf("action %d, %s: %w", i, action.Kind, err)
		}
	}
	if err := w.commit(noFault); err != nil {
		return err
	}
	return w.settle()
}

// Counted is what happened in a simulation.
type Counted struct{ Steps, Commits, Faults, Takeovers, Stale int }

// world is a simulated data set with its leaders.
type world struct {
	backend *faulty
	ctx     context.Context
	engine  *engine.Engine // of the leader; nil between terms
	epoch   int64
	skew    time.Duration // of the leader's clock
	old     *engine.Engine
	oldAt   int64 // the epoch of old
	open    bool  // a batch is being computed
	clock   missions.Time
	batches uint64

	is     *model // what is stored
	next   *model // with the open batch
	held   []heldLease
	made   int
	seen   int64                   // outbox position up to which events were checked
	status map[string]string       // of each mission, as its events say
	flows  map[string]*engine.Flow // as compared last
	sets   map[string][]string     // of lanes, as compared last

	draining bool // Due is called again and again: the model follows once it is through
	trusting bool // a leader that does not read the state again: a break

	counted Counted
}

func newWorld(backend engine.Backend) *world {
	w := &world{
		backend: &faulty{Backend: backend}, ctx: context.Background(), clock: 1_700_000_000_000_000,
		is: &model{agents: map[string]modelAgent{}, batches: map[string]modelBatch{}, keys: map[string]modelKey{}, turns: modelTurns{map[string]int64{}, map[string]int64{}}}, sets: map[string][]string{}, status: map[string]string{}, flows: map[string]*engine.Flow{},
	}
	return w
}

// now is the time of the leader's clock.
func (w *world) now() missions.Time { return w.clock.Add(w.skew) }

func simulatedConfig() engine.Config {
	return engine.Config{
		OutboxLimit: 1 << 40, Retry: missions.RetryPolicy{Base: simulatedWait, Max: simulatedWait},
		QueueWindow: 3, Heads: 7, PlanWindow: 3, RecordsBytes: 8 << 10, DocsBytes: 2 << 10,
	}
}

// lead begins a term, if there is none.
func (w *world) lead() error {
	if w.engine != nil {
		return nil
	}
	epoch, from, err := w.backend.Begin(w.ctx)
	if err != nil {
		return err
	}
	w.epoch, w.engine, w.open = epoch, engine.New(simulatedConfig(), from), false
	if err := w.engine.LoadLimits(w.ctx, w.backend, w.now()); err != nil {
		return err
	}
	return w.compareTotals(from.Totals[""])
}

// begin begins a batch, if none is open.
func (w *world) begin() error { return w.beginAt(w.now()) }

func (w *world) beginAt(now missions.Time) error {
	if err := w.lead(); err != nil {
		return err
	}
	if !w.open {
		w.batches++
		var seed [32]byte
		for i := range 8 {
			seed[i] = byte(w.batches >> (8 * i))
		}
		w.engine.Begin(now, seed)
		w.open, w.next = true, w.is.clone()
		w.next.now = now
	}
	return nil
}

// commit ends the open batch, with a fault.
func (w *world) commit(f fault) error {
	if !w.open {
		return nil
	}
	w.open = false
	receipt := fmt.Sprint("batch ", w.batches)
	w.engine.Issue(receipt, []byte(receipt))
	changes := w.engine.End()
	if changes == nil {
		w.is = w.next
		return nil
	}
	w.backend.next = f
	err := w.backend.Commit(w.ctx, w.epoch, changes)
	w.counted.Commits++
	if f.stores() {
		w.is = w.next
	}
	switch {
	case f == noFault && err != nil:
		return fmt.Errorf("commit: %w", err)
	case f != noFault:
		w.counted.Faults++
		if !w.trusting {
			w.engine = nil // whatever happened: the state is read again
		}
		if err := w.receipt(receipt, f.stores()); err != nil {
			return err
		}
	}
	return w.compare()
}

// receipt checks that the next leader knows whether a request was carried out.
func (w *world) receipt(id string, stored bool) error {
	if err := w.lead(); err != nil {
		return err
	}
	if reply, there := w.engine.Receipt(id); there != stored || stored && string(reply) != id {
		return fmt.Errorf("the receipt of %s is %q, %v, want %v", id, reply, there, stored)
	}
	return nil
}

// supply loads what a step needs; what cannot be loaded beside uncommitted changes makes it
// commit first.
func (w *world) supply(need func(*engine.Need)) error {
	return w.supplyAt(w.now(), need)
}

// supplyAt supplies what a step at some time needs.
func (w *world) supplyAt(now missions.Time, need func(*engine.Need)) error {
	for committed := false; ; {
		if err := w.beginAt(now); err != nil {
			return err
		}
		var n engine.Need
		need(&n)
		if n.None() {
			w.next.at = w.engine.Marks().Outbox
			return nil
		}
		if n.Ranged() && !committed {
			committed = true
			if err := w.commit(noFault); err != nil {
				return err
			}
			if err := w.beginAt(now); err != nil {
				return err
			}
		}
		if err := w.engine.Load(w.ctx, w.backend, &n); err != nil {
			return err
		}
	}
}

// agree compares what the engine and the model answered.
func (w *world) agree(got, want string) error {
	if got != want {
		return fmt.Errorf("the engine answers %q, the model %q", got, want)
	}
	return nil
}

// answer returns how an operation ended.
func answer(err error, otherwise string) string {
	if domain := (*missions.Error)(nil); errors.As(err, &domain) {
		return string(domain.Code)
	}
	return otherwise
}

// settle lets every agent work without faults until every mission has ended: none may be
// lost or stuck. Then the time passes until all are forgotten.
func (w *world) settle() error {
	for i := range w.is.list { // a clock that stepped back is far from the time of day that these wait for
		if x := &w.is.list[i]; x.status == missions.Pending {
			w.clock = max(w.clock, x.readyAt, x.notBefore)
		}
	}
	for _, name := range simulatedLimits {
		if err := w.deleteLimit(name); err != nil {
			return err
		}
	}
	for _, id := range simulatedSchedules {
		if err := w.deleteSchedule(id); err != nil {
			return err
		}
	}
	if err := w.commit(noFault); err != nil {
		return err
	}
	for round := 0; w.unfinished() > 0; round++ {
		if round > 400 {
			return fmt.Errorf("%d missions do not end:\n%s", w.unfinished(), w.describe())
		}
		w.clock = w.clock.Add(simulatedStep)
		if round%10 == 5 {
			if err := w.answerAll(round > 100); err != nil {
				return fmt.Errorf("at the end: %w", err)
			}
		}
		for _, action := range []Action{{Kind: "due"}, {Kind: "register", A: uint32(round)}, {Kind: "claim", A: uint32(round), B: 2}, {Kind: "commit"}} { //nolint:gosec // small
			if err := w.act(action); err != nil {
				return fmt.Errorf("at the end, %s: %w", action.Kind, err)
			}
		}
		for i := range w.is.list {
			x := w.is.list[i]
			if x.status != missions.Running {
				continue
			}
			if err := w.finish(missions.Finish{AgentID: x.agent, LeaseRef: missions.LeaseRef{MissionID: x.id, Lease: x.token}, Outcome: missions.OutcomeComplete}, nil); err != nil {
				return fmt.Errorf("at the end: %w", err)
			}
		}
		if err := w.commit(noFault); err != nil {
			return fmt.Errorf("at the end: %w", err)
		}
	}
	return nil
}

// answerAll does what people would do for what waits for them: it sends signals and closes batches, and cancels
// what waits for each other.
func (w *world) answerAll(cancel bool) error {
	for _, id := range simulatedBatches {
		if err := w.closeBatch(id); err != nil {
			return err
		}
	}
	for i := range w.is.list {
		x := w.is.list[i]
		if !x.waits() || x.status.Terminal() {
			continue
		}
		for _, c := range x.flows.conditions {
			if c.outcome != "" || c.source[0] != 's' || w.next.find(x.id).status.Terminal() {
				continue
			}
			q := missions.SignalRequest{MissionID: x.id, Name: c.source[2:], Data: []byte(`"yes"`)}
			if x.flows.asks() && c.source == "s/budget" {
				q.Data = []byte(`{"usd":1000}`)
			}
			if err := w.send(q); err != nil {
				return err
			}
		}
		if cancel {
			if err := w.supply(func(n *engine.Need) { w.engine.NeedMissions(n, x.id) }); err != nil {
				return err
			}
			result := w.engine.Cancel(&missions.CancelRequest{ID: x.id})
			if err := w.agree(answer(result.Err, string(result.Mission.Status)), w.next.change("cancel", x.id, nil, w.now())); err != nil {
				return err
			}
		}
	}
	return w.commit(noFault)
}

func (w *world) unfinished() (n int) {
	for i := range w.is.list {
		if !w.is.list[i].status.Terminal() {
			n++
		}
	}
	return n
}

func (w *world) describe() string {
	lines := make([]string, len(w.is.list))
	for i := range w.is.list {
		lines[i] = w.is.list[i].is()
	}
	return strings.Join(lines, "\n")
}

// Add adds what happened in another simulation.
func (c *Counted) Add(o Counted) {
	c.Steps += o.Steps
	c.Commits += o.Commits
	c.Faults += o.Faults
	c.Takeovers += o.Takeovers
	c.Stale += o.Stale
}
