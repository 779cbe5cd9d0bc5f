package sqlitestore

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// logHead is the beginning of a mission's log, which stands in its row.
type logHead struct {
	holds   bool   // false for a mission from before there was one
	changes string // of its status, as migrations/0005_narrow_steps.sql says
	logged  bool   // the log goes on in the table
}

// headBytes is about how long changes may become. A row is written as a whole.
const headBytes = 1024

// add appends a change of status, unless there is no room for it or the log goes on
// elsewhere.
func (h *logHead) add(at missions.Time, from, to missions.Status, reason string) bool {
	if h.logged || len(h.changes)+len(reason) > headBytes {
		return false
	}
	h.changes += fmt.Sprintf("%d\x00%d%d\x00%s\x00", at, from.Index(), to.Index(), reason)
	return true
}

// bytes is what the row is to hold, nil for NULL.
func (h *logHead) bytes() any {
	if !h.holds {
		return nil
	}
	return blob(h.changes)
}

// entries counts what stands in the row, with the creation.
func (h *logHead) entries() int64 {
	if !h.holds {
		return 0
	}
	return 1 + int64(strings.Count(h.changes, "\x00")/3)
}

// read returns those entries.
func (h *logHead) read(created missions.Time) ([]missions.LogEntry, error) {
	if !h.holds {
		return nil, nil
	}
	list := []missions.LogEntry{missions.CreatedEntry(created)}
	parts := strings.Split(h.changes, "\x00")
	for ; len(parts) > 3; parts = parts[3:] {
		at, err := strconv.ParseInt(parts[0], 10, 64)
		statusAt := func(i int) int { return int(parts[1][i] - '0') }
		if err != nil || len(parts[1]) != 2 || statusAt(0) >= len(statuses) || statusAt(1) >= len(statuses) {
			return nil, fmt.Errorf("a log entry of kind %q has the text %q", parts[0], parts[1])
		}
		list = append(list, missions.ChangeEntry(missions.Time(at), statuses[statusAt(0)], statuses[statusAt(1)], parts[2]))
	}
	return list, nil
}

// logOf returns a page of a mission's log.
func (c *conn) logOf(id string, after int64, limit int) (page missions.LogPage, err error) {
	page.Entries = []missions.LogEntry{}
	seq, log, err := c.logHead(id)
	if err != nil {
		return page, err
	}
	head, err := log.read(missions.Time(seq))
	if err != nil {
		return page, fmt.Errorf("mission %q: %w", id, err)
	}
	last := max(after, 0)
	add := func(n int64, entry missions.LogEntry) (more bool) {
		if len(page.Entries) == limit {
			page.Next = last
			return false
		}
		page.Entries, last = append(page.Entries, entry), n
		return true
	}
	for i := last; i < int64(len(head)); i++ {
		if !add(i+1, head[i]) {
			return page, nil
		}
	}
	err = c.query(`SELECT n, at, level, message, data FROM log WHERE seq = ? AND n > ? ORDER BY n LIMIT ?`,
		func(row *sqlite3.Stmt) (bool, error) {
			return add(row.ColumnInt64(0), scanLogEntry(row, 1)), nil
		}, seq, last, limit+1)
	return page, err
}

// logHead reads the beginning of a mission's log, and nothing else of it.
func (c *conn) logHead(id string) (seq int64, head logHead, err error) {
	err = c.query("SELECT seq, changes, logged FROM missions WHERE id = ?", func(row *sqlite3.Stmt) (bool, error) {
		seq, head = row.ColumnInt64(0), scanLogHead(row, 1)
		return false, nil
	}, id)
	if err == nil && seq == 0 {
		err = missions.NotFound("mission", id)
	}
	return seq, head, err
}

// scanLogHead reads the columns changes and logged.
func scanLogHead(s *sqlite3.Stmt, column int) logHead {
	return logHead{
		holds: s.ColumnType(column) != sqlite3.NULL, changes: string(s.ColumnRawBlob(column)), logged: s.ColumnBool(column + 1),
	}
}

// ownEntry begins the level of the supervisor's own entries in the table. The level of an
// agent's entry is a token, which cannot begin so.
const ownEntry = ":"

// scanLogEntry reads the columns at, level, message and data.
func scanLogEntry(s *sqlite3.Stmt, column int) missions.LogEntry {
	e := missions.LogEntry{
		Timestamp: scanTime(s, column), Level: s.ColumnText(column + 1), Message: s.ColumnText(column + 2), Data: scanJSON(s, column+3), By: missions.ByAgent,
	}
	if !strings.HasPrefix(e.Level, ownEntry) {
		return e
	}
	from, rest, _ := strings.Cut(e.Message, " → ")
	to, reason, _ := strings.Cut(rest, ": ")
	return missions.ChangeEntry(e.Timestamp, missions.Status(from), missions.Status(to), reason)
}
