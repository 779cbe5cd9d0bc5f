package sqlitestore

import (
	"encoding/json"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// eventsAnEntry is how many events an entry of the outbox holds at most.
const eventsAnEntry = 32

func (c *conn) writeEntry(events []*missions.Event) error {
	return c.exec("INSERT OR REPLACE INTO outbox (seq, body) VALUES (?, ?)", events[len(events)-1].Seq, engine.EncodeEvents(events))
}

// readEntry returns the events of an outbox' entry, whose position is that of the last.
// Earlier versions wrote them as JSON.
func readEntry(row *sqlite3.Stmt) (events []missions.Event, err error) {
	last, body := row.ColumnInt64(0), row.ColumnRawBlob(1)
	if len(body) > 0 && body[0] == '[' {
		err = json.Unmarshal(body, &events)
	} else {
		events, err = engine.DecodeEvents(body)
	}
	if err != nil {
		return nil, fmt.Errorf("outbox entry %d: %w", last, err)
	}
	for i := range events {
		events[i].Seq = last - int64(len(events)-1-i)
	}
	return events, nil
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
	var left []*missions.Event
	for i := range events {
		if events[i].Seq > upTo {
			left = append(left, &events[i])
		}
	}
	return c.writeEntry(left)
}
