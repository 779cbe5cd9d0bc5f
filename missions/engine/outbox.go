package engine

import "missioncontrol/missions"

// Acknowledge records how far the stream has acknowledged events. See [missions.Outbox].
func (e *Engine) Acknowledge(upTo int64) error {
	if upTo > e.marks.Outbox {
		return missions.Invalid("up_to", "position %d has not been given yet", upTo)
	}
	e.marks.Acknowledged = max(e.marks.Forgotten, upTo)
	e.changes.marked = true
	return nil
}

// Forget deletes the events up to a position. See [missions.Outbox].
func (e *Engine) Forget(upTo int64) error {
	if upTo > e.marks.Outbox-int64(len(e.changes.Events)) { // nobody has read the batch's own events
		return missions.Invalid("up_to", "position %d has not been given yet", upTo)
	}
	e.marks.Forgotten = max(e.marks.Forgotten, upTo)
	e.marks.Acknowledged = max(e.marks.Acknowledged, e.marks.Forgotten)
	e.changes.Forgotten = max(e.changes.Forgotten, upTo)
	return nil
}

// Check changes nothing, and makes the backend store that.
func (e *Engine) Check() { e.changes.marked = true }
