package enginetest

import (
	"fmt"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// compare checks everything that is stored against the model, and the invariants.
func (w *world) compare() error {
	if err := w.compareMissions(); err != nil {
		return err
	}
	if err := w.compareCounts(); err != nil {
		return err
	}
	if err := w.compareLimits(); err != nil {
		return err
	}
	if err := w.compareSchedules(); err != nil {
		return err
	}
	if err := w.compareKeys(); err != nil {
		return err
	}
	return w.compareEvents()
}

func (w *world) compareMissions() error {
	ids := make([]string, len(w.is.list))
	for i := range w.is.list {
		ids[i] = w.is.list[i].id
	}
	found, err := w.backend.Records(w.ctx, ids)
	if err != nil {
		return err
	}
	stored := map[string]*engine.Record{}
	for _, r := range found {
		stored[r.ID] = r
	}
	for i := range w.is.list {
		x := &w.is.list[i]
		r := stored[x.id]
		if r == nil {
			return fmt.Errorf("mission %s was confirmed, and is not stored", x.id)
		}
		got := modelMission{
			id: r.ID, status: r.Status, attempt: r.Attempt, agent: string(r.AgentID), token: r.Token, queued: r.Ready || r.Flow != nil && r.Flow.Queued,
			readyAt: r.ReadyAt, expires: r.LeaseExpiresAt, finished: r.FinishedAt, lines: int(r.Entries),
		}
		if !got.same(x) {
			return fmt.Errorf("stored is\n  %s\nand the model has\n  %s", got.is(), x.is())
		}
		if r.Flow == nil && x.flows == nil || r.Flow == w.flows[r.ID] && w.counted.Commits%listEvery > 0 {
			continue
		}
		w.flows[r.ID] = r.Flow
		if got, want := flowText(r), x.text(); got != want && !(x.flows == nil && r.Output().Flow == nil) {
			return fmt.Errorf("of mission %s is stored\n  %s\nand the model has\n  %s", x.id, got, want)
		}
		if x.waits() && (r.AgentID != "" || r.LeaseExpiresAt != 0 || got.queued) {
			return fmt.Errorf("mission %s waits, and is held by %q", x.id, r.AgentID)
		}
	}
	if w.counted.Commits%listEvery > 0 { // a list makes a backend bring its tables up to date
		return nil
	}
	if err := w.compareFlows(); err != nil {
		return err
	}
	if err := w.compareLanes(found); err != nil {
		return err
	}
	page, err := w.backend.List(w.ctx, missions.Filter{})
	if err == nil && len(page.Missions) != len(w.is.list) {
		err = fmt.Errorf("%d missions are stored, the model has %d", len(page.Missions), len(w.is.list))
	}
	return err
}

// compareCounts checks the counters of the engine against a count of the model.
func (w *world) compareCounts() error {
	if w.engine == nil {
		return nil
	}
	want := map[missions.Status]int64{}
	running := map[string]int{}
	for i := range w.is.list {
		want[w.is.list[i].status]++
		if w.is.list[i].status == missions.Running {
			running[w.is.list[i].agent]++
		}
	}
	counts := w.engine.Counts()
	for _, status := range missions.Statuses() {
		if counts.ByStatus[status] != want[status] {
			return fmt.Errorf("%d missions are counted as %s, there are %d", counts.ByStatus[status], status, want[status])
		}
	}
	online := int64(0)
	page := w.engine.ListAgents(missions.AgentFilter{})
	for _, a := range page.Agents {
		if a.State != missions.Offline {
			online++
		}
		if known := w.is.agents[a.ID]; known.state != a.State || running[a.ID] != a.MissionsRunning {
			return fmt.Errorf("agent %s is %s with %d missions, in the model %s with %d", a.ID, a.State, a.MissionsRunning, known.state, running[a.ID])
		}
	}
	if counts.Agents != online || len(page.Agents) != len(w.is.agents) {
		return fmt.Errorf("%d agents are counted, %d are online; %d are known, in the model %d", counts.Agents, online, len(page.Agents), len(w.is.agents))
	}
	return nil
}

// compareEvents checks the events that were stored since the last time: their positions have
// no gaps, and those of a mission are one chain from its creation to its present status.
func (w *world) compareEvents() error {
	for {
		events, err := w.backend.Pending(w.ctx, w.seen, 500)
		if err != nil || len(events) == 0 {
			if err == nil {
				err = w.compareStatuses()
			}
			return err
		}
		for _, e := range events {
			if e.Seq != w.seen+1 {
				return fmt.Errorf("event %d follows event %d", e.Seq, w.seen)
			}
			w.seen = e.Seq
			switch e.Kind {
			case missions.EventCreated:
				// The id of a deleted mission may be used again.
				if was := w.status[e.MissionID]; was != "" && !missions.Status(was).Terminal() {
					return fmt.Errorf("mission %s is created again, after %s", e.MissionID, was)
				}
				w.status[e.MissionID] = string(missions.Pending)
			case missions.EventStatusChanged:
				if was := w.status[e.MissionID]; was != string(e.OldStatus) {
					return fmt.Errorf("an event of mission %s says %s → %s, the one before it said %s", e.MissionID, e.OldStatus, e.NewStatus, was)
				}
				w.status[e.MissionID] = string(e.NewStatus)
			}
		}
	}
}

func (w *world) compareStatuses() error {
	for i := range w.is.list {
		if x := &w.is.list[i]; w.status[x.id] != string(x.status) {
			return fmt.Errorf("the events of mission %s end with %q, it is %s", x.id, w.status[x.id], x.status)
		}
	}
	return nil
}
