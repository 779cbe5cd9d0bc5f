package engine

import (
	"maps"
	"slices"

	"missioncontrol/missions"
)

// Alerts returns the stored alerts. See [missions.Alerts].
func (e *Engine) Alerts() []missions.Alert {
	list := make([]missions.Alert, 0, len(e.alerts))
	for _, rule := range slices.Sorted(maps.Keys(e.alerts)) {
		list = append(list, e.alerts[rule])
	}
	return list
}

// ChangeAlert stores the state of an alert. See [missions.Alerts].
func (e *Engine) ChangeAlert(change *missions.AlertChange) error {
	a := change.Alert
	if e.alerts[a.Rule].Revision != a.Revision {
		return missions.Conflict("alert %q has been changed by another supervisor", a.Rule)
	}
	if a.State == missions.AlertOK {
		delete(e.alerts, a.Rule)
	} else {
		e.marks.Revision++
		a.Revision = e.marks.Revision
		e.alerts[a.Rule] = a
	}
	e.changes.Alerts = append(e.changes.Alerts, a)
	if !change.Tell {
		return nil
	}
	event := change.Event()
	event.At = a.CheckedAt
	if event = e.emit(event); change.Notify {
		e.notify(event)
	}
	return nil
}

// notify adds a notice, and drops the oldest beyond the most that are kept.
func (e *Engine) notify(event missions.Event) {
	e.changes.Notices = append(e.changes.Notices, event)
	e.notices = append(e.notices, event.Seq)
	for len(e.notices) > missions.MaxNotices {
		e.Noticed(e.notices[0])
	}
}

// Noticed deletes a notice. See [missions.Alerts].
func (e *Engine) Noticed(position int64) {
	if at, there := slices.BinarySearch(e.notices, position); there {
		e.notices = slices.Delete(e.notices, at, at+1)
		e.changes.Noticed = append(e.changes.Noticed, position)
	}
}
