package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
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

func (c *conn) writeEntry(events []missions.Event) error {
	body, err := json.Marshal(events)
	if err != nil {
		return err
	}
	return c.exec("INSERT OR REPLACE INTO outbox (seq, body) VALUES (?, ?)", events[len(events)-1].Seq, body)
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
	err = s.read(ctx, func(c *conn) (err error) {
		pending, err = c.pending(after, math.MaxInt64, limit)
		return err
	})
	return pending, err
}

// pending returns the events after a position and before another one.
func (c *conn) pending(after, before int64, limit int) (events []missions.Event, err error) {
	err = c.query("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?", func(row *sqlite3.Stmt) (bool, error) {
		entry, err := readEntry(row)
		if err != nil {
			return false, err
		}
		for _, e := range entry {
			if e.Seq > after && e.Seq < before && len(events) < limit {
				events = append(events, e)
			}
		}
		return len(events) < limit && entry[len(entry)-1].Seq < before, nil
	}, after, limit)
	return events, err
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
		if err := t.forgetEvents(upTo); err != nil {
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

// forgetEvents deletes the events up to a position: whole entries, and a part of the one that
// it lies within.
func (c *conn) forgetEvents(upTo int64) error {
	if err := c.exec("DELETE FROM outbox WHERE seq <= ?", upTo); err != nil {
		return err
	}
	var events []missions.Event
	err := c.query("SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1", func(row *sqlite3.Stmt) (_ bool, err error) {
		events, err = readEntry(row)
		return false, err
	}, upTo)
	if err != nil || len(events) == 0 || events[0].Seq > upTo {
		return err
	}
	return c.writeEntry(events[upTo-events[0].Seq+1:])
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
