package sqlitestore

import (
	"encoding/json"
	"maps"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// write brings a mission's rows up to date.
func (m *unsettledMission) write(c *conn) error {
	is := rowOf(m.after)
	switch {
	case m.before == nil:
		is.log.holds = true
		if err := c.writeLines(&is, m.lines); err != nil {
			return err
		}
		if err := c.insertMission(&is); err != nil {
			return err
		}
	default:
		was := rowOf(m.before)
		if len(m.lines) > 0 {
			_, head, err := c.logHead(is.ID)
			if err != nil {
				return err
			}
			was.log, is.log = head, head
			if err := c.writeLines(&is, m.lines); err != nil {
				return err
			}
		}
		if err := c.updateMission(&was, &is); err != nil {
			return err
		}
	}
	if m.before == nil || outcomeOf(m.before) != outcomeOf(m.after) {
		if err := c.writeOutcome(m.after, m.before == nil); err != nil {
			return err
		}
	}
	return m.writeFlow(c)
}

// rowOf returns a record as a row. The log's beginning is not known.
func rowOf(r *engine.Record) row {
	return row{Mission: r.Mission, seq: r.Seq, lease: r.Token, ready: r.Ready, readyAt: r.ReadyAt, dueAt: r.DueAt, flow: r.Flow != nil}
}

// writeLines adds entries to a mission's log: to the beginning that is in its row as long as it
// takes them, then to the table.
func (c *conn) writeLines(r *row, lines []*engine.LogLine) error {
	for _, line := range lines {
		if line.N <= r.log.entries() {
			continue // the creation, or written before
		}
		e := &line.Entry
		if e.By == missions.BySupervisor && r.log.add(e.Timestamp, e.OldStatus, e.NewStatus, e.Reason) {
			continue
		}
		r.log.logged = true
		level := e.Level
		if e.By == missions.BySupervisor {
			level = ownEntry + level
		}
		err := c.exec("INSERT OR REPLACE INTO log (seq, n, at, level, message, data) VALUES (?, ?, ?, ?, ?, ?)",
			r.seq, line.N, int64(e.Timestamp), level, e.Message, []byte(e.Data))
		if err != nil {
			return err
		}
	}
	return nil
}

// insertMission adds a mission as it is now.
func (c *conn) insertMission(r *row) error {
	var tags []byte
	if len(r.Tags) > 0 {
		tags, _ = json.Marshal(r.Tags) // strings always marshal
	}
	err := c.exec(`INSERT OR REPLACE INTO missions (seq, id, name, type, priority, status, tags, max_attempts, timeout_us, stall_us,
		not_before, deadline, correlation_id, traceparent, attempt, agent_id, lease, updated_at, started_at, finished_at,
		ready_at, ready, due_at, progress_percent, progress_message, changes, logged, flow)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.seq, r.ID, r.Name, r.Type, r.Priority.Rank(), r.Status.Index(), optional(tags), r.MaxAttempts,
		r.Timeout().Microseconds(), r.Stall().Microseconds(), r.NotBefore, r.Deadline, optional(r.CorrelationID), optional(r.Traceparent),
		r.Attempt, optional(r.AgentID), r.lease, int64(r.UpdatedAt), r.StartedAt, r.FinishedAt, int64(r.readyAt), r.ready, r.dueAt,
		percentOf(r.Progress), messageOf(r.Progress), r.log.bytes(), r.log.logged, r.flow)
	if err != nil {
		return err
	}
	if r.Description != "" || string(r.Data) != "{}" {
		var data []byte
		if string(r.Data) != "{}" {
			data = r.Data
		}
		err := c.exec("INSERT OR REPLACE INTO payloads (seq, description, data) VALUES (?, ?, ?)", r.seq, optional(r.Description), data)
		if err != nil {
			return err
		}
	}
	for _, tag := range r.Tags {
		if err := c.exec("INSERT OR IGNORE INTO tags (tag, seq) VALUES (?, ?)", tag, r.seq); err != nil {
			return err
		}
	}
	return nil
}

// updateMission writes what has changed of a mission. A column that is written as it was
// would be taken out of its indexes and put back.
func (c *conn) updateMission(was, is *row) error {
	old, now := was.values(), is.values()
	args, changed := make([]any, 0, len(columns)+1), 0
	for i := range columns {
		if now[i] != old[i] {
			changed |= 1 << i
			args = append(args, now[i])
		}
	}
	if changed == 0 {
		return nil
	}
	return c.exec(c.update(changed), append(args, is.seq)...)
}

// outcome is what tells two outcomes apart.
type outcome struct {
	result, error string
	report        engine.Report
}

func outcomeOf(r *engine.Record) outcome {
	return outcome{string(r.Result), string(r.Error), r.Report}
}

func (c *conn) writeOutcome(r *engine.Record, isNew bool) error {
	if len(r.Result) == 0 && r.Error == "" && r.Report == (engine.Report{}) {
		if isNew {
			return nil
		}
		return c.exec("DELETE FROM outcomes WHERE seq = ?", r.Seq)
	}
	return c.exec("INSERT OR REPLACE INTO outcomes (seq, result, error, lease, agent_id) VALUES (?, ?, ?, ?, ?)",
		r.Seq, []byte(r.Result), optional(r.Error), r.Report.Token, optional(r.Report.AgentID))
}

// removeMission deletes a mission and everything that belongs to it.
func (c *conn) removeMission(before *engine.Record) error {
	for _, tag := range before.Tags {
		if err := c.exec("DELETE FROM tags WHERE tag = ? AND seq = ?", tag, before.Seq); err != nil {
			return err
		}
	}
	for _, label := range before.Labels() {
		if err := c.exec("DELETE FROM tags WHERE tag = ? AND seq = ?", label, before.Seq); err != nil {
			return err
		}
	}
	if before.Flow != nil {
		if err := c.exec("DELETE FROM parts WHERE seq = ?", before.Seq); err != nil {
			return err
		}
	}
	for _, sql := range []string{
		"DELETE FROM log WHERE seq = ?",
		"DELETE FROM payloads WHERE seq = ?",
		"DELETE FROM outcomes WHERE seq = ?",
		"DELETE FROM missions WHERE seq = ?",
	} {
		if err := c.exec(sql, before.Seq); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) writeLease(seq int64, l *engine.Lease) error {
	if l == nil {
		return c.exec("DELETE FROM leases WHERE seq = ?", seq)
	}
	return c.exec(`INSERT OR REPLACE INTO leases (seq, agent_id, lease, expires_at, ends_at, stalls_at, missed, signal)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`, seq, l.AgentID, l.Token, int64(l.ExpiresAt), l.EndsAt, l.StallsAt, l.Missed, nullable(l.Signal))
}

// nullable is null for 0.
func nullable(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func (c *conn) writeAgent(id string, a *engine.Agent) error {
	if a == nil {
		return c.exec("DELETE FROM agents WHERE id = ?", id)
	}
	types, _ := json.Marshal(a.Types) // strings always marshal
	labels, _ := json.Marshal(a.Labels)
	return c.exec(`INSERT OR REPLACE INTO agents (id, name, role, state, has_left, last_heartbeat, silence_us, capacity, types,
		version, host, labels, cpu, memory_bytes, registered_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, a.Name, a.Role, slices.Index(agentStates, a.State), a.Left, int64(a.LastHeartbeat), a.Silence.Microseconds(), a.Capacity,
		string(types), a.Version, a.Host, string(labels), number(a.CPU), number(a.MemoryBytes), int64(a.RegisteredAt), int64(a.ChangedAt))
}

// writeRest writes what is no mission, lease or agent, and empties the journal.
func (u *unsettled) writeRest(c *conn) error {
	for _, part := range []func(*conn) error{u.writeEvents, u.writeTotals, u.writePoints, u.writeAlerts, u.writeNotices, u.writeDocs, u.writeMembers, u.writeMarks} {
		if err := part(c); err != nil {
			return err
		}
	}
	return c.exec("DELETE FROM journal WHERE n <= ?", u.last)
}

func (u *unsettled) writeEvents(c *conn) error {
	if err := c.forgetEvents(u.marks.Forgotten); err != nil {
		return err
	}
	entry := make([]*missions.Event, 0, eventsAnEntry)
	for _, events := range u.events {
		for i := range events {
			if entry = append(entry, &events[i]); len(entry) < eventsAnEntry {
				continue
			}
			if err := c.writeEntry(entry); err != nil {
				return err
			}
			entry = entry[:0]
		}
	}
	if len(entry) == 0 {
		return nil
	}
	return c.writeEntry(entry)
}

func (u *unsettled) writeTotals(c *conn) error {
	for _, name := range slices.Sorted(maps.Keys(u.totals)) {
		err := c.exec("INSERT OR REPLACE INTO totals (type, body) VALUES (?, ?)", name, u.totals[name].Encode(nil))
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unsettled) writePoints(c *conn) error {
	for series, before := range u.before {
		if err := c.exec("DELETE FROM points WHERE series = ? AND slot < ?", int64(series), before); err != nil {
			return err
		}
	}
	for key, point := range u.points {
		if err := c.exec("INSERT OR REPLACE INTO points (series, type, slot, body) VALUES (?, ?, ?, ?)",
			int64(key.Series), key.Type, key.Slot, point.Encode(nil)); err != nil {
			return err
		}
	}
	return nil
}

func (u *unsettled) writeAlerts(c *conn) error {
	for _, a := range u.alerts {
		var err error
		if a.State == missions.AlertOK {
			err = c.exec("DELETE FROM alerts WHERE rule = ?", a.Rule)
		} else {
			err = c.exec(`INSERT OR REPLACE INTO alerts (rule, metric, threshold, firing, since, raised_at, cleared_at, checked_at, revision)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.Rule, a.Metric, a.Threshold, a.State == missions.AlertFiring, int64(a.Since),
				a.RaisedAt, a.ClearedAt, int64(a.CheckedAt), a.Revision)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unsettled) writeNotices(c *conn) error {
	for position, notice := range u.notices {
		if notice == nil {
			if err := c.exec("DELETE FROM notices WHERE seq = ?", position); err != nil {
				return err
			}
			continue
		}
		body, err := json.Marshal(notice)
		if err != nil {
			return err
		}
		if err := c.exec("INSERT OR REPLACE INTO notices (seq, body) VALUES (?, ?)", position, body); err != nil {
			return err
		}
	}
	return nil
}

func (u *unsettled) writeMarks(c *conn) error {
	m := &u.marks
	return c.exec(`INSERT OR REPLACE INTO marks (only, outbox, acknowledged, mark, forgotten, token, seq, revision, sampled)
		VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)`, m.Outbox, m.Acknowledged, m.Mark, m.Forgotten, m.Token, m.Seq, m.Revision, int64(m.Sampled))
}
