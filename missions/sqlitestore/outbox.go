package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// eventsAnEntry is how many events an entry of the outbox holds at most.
const eventsAnEntry = 32

// writeEvents adds the group's events to the outbox.
func (t *tx) writeEvents() error {
	for events := range slices.Chunk(t.events, eventsAnEntry) {
		if err := t.writeEntry(events); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) writeEntry(events []missions.Event) error {
	body, err := json.Marshal(events)
	if err != nil {
		return err
	}
	return t.exec("INSERT OR REPLACE INTO outbox (seq, body) VALUES (?, ?)", events[len(events)-1].Seq, body)
}

// readEntry returns the events of an outbox' entry, whose position is that of the last.
func readEntry(row *sqlite3.Stmt) (events []missions.Event, err error) {
	last := row.ColumnInt64(0)
	if err := json.Unmarshal(row.ColumnRawBlob(1), &events); err != nil {
		return nil, fmt.Errorf("outbox entry %d: %w", last, err)
	}
	for i := range events {
		events[i].Seq = last - int64(len(events)-1-i)
	}
	return events, nil
}

// Pending implements [missions.Outbox].
func (s *Store) Pending(ctx context.Context, after int64, limit int) (pending []missions.Event, err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	if events, known := s.recent.after(after, limit); known {
		return events, nil
	}
	err = s.read(ctx, func(c *conn) error {
		pending = nil
		return c.query("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", func(row *sqlite3.Stmt) (bool, error) {
			events, err := readEntry(row)
			if err != nil {
				return false, err
			}
			for _, e := range events {
				if e.Seq > after && len(pending) < limit {
					pending = append(pending, e)
				}
			}
			return len(pending) < limit, nil
		}, after, limit)
	})
	return pending, err
}

// Acknowledge implements [missions.Outbox].
func (s *Store) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	return s.write(ctx, laneHouse, func(t *tx) error {
		if upTo > t.marks.outbox {
			return missions.Invalid("up_to", "position %d has not been given yet", upTo)
		}
		if err := t.exec("INSERT OR REPLACE INTO acknowledged (only, mark) VALUES (1, ?)", mark); err != nil {
			return err
		}
		t.marks.acked = max(t.marks.forgotten, upTo)
		return nil
	})
}

// Acknowledged implements [missions.Outbox].
func (s *Store) Acknowledged(ctx context.Context) (upTo int64, mark string, err error) {
	err = s.read(ctx, func(c *conn) error {
		m, err := readMarks(c)
		if err != nil {
			return err
		}
		upTo = m.acked
		return c.query("SELECT mark FROM acknowledged WHERE only = 1", func(row *sqlite3.Stmt) (bool, error) {
			mark = row.ColumnText(0)
			return false, nil
		})
	})
	return upTo, mark, err
}

// Forget implements [missions.Outbox].
func (s *Store) Forget(ctx context.Context, upTo int64) error {
	err := s.write(ctx, laneHouse, func(t *tx) error {
		if upTo > t.was.outbox { // what this group adds, nobody has read
			return missions.Invalid("up_to", "position %d has not been given yet", upTo)
		}
		if err := t.exec("DELETE FROM outbox WHERE seq <= ?", upTo); err != nil {
			return err
		}
		if err := t.forgetWithin(upTo); err != nil {
			return err
		}
		t.marks.forgotten = max(t.marks.forgotten, upTo)
		t.marks.acked = max(t.marks.acked, t.marks.forgotten)
		return nil
	})
	if err == nil {
		s.recent.forget(upTo)
	}
	return err
}

// forgetWithin takes the events up to a position out of the entry that it lies within.
func (t *tx) forgetWithin(upTo int64) error {
	var events []missions.Event
	err := t.query("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1", func(row *sqlite3.Stmt) (_ bool, err error) {
		events, err = readEntry(row)
		return false, err
	}, upTo)
	if err != nil || len(events) == 0 || events[0].Seq > upTo {
		return err
	}
	return t.writeEntry(events[upTo-events[0].Seq+1:])
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
