package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

var (
	simulatedBatches = []string{"b0", "b1", "b2"}
	simulatedSignals = []string{"go", "pick", missions.BudgetSignal}
	longText         = `"` + strings.Repeat("x", 600) + `"`
)

// dice makes many choices from the numbers of one action.
type dice uint64

func (a *Action) dice() *dice {
	d := dice(uint64(a.A)<<32 ^ uint64(a.B)<<16 ^ uint64(a.C))
	return &d
}

// below returns a number below n.
func (d *dice) below(n int) int {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n)) //nolint:gosec // below n
}

// one reports true once in n times.
func (d *dice) one(n int) bool { return d.below(n) == 0 }

// conditions chooses conditions, and returns them as the model has them.
func (w *world) conditions(d *dice, id string) (given []missions.Condition, model []modelCondition) {
	for range 1 + d.below(3) {
		c, is := missions.Condition{When: missions.WhenCompleted}, modelCondition{}
		if is.ended = d.one(2); is.ended {
			c.When = missions.WhenEnded
		}
		switch d.below(5) {
		case 0:
			c.Batch = pick(simulatedBatches, uint32(d.below(3))) //nolint:gosec // small
			is.source = "b/" + c.Batch
		case 1:
			c = missions.Condition{Signal: pick(simulatedSignals, uint32(d.below(3)))} //nolint:gosec // small
			is.ended, is.source = false, "s/"+c.Signal
			if c.Signal == "pick" {
				c.Choices, is.choices = []string{"yes", "no"}, true
			}
		default:
			c.Mission = w.mission(uint32(d.below(1 << 20))) //nolint:gosec // small
			is.source = "m/" + c.Mission
		}
		if c.Mission == id || slices.ContainsFunc(model, func(x modelCondition) bool { return x.source == is.source }) {
			continue
		}
		given, model = append(given, c), append(model, is)
	}
	return given, model
}

// flow chooses what a new mission waits for and so on; most missions have nothing of it.
func (w *world) flow(d *dice, id, kind string) (*missions.Flow, *modelFlow) {
	if d.below(5) < 2 {
		return nil, nil
	}
	given, is := &missions.Flow{}, &modelFlow{}
	if d.one(2) {
		route(d, kind, given, is)
	}
	if d.one(2) {
		given.After, is.conditions = w.conditions(d, id)
	}
	if len(given.After) > 0 {
		given.OnUnmet = pick([]missions.OnUnmet{missions.UnmetCancel, missions.UnmetCancel, missions.UnmetFail, missions.UnmetRun}, uint32(d.below(4))) //nolint:gosec // small
		if d.one(3) {
			is.timeout = time.Duration(1+d.below(20)) * time.Second
		}
		given.AfterTimeoutSeconds = is.timeout.Seconds()
		is.unmet = given.OnUnmet
	}
	if d.one(3) {
		given.Batch = pick(simulatedBatches, uint32(d.below(3))) //nolint:gosec // small
		given.CloseBatch = d.one(6)
		is.batch, is.closes = given.Batch, given.CloseBatch
	}
	if d.one(4) {
		given.ParentID, given.Detached = w.mission(uint32(d.below(1<<20))), d.one(4) //nolint:gosec // small
		is.parent, is.detached = given.ParentID, given.Detached
	}
	if d.one(4) {
		is.max, is.ask = 3, !d.one(3)
		given.MaxUsage, given.OnExceeded = missions.Usage{"usd": 3}, missions.ExceededFail
		if is.ask {
			given.OnExceeded = missions.ExceededAsk
		}
	}
	if given.Unique, is.unique = w.unique(d); given.Unique != nil && len(given.After) > 0 && d.one(2) {
		given.OnUnmet, is.unmet = missions.UnmetRun, missions.UnmetRun
	}
	if given = given.Normalize(); given == nil {
		return nil, nil
	}
	spec := *given
	spec.CloseBatch = false
	text, _ := json.Marshal([]any{spec.After, spec.AfterTimeoutSeconds, spec}) // numbers are finite
	is.spec = string(text)
	return given, is
}

// reportOf chooses what a holder reports beside what a report is for.
func reportOf(d *dice) (r missions.Report) {
	if d.one(3) {
		r.Usage = missions.Usage{"usd": float64(d.below(8)) / 2}
	}
	if d.one(4) {
		r.Checkpoint = fmt.Appendf(nil, "%d", d.below(100))
	}
	return r
}

// signal sends a signal to a mission.
func (w *world) signal(a Action) error {
	d := a.dice()
	q := missions.SignalRequest{MissionID: w.mission(a.A), Name: pick(simulatedSignals, a.B)}
	q.Data = json.RawMessage(pick([]string{`"yes"`, `"maybe"`, `{"usd":4}`, `{"usd":8}`, longText}, uint32(d.below(5)))) //nolint:gosec // small
	if q.Name == "pick" && !d.one(3) {
		q.Data = json.RawMessage(`"no"`)
	}
	if d.one(3) {
		q.SignalID = fmt.Sprint("id", d.below(3))
	}
	return w.send(q)
}

func (w *world) send(q missions.SignalRequest) error {
	if err := w.supply(func(n *engine.Need) { w.engine.NeedMissions(n, q.MissionID) }); err != nil {
		return err
	}
	result := w.engine.Signal(&q)
	got := fmt.Sprint(result.Seq, " ", result.Delivered)
	if result.Repeated {
		got += " again"
	}
	return w.agree(answer(result.Err, got), w.next.signal(&q, w.now()))
}

func (w *world) closeBatch(id string) error {
	if err := w.supply(func(n *engine.Need) { w.engine.NeedBatch(n, &id) }); err != nil {
		return err
	}
	result := w.engine.CloseBatch(&id)
	w.next.closeBatch(id, w.now())
	return w.agree(fmt.Sprint(result.Batch.Open, result.Batch.EndedAt != 0), fmt.Sprint(false, w.next.batches[id].ended != 0))
}

// due calls Due until nothing is left that is due, as a supervisor does, while the leader may change and commits be lost.
func (w *world) due(a Action) error {
	if err := w.commit(noFault); err != nil {
		return err
	}
	w.draining = true
	defer func() { w.draining = false }()
	d := a.dice()
	var stopped []missions.Stopped
	var offline []string
	now, limit := w.now(), pick([]int{1, 2, 5, 1000, 1000}, a.A)
	next := w.is.clone()
	for calls := 0; ; calls++ {
		if calls > 500 {
			return fmt.Errorf("after %d calls more is due", calls)
		}
		if err := w.supplyAt(now, func(n *engine.Need) { w.engine.NeedDue(n, now, limit) }); err != nil {
			return err
		}
		if calls == 0 {
			next.at = w.engine.Marks().Outbox
		}
		result := w.engine.Due(limit)
		f := noFault
		if d.one(30) {
			f = fault(1 + d.below(int(numberOfFaults)-1))
		}
		if err := w.commitOnly(f); err != nil {
			return err
		}
		if !f.stores() {
			continue
		}
		stopped, offline = append(stopped, result.Stop...), append(offline, result.Offline...)
		if !result.More && f == noFault {
			break
		}
	}
	want := next.due(stopped, offline, simulatedWait, now)
	w.is = next
	slices.Sort(offline)
	if err := w.agree(sortedAnswer(len(stopped), offline), want); err != nil {
		return err
	}
	if err := w.compare(); err != nil {
		return err
	}
	if err := w.onTime(now); err != nil {
		return err
	}
	if err := w.passed(now); err != nil {
		return err
	}
	return w.drained()
}

func sortedAnswer(stopped int, offline []string) string {
	return fmt.Sprint("stopped ", stopped, " offline ", append([]string{}, offline...))
}

// commitOnly commits what Due has done, and leaves it to the end of all to compare that with the model.
func (w *world) commitOnly(f fault) error {
	w.open = false
	changes := w.engine.End()
	if changes == nil {
		return nil
	}
	w.backend.next = f
	err := w.backend.Commit(w.ctx, w.epoch, changes)
	w.counted.Commits++
	if f != noFault {
		w.counted.Faults++
		if !w.trusting {
			w.engine = nil
		}
		return nil
	}
	return err
}

// drained checks that nobody waits for what has ended.
func (w *world) drained() error {
	for i := range w.is.list {
		x := &w.is.list[i]
		if !x.waits() {
			continue
		}
		for _, c := range x.flows.conditions {
			if c.outcome == "" && (!w.is.exists(c.source) || w.is.outcome(c.source) != "") {
				return fmt.Errorf("mission %s waits for %s, which has ended", x.id, c.source)
			}
		}
	}
	for i := range w.is.list {
		if f := w.is.list[i].flows; f != nil && f.childAt != 0 {
			if p := w.is.find(f.parent); p == nil || p.status.Terminal() {
				return fmt.Errorf("mission %s lives, and its parent has ended", w.is.list[i].id)
			}
		}
	}
	return nil
}
