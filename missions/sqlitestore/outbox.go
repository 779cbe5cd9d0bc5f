package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Pending implements [missions.Outbox].
func (s *Store) Pending(ctx context.Context, after int64, limit int) (events []missions.Event, err error) {
	err = s.read(ctx, func(c *conn) error {
		return c.query("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", func(row *sqlite3.Stmt) (bool, error) {
			e := missions.Event{}
			if err := json.Unmarshal(row.ColumnRawBlob(1), &e); err != nil {
				return false, fmt.Errorf("outbox entry %d: %w", row.ColumnInt64(0), err)
			}
			e.Seq = row.ColumnInt64(0)
			events = append(events, e)
			return true, nil
		}, after, limit)
	})
	return events, err
}

// Acknowledge implements [missions.Outbox].
func (s *Store) Acknowledge(ctx context.Context, upTo int64) error {
	return s.write(ctx, laneHouse, func(t *tx) error {
		if upTo > t.marks.outbox {
			return missions.Invalid("up_to", "position %d has not been given yet", upTo)
		}
		t.marks.acked = max(t.marks.forgotten, upTo)
		return nil
	})
}

// Forget implements [missions.Outbox].
func (s *Store) Forget(ctx context.Context, upTo int64) error {
	return s.write(ctx, laneHouse, func(t *tx) error {
		if upTo > t.marks.outbox {
			return missions.Invalid("up_to", "position %d has not been given yet", upTo)
		}
		if err := t.exec("DELETE FROM outbox WHERE seq <= ?", upTo); err != nil {
			return err
		}
		t.marks.forgotten = max(t.marks.forgotten, upTo)
		t.marks.acked = max(t.marks.acked, t.marks.forgotten)
		return nil
	})
}

// Waiting implements [missions.Store].
func (s *Store) Waiting(ctx context.Context) (n int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		m, err := readMarks(c)
		n = m.outbox - m.acked
		return err
	})
	return n, err
}
