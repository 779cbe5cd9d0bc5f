package sqlitestore

import (
	"context"
	"maps"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions/engine"
)

// partFlow is the part that is a mission's flow.
const partFlow = "flow"

// addFlow adds what a commit says of parts, documents and sets.
func (u *unsettled) addFlow(c *engine.Changes) {
	for i := range c.Parts {
		p := &c.Parts[i]
		m := u.missions[p.Seq]
		if m == nil || m.after == nil { // deleted with the mission
			continue
		}
		if m.parts == nil {
			m.parts = map[string][]byte{}
		}
		m.parts[p.Name] = p.Body
	}
	for _, d := range c.Docs {
		u.docs[d.Key] = d.Body
	}
	for _, m := range c.Members {
		if u.members[m.Set] == nil {
			u.members[m.Set] = map[string]bool{}
		}
		u.members[m.Set][m.Member] = m.Gone
	}
}

// writeFlow brings the parts and labels of a mission up to date.
func (m *unsettledMission) writeFlow(c *conn) error {
	for _, name := range slices.Sorted(maps.Keys(m.parts)) {
		if err := c.writePart(m.after.Seq, name, m.parts[name]); err != nil {
			return err
		}
	}
	if m.after.Flow != nil {
		if err := c.writePart(m.after.Seq, partFlow, m.after.Flow.Encode(nil)); err != nil {
			return err
		}
	}
	added, gone := (&engine.MissionChange{Before: m.before, After: m.after}).Relabels()
	for _, label := range gone {
		if err := c.exec("DELETE FROM tags WHERE tag = ? AND seq = ?", label, m.after.Seq); err != nil {
			return err
		}
	}
	for _, label := range added {
		if err := c.exec("INSERT OR IGNORE INTO tags (tag, seq) VALUES (?, ?)", label, m.after.Seq); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) writePart(seq int64, name string, body []byte) error {
	if body == nil {
		return c.exec("DELETE FROM parts WHERE seq = ? AND name = ?", seq, name)
	}
	return c.exec("INSERT OR REPLACE INTO parts (seq, name, body) VALUES (?, ?, ?)", seq, name, body)
}

func (u *unsettled) writeDocs(c *conn) error {
	for key, body := range u.docs {
		sql, args := "INSERT OR REPLACE INTO docs (key, body) VALUES (?, ?)", []any{key, body}
		if body == nil {
			sql, args = "DELETE FROM docs WHERE key = ?", []any{key}
		}
		if err := c.exec(sql, args...); err != nil {
			return err
		}
	}
	return nil
}

func (u *unsettled) writeMembers(c *conn) error {
	for set, members := range u.members {
		for member, gone := range members {
			sql := "INSERT OR IGNORE INTO members (name, member) VALUES (?, ?)"
			if gone {
				sql = "DELETE FROM members WHERE name = ? AND member = ?"
			}
			if err := c.exec(sql, set, member); err != nil {
				return err
			}
		}
	}
	return nil
}

// recent returns what is unsettled, the latest first. What is in it stays as it is, but only while mu
// is held.
func (b *Backend) recent() []*unsettled {
	if b.frozen == nil {
		return []*unsettled{b.fresh}
	}
	return []*unsettled{b.fresh, b.frozen}
}

// Docs implements [engine.Backend].
func (b *Backend) Docs(ctx context.Context, keys []string) (map[string][]byte, error) {
	found := map[string][]byte{}
	var stored []string
	b.mu.RLock()
next:
	for _, key := range keys {
		for _, u := range b.recent() {
			if body, changed := u.docs[key]; changed {
				if body != nil {
					found[key] = body
				}
				continue next
			}
		}
		stored = append(stored, key)
	}
	b.mu.RUnlock()
	if len(stored) == 0 {
		return found, b.readers.usable(ctx)
	}
	err := b.read(ctx, func(c *conn) error {
		for _, key := range stored {
			err := c.query("SELECT body FROM docs WHERE key = ?", func(row *sqlite3.Stmt) (bool, error) {
				found[key] = row.ColumnBlob(0, nil)
				return false, nil
			}, key)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return found, err
}

// Members implements [engine.Backend].
func (b *Backend) Members(ctx context.Context, ranges []engine.Range) (lists [][]string, err error) {
	changed := make([]map[string]bool, len(ranges)) // whether members are gone
	b.mu.RLock()
	for i, of := range ranges {
		changed[i] = map[string]bool{}
		for _, u := range slices.Backward(b.recent()) {
			maps.Copy(changed[i], u.members[of.Set])
		}
	}
	b.mu.RUnlock()
	err = b.read(ctx, func(c *conn) error {
		lists = make([][]string, len(ranges))
		for i, of := range ranges {
			if err := c.membersOf(of, changed[i], &lists[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return lists, err
}

// membersOf reads a part of a set from the tables, and brings it up to date.
func (c *conn) membersOf(of engine.Range, changed map[string]bool, list *[]string) error {
	err := c.query("SELECT member FROM members WHERE name = ? AND member > ? ORDER BY member LIMIT ?", func(row *sqlite3.Stmt) (bool, error) {
		if member := row.ColumnText(0); !changed[member] {
			*list = append(*list, member)
		}
		return true, nil
	}, of.Set, of.After, of.Limit+len(changed))
	if err != nil {
		return err
	}
	full := len(*list) >= of.Limit
	for member, gone := range changed {
		if at, there := slices.BinarySearch(*list, member); !gone && !there && member > of.After && !(full && at == len(*list)) {
			*list = slices.Insert(*list, at, member)
		}
	}
	*list = (*list)[:min(len(*list), of.Limit)]
	return nil
}

// Parts implements [engine.Backend].
func (b *Backend) Parts(ctx context.Context, keys []engine.PartKey) (bodies [][]byte, err error) {
	bodies = make([][]byte, len(keys))
	stored := make([]int, 0, len(keys))
	b.mu.RLock()
next:
	for i, key := range keys {
		for _, u := range b.recent() {
			m := u.byID[key.MissionID]
			if m == nil {
				continue
			}
			body, changed := m.parts[key.Name]
			if bodies[i] = body; changed || m.after == nil || m.before == nil {
				continue next
			}
		}
		stored = append(stored, i)
	}
	b.mu.RUnlock()
	if len(stored) == 0 {
		return bodies, b.readers.usable(ctx)
	}
	err = b.read(ctx, func(c *conn) error {
		for _, i := range stored {
			err := c.query("SELECT p.body FROM missions m JOIN parts p ON p.seq = m.seq WHERE m.id = ? AND p.name = ?", func(row *sqlite3.Stmt) (bool, error) {
				bodies[i] = row.ColumnBlob(0, nil)
				return false, nil
			}, keys[i].MissionID, keys[i].Name)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return bodies, err
}

// scanFlowOf reads the flow of a record and its parts from three columns.
func scanFlowOf(r *engine.Record, s *sqlite3.Stmt, column int) (err error) {
	if r.Flow, err = scanFlow(s, column); err == nil && r.Flow != nil && r.Flow.Queued {
		r.NextAttemptAt = 0 // it can be claimed, though it is not in its type's queue
	}
	return err
}

// scanFlow reads a flow and its parts from three columns, the first of which is null if there is none.
func scanFlow(s *sqlite3.Stmt, column int) (*engine.Flow, error) {
	if s.ColumnType(column) == sqlite3.NULL {
		return nil, nil
	}
	f, err := engine.DecodeFlow(s.ColumnRawBlob(column))
	if err != nil {
		return nil, err
	}
	return f, f.Complete(s.ColumnBlob(column+1, nil), s.ColumnBlob(column+2, nil))
}

// countWaiting adds to the totals how many PENDING missions cannot be claimed yet, unless they have it:
// versions before schema 8 did not count them, and what they left in the journal does not either.
func countWaiting(c *conn) (err error) {
	if counted, err := c.number("SELECT count(*) FROM docs WHERE key = ?", engine.DocCounted); err != nil || counted > 0 {
		return err
	}
	transaction, err := c.db.BeginImmediate()
	if err != nil {
		return err
	}
	defer transaction.End(&err)
	waiting, all := map[string]int64{}, int64(0)
	err = c.query("SELECT type FROM missions INDEXED BY missions_status WHERE status = 0 AND ready = 0", func(row *sqlite3.Stmt) (bool, error) {
		waiting[row.ColumnText(0)]++
		all++
		return true, nil
	})
	if err != nil {
		return err
	}
	waiting[allTypes] = all
	s := &engine.Snapshot{Totals: map[string]*engine.Totals{}}
	if err := snapshotTotals(c, s); err != nil {
		return err
	}
	for name, n := range waiting {
		t := s.Totals[name]
		if t == nil || n == 0 {
			continue
		}
		t.CountUnready(n)
		if err := c.exec("INSERT OR REPLACE INTO totals (type, body) VALUES (?, ?)", name, t.Encode(nil)); err != nil {
			return err
		}
	}
	return c.exec("INSERT INTO docs (key, body) VALUES (?, x'01')", engine.DocCounted)
}
