package sqlitestore

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// row is a mission as it stands in the tables.
type row struct {
	missions.Mission
	seq     int64
	lease   int64
	readyAt missions.Time
	ready   bool
	dueAt   missions.Time
	flow    bool
	log     logHead
}

// What the small integers in the tables stand for.
var (
	statuses    = missions.Statuses()
	priorities  = missions.Priorities()
	agentStates = missions.AgentStates()
)

// missionColumns are those of a whole mission in the order that scanMission reads, from missionTables.
const missionColumns = `m.seq, m.id, m.name, m.type, m.priority, m.status, m.tags, m.max_attempts,
	m.timeout_us, m.not_before, m.deadline, m.correlation_id, m.attempt, m.agent_id, m.lease,
	m.updated_at, m.started_at, m.finished_at, m.ready_at, m.ready, m.due_at,
	m.progress_percent, m.progress_message, p.description, p.data, o.result, o.error, l.expires_at, m.traceparent,
	m.stall_us, m.changes, m.logged`

const missionTables = ` FROM missions m LEFT JOIN payloads p ON p.seq = m.seq
	LEFT JOIN outcomes o ON o.seq = m.seq LEFT JOIN leases l ON l.seq = m.seq `

func scanMission(s *sqlite3.Stmt) (r row, err error) {
	r.seq = s.ColumnInt64(0)
	r.ID, r.Name, r.Type = s.ColumnText(1), s.ColumnText(2), s.ColumnText(3)
	r.Priority, r.Status = priorities[s.ColumnInt(4)], statuses[s.ColumnInt(5)]
	if r.Tags, err = scanTags(s.ColumnRawText(6)); err != nil {
		return r, err
	}
	r.MaxAttempts = s.ColumnInt(7)
	r.TimeoutSeconds = float64(s.ColumnInt64(8)) / 1e6
	r.NotBefore, r.Deadline = scanTime(s, 9), scanTime(s, 10)
	r.CorrelationID = s.ColumnText(11)
	r.Attempt = s.ColumnInt(12)
	r.AgentID = missions.Text(s.ColumnText(13))
	r.lease = s.ColumnInt64(14)
	r.CreatedAt = missions.Time(r.seq)
	r.UpdatedAt, r.StartedAt, r.FinishedAt = scanTime(s, 15), scanTime(s, 16), scanTime(s, 17)
	r.readyAt, r.ready, r.dueAt = scanTime(s, 18), s.ColumnBool(19), scanTime(s, 20)
	if s.ColumnType(21) != sqlite3.NULL {
		r.Progress = &missions.Progress{Percent: s.ColumnFloat(21), Message: s.ColumnText(22)}
	}
	r.Description = s.ColumnText(23)
	if r.Data = scanJSON(s, 24); r.Data == nil {
		r.Data = json.RawMessage("{}")
	}
	r.Result, r.Error = scanJSON(s, 25), missions.Text(s.ColumnText(26))
	r.LeaseExpiresAt = scanTime(s, 27)
	r.Traceparent = s.ColumnText(28)
	r.StallSeconds = float64(s.ColumnInt64(29)) / 1e6
	if r.Status == missions.Pending && !r.ready && r.Attempt > 0 {
		r.NextAttemptAt = r.readyAt
	}
	r.log = scanLogHead(s, 30)
	return r, nil
}

func scanTime(s *sqlite3.Stmt, column int) missions.Time { return missions.Time(s.ColumnInt64(column)) }

func scanJSON(s *sqlite3.Stmt, column int) json.RawMessage {
	if s.ColumnType(column) == sqlite3.NULL {
		return nil
	}
	return json.RawMessage(s.ColumnBlob(column, nil))
}

func scanTags(text []byte) ([]string, error) {
	tags := []string{}
	if len(text) == 0 {
		return tags, nil
	}
	err := json.Unmarshal(text, &tags)
	return tags, err
}

// flowColumns are a mission's flow and its parts as scanFlow reads them.
const flowColumns = `,
	CASE WHEN m.flow THEN (SELECT body FROM parts WHERE parts.seq = m.seq AND name = 'flow') END,
	CASE WHEN m.flow THEN (SELECT body FROM parts WHERE parts.seq = m.seq AND name = 'conditions') END,
	CASE WHEN m.flow THEN (SELECT body FROM parts WHERE parts.seq = m.seq AND name = 'checkpoint') END`

// loadSeq returns the mission that an index speaks of, for a list: without what only the engine needs.
func (c *conn) loadSeq(seq int64) (found *engine.Record, err error) {
	err = c.query("SELECT "+missionColumns+flowColumns+missionTables+"WHERE m.seq = ?", func(s *sqlite3.Stmt) (bool, error) {
		r, err := scanMission(s)
		if err != nil {
			return false, err
		}
		found = &engine.Record{Mission: r.Mission, Seq: r.seq, Ready: r.ready}
		return false, scanFlowOf(found, s, 32)
	}, seq)
	if err == nil && found == nil {
		err = fmt.Errorf("mission seq %d does not exist, but is referenced", seq)
	}
	return found, err
}

// columns are those of a mission that may change once it is stored, but for its outcome
// and its lease.
var columns = [...]string{"status", "attempt", "agent_id", "lease", "updated_at", "started_at", "finished_at",
	"ready_at", "ready", "due_at", "progress_percent", "progress_message", "changes", "logged", "flow"}

// values are what stands in the columns.
type values [len(columns)]any

func (r *row) values() values {
	return values{r.Status.Index(), r.Attempt, optional(r.AgentID), r.lease, int64(r.UpdatedAt), r.StartedAt, r.FinishedAt,
		int64(r.readyAt), r.ready, r.dueAt, percentOf(r.Progress), messageOf(r.Progress),
		r.log.bytes(), r.log.logged, r.flow}
}

// update returns the statement that writes a set of columns.
func (c *conn) update(set int) string {
	sql, ok := c.updates[set]
	if !ok {
		var names []string
		for i, name := range columns {
			if set&(1<<i) != 0 {
				names = append(names, name+" = ?")
			}
		}
		sql = "UPDATE missions SET " + strings.Join(names, ", ") + " WHERE seq = ?"
		c.updates[set] = sql
	}
	return sql
}

func percentOf(p *missions.Progress) any {
	if p == nil {
		return nil
	}
	return p.Percent
}

func messageOf(p *missions.Progress) any {
	if p == nil {
		return nil
	}
	return p.Message
}
