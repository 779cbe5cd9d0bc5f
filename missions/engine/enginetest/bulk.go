package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// bulk applies an action to some missions that have not changed since a time, one of them twice.
func (w *world) bulk(a Action) error {
	d, now := a.dice(), w.now()
	q := missions.BulkRequest{
		Action: pick(missions.BulkActions(), a.A), AsOf: now,
		Retry:  missions.RetryRequest{Fresh: d.one(3), Dependents: d.one(2)},
		Signal: missions.SignalRequest{Name: pick(simulatedSignals, a.B), Data: []byte(pick([]string{`"yes"`, `"maybe"`, `{"usd":8}`}, a.C))},
	}
	if d.one(2) {
		q.AsOf = now.Add(-time.Duration(a.C) % (2 * simulatedStep))
	}
	if d.one(3) {
		q.Signal.SignalID = fmt.Sprint("id", d.below(3))
	}
	for range 1 + d.below(6) {
		q.IDs = append(q.IDs, w.mission(uint32(d.below(1<<20)))) //nolint:gosec // small
	}
	q.IDs = append(q.IDs, q.IDs[0])
	if err := w.supply(func(n *engine.Need) { w.engine.NeedBulk(n, &q) }); err != nil {
		return err
	}
	var got []string
	for _, r := range w.engine.Bulk(&q) {
		got = append(got, describeBulk(&r))
	}
	return w.agree(strings.Join(got, ", "), strings.Join(w.next.bulk(&q, now), ", "))
}

func describeBulk(r *missions.BulkResult) string {
	return fmt.Sprintf("%s %t %q %d %q %d %s", r.ID, r.Changed, r.AgentID, r.Seq, r.Ready, r.Due, answer(r.Err, ""))
}

// bulk answers what became of each mission.
func (m *model) bulk(q *missions.BulkRequest, now missions.Time) (answers []string) {
	for _, id := range q.IDs {
		r := missions.BulkResult{ID: id}
		x := m.find(id)
		if x == nil || !slices.Contains(q.Action.Statuses(), x.status) || x.changedAfter(q.AsOf) {
			answers = append(answers, describeBulk(&r))
			continue
		}
		if x.status == missions.Running {
			r.AgentID = x.agent
		}
		refused := ""
		if q.Action == missions.BulkSignal {
			refused = m.bulkSignal(x, q, &r, now)
		} else if said := m.change(string(q.Action), id, &q.Retry, now); said == "conflict" {
			refused = said
		} else if r.Changed = true; said == string(missions.Pending) {
			if x = m.find(id); x.queued {
				r.Ready = x.kind
			}
			r.Due = x.dueAt()
		}
		answers = append(answers, describeBulk(&r)+refused)
	}
	return answers
}

// bulkSignal answers why a signal is refused, "" if it is not.
func (m *model) bulkSignal(x *modelMission, q *missions.BulkRequest, r *missions.BulkResult, now missions.Time) (refused string) {
	signal := q.Signal
	signal.MissionID = x.id
	waited := x.waits()
	said := m.signal(&signal, now)
	if n, _ := fmt.Sscan(said, &r.Seq); n == 0 {
		return said
	}
	r.Changed = !strings.HasSuffix(said, " again")
	if waited && x.queued {
		r.Ready = x.kind
	}
	return ""
}

func (x *modelMission) changedAfter(at missions.Time) bool {
	changed := x.changed
	if x.status == missions.Running {
		changed = x.started
	}
	return x.created > at || changed > at
}
