package storetest

import (
	"encoding/json"
	"fmt"
	"slices"

	"missioncontrol/missions"
)

// modelFlow is what the model knows of waits, parents, batches and usage. Due is called after every step, so that
// everybody has been told of every end.
type modelFlow struct {
	after  []modelCondition
	waits  bool
	parked bool
	runs   bool // on_unmet is run
	limit  bool // the wait has one
	until  int  // the tick that ends the wait; 0 for never
	given  bool // its creator has given something of it
	born   string
	parent string // born, while that matters
	batch  string

	extra int       // turns that are no attempts
	turns []float64 // the last report of each turn
}

// modelCondition is a condition: the end of a mission, or a signal.
type modelCondition struct {
	source string // "" for the signal
	ended  bool
	met    bool
	over   bool // it does not count any more in this wait
	behind bool // it is the end of the holder of its key
}

// modelBatches are those in which missions are.
var modelBatches = []string{"b0", "b1"}

// modelWaitSeconds is a limit that the second tick ends.
const modelWaitSeconds = 15 * 60

func (x *modelMission) turn() int { return x.attempt + x.extra }

// uncounted takes back that an attempt counts.
func (x *modelMission) uncounted() {
	x.attempt--
	x.extra++
}

// is returns a mission as the model compares it.
func (x *modelMission) is() string {
	sum := 0.0
	for _, n := range x.turns {
		sum += n
	}
	return fmt.Sprintf("%s %s attempt %d agent %s turn %d usage %g waits %t", x.id, x.status, x.attempt, x.leader, x.turn(), sum, x.waits)
}

// stored is [modelMission.is] of what a store has.
func stored(m *missions.Mission) string {
	f := m.Flow
	if f == nil {
		f = &missions.Flow{}
	}
	return fmt.Sprintf("%s %s attempt %d agent %s turn %d usage %g waits %t", m.ID, m.Status, m.Attempt, m.AgentID, m.Turn, f.Usage["usd"], f.WaitingSince != 0)
}

// withFlow gives a new mission something to wait for, a parent or a batch, now and then.
func (m *model) withFlow(x *modelMission, given *missions.Mission) {
	flow := missions.Flow{}
	if m.random.IntN(3) == 0 {
		flow.After = m.conditions(x)
	}
	if len(flow.After) > 0 && m.random.IntN(2) == 0 {
		flow.OnUnmet, x.runs = missions.UnmetRun, true
	}
	if m.random.IntN(3) == 0 {
		x.batch = modelBatches[m.random.IntN(len(modelBatches))]
		flow.Batch = x.batch
	}
	if p := m.any(); m.random.IntN(4) == 0 && m.find(p.id) != nil && !p.status.Terminal() && p.id != x.id {
		x.parent, x.born = p.id, p.id
		flow.ParentID = p.id
	}
	m.withUnique(x, &flow)
	given.Flow = &flow
	given.Normalize()
	x.given = given.Flow != nil
}

// conditions chooses what a mission waits for.
func (m *model) conditions(x *modelMission) (list []missions.Condition) {
	x.after = nil
	if s := m.any(); m.find(s.id) != nil && s.id != x.id && !m.waitsFor(s, x.id) {
		w := modelCondition{source: s.id, ended: m.random.IntN(2) == 0}
		x.after, list = append(x.after, w), append(list, completed(s.id))
		if w.ended {
			list[0] = ended(s.id)
		}
	}
	if m.random.IntN(2) == 0 {
		x.after, list = append(x.after, modelCondition{}), append(list, signalled("go"))
	}
	return list
}

// waitsFor reports whether a mission waits for another, or for one that does: then nobody would go on.
func (m *model) waitsFor(x *modelMission, id string) bool {
	return x != nil && x.waits && slices.ContainsFunc(x.after, func(w modelCondition) bool {
		return !w.met && !w.over && w.source != "" && (w.source == id || m.waitsFor(m.find(w.source), id))
	})
}

// begins lets a mission wait for those conditions that have no outcome.
func (m *model) begins(x *modelMission, until int) {
	x.waits, x.until, x.limit = len(x.after) > 0 || until > 0, until, until > 0
	m.followKeys()
	m.told(x) // the others when the step is over: a claim in it comes before
}

// retried lets a mission that is retried wait again for what can still happen.
func (m *model) retried(x *modelMission) {
	left := 0
	for i := range x.after {
		w := &x.after[i]
		s := m.find(w.source)
		if w.over = w.source != "" && (s == nil || s.status.Terminal() && s.status != missions.Completed && !w.ended); !w.met && !w.over {
			left++
		}
	}
	if x.waits, x.until = left > 0, 0; x.waits && x.limit {
		x.until = m.ticks + 2
	}
	if p := m.find(x.born); p != nil && !p.status.Terminal() {
		x.parent = x.born
	}
	m.tell()
}

// tell tells everybody of every end.
func (m *model) tell() {
	for again := true; again; {
		again = false
		m.followKeys()
		for _, x := range m.missions {
			again = m.told(x) || again
		}
	}
}

// told tells one mission, and reports whether that has changed its status.
func (m *model) told(x *modelMission) (changed bool) {
	if x.status.Terminal() {
		x.waits, x.parent = false, ""
		return false
	}
	if p := m.find(x.parent); p != nil && p.status.Terminal() {
		if x.parent = ""; p.status != missions.Completed {
			x.status, x.waits, x.waiting = missions.Cancelled, false, false
			return true
		}
	}
	if !x.waits || len(x.after) == 0 {
		return false
	}
	left := 0
	for i := range x.after {
		w := &x.after[i]
		switch s := m.find(w.source); {
		case w.met || w.over:
		case s == nil || !s.status.Terminal():
			left++
		case s.status == missions.Completed || w.ended:
			w.met = true
		default:
			return m.unmet(x)
		}
	}
	x.waits = left > 0
	return false
}

// unmet does what becomes of a mission whose wait cannot end well.
func (m *model) unmet(x *modelMission) (changed bool) {
	if !x.parked && x.runs && x.staysBehind() {
		return m.told(x)
	}
	if x.waits = false; x.parked || x.runs {
		return false
	}
	x.status = missions.Cancelled
	return true
}

// endWaits ends waits whose time is up.
func (m *model) endWaits() {
	for _, x := range m.missions {
		if x.waits && x.until != 0 && m.ticks >= x.until {
			m.unmet(x)
		}
	}
	m.tell()
}

// park parks a mission.
func (m *model) park() {
	agent, ref, x := m.lease()
	end := missions.Finish{AgentID: agent, LeaseRef: ref, Outcome: missions.OutcomeRelease, Park: &missions.Park{}}
	until := 0
	probe := modelMission{id: ref.MissionID}
	end.Park.After = m.conditions(&probe)
	if m.random.IntN(2) == 0 || len(end.Park.After) == 0 {
		end.Park.TimeoutSeconds, until = modelWaitSeconds, m.ticks+2
	}
	end.Park.Normalize()
	result := m.tryFinish(end)
	switch {
	case m.find(ref.MissionID) == nil:
		m.wantErr("park", result.Err, missions.ErrNotFound)
	case x == nil:
		m.wantErr("park", result.Err, missions.ErrLeaseLost)
	default:
		m.wantErr("park", result.Err, nil)
		x.uncounted()
		x.back()
		x.after, x.parked = probe.after, true
		m.begins(x, until)
	}
}

// signal sends the signal for which missions wait, to one that waits for it if there is one.
func (m *model) signal() {
	x := m.any()
	for _, y := range m.missions {
		if y.waits && slices.Contains(y.after, modelCondition{}) {
			x = y
		}
	}
	if !x.waits || !slices.Contains(x.after, modelCondition{}) {
		return // it would be stored, and meet a later condition
	}
	wantEqual(m.fixture, "delivered", m.fixture.signal(x.id, "go", "").Delivered, missions.DeliveredWaiting)
	x.after[slices.Index(x.after, modelCondition{})].met = true
	m.tell()
}

// spend reports usage and a checkpoint under some lease.
func (m *model) spend() {
	agent, ref, x := m.lease()
	amount := float64(m.random.IntN(8)) / 4
	update := reporting(missions.Mission{ID: ref.MissionID, Lease: ref.Lease, AgentID: missions.Text(agent)}, "", missions.Usage{"usd": amount})
	update.Checkpoint = json.RawMessage(`{"at":1}`)
	err := m.fixture.progress(update)
	if x == nil {
		return // progress checks the errors
	}
	m.wantErr("spend", err, nil)
	x.moved = m.ticks
	for len(x.turns) < x.turn() {
		x.turns = append(x.turns, 0)
	}
	x.turns[x.turn()-1] = max(x.turns[x.turn()-1], amount)
}

// compareBatches checks the counts of the batches.
func (m *model) compareBatches() {
	m.Helper()
	for _, id := range modelBatches {
		b, err := m.Store.Batch(m.ctx, id)
		if err != nil {
			continue // none of its missions was created yet
		}
		want := map[missions.Status]int64{}
		for _, status := range missions.Statuses() {
			want[status] = 0
		}
		for _, x := range m.missions {
			if x.batch == id {
				want[x.status]++
			}
		}
		m.wantSame("batch "+id, b.ByStatus, want)
	}
}
