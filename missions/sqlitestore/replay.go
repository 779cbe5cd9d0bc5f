package sqlitestore

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions/engine"
)

// readJournal reads what is unsettled from the journal. Of missions that are not new, the
// tables have the rest, as far as they were settled before a crash.
func readJournal(c *conn) (*unsettled, error) {
	u := newUnsettled()
	numbers, err := c.numbers("SELECT n FROM journal ORDER BY n")
	if err != nil {
		return nil, err
	}
	for _, n := range numbers {
		var body []byte
		err := c.query("SELECT body FROM journal WHERE n = ?", func(row *sqlite3.Stmt) (bool, error) {
			body = row.ColumnBlob(0, nil)
			return false, nil
		}, n)
		if err != nil {
			return nil, err
		}
		changes, err := engine.DecodeChanges(body)
		if err != nil {
			return nil, fmt.Errorf("row %d of the journal: %w", n, err)
		}
		for i := range changes.Missions {
			if err := u.complete(c, &changes.Missions[i]); err != nil {
				return nil, err
			}
		}
		u.add(n, len(body), changes)
	}
	return u, nil
}

// complete adds what the journal leaves out of a mission that is not new. A new mission may be
// in the tables already: it was settled, and what followed was not.
func (u *unsettled) complete(c *conn, change *engine.MissionChange) error {
	switch {
	case change.Before == nil && change.After == nil:
		return nil
	case change.Before == nil:
		change.Before = &engine.Record{Seq: change.After.Seq}
		return c.stored(change)
	}
	before := change.Before.Seq
	if m := u.missions[before]; m != nil && m.after != nil {
		change.Before = m.after
	} else if err := c.stored(change); err != nil || change.Before == nil {
		return err
	}
	if change.After != nil {
		change.After.Data, change.After.Description = change.Before.Data, change.Before.Description
		if change.After.Flow != nil {
			change.After.Flow.CompleteFrom(change.Before.Flow)
		}
	}
	return nil
}

// stored sets Before to the mission in the tables, nil if it was deleted from them later.
func (c *conn) stored(change *engine.MissionChange) error {
	seq := change.Before.Seq
	change.Before = nil
	return c.query(recordQuery+"WHERE m.seq = ?", func(row *sqlite3.Stmt) (_ bool, err error) {
		change.Before, err = scanRecord(row)
		return false, err
	}, seq)
}

// settleJournal settles what is in the journal of a file that nobody uses.
func settleJournal(c *conn) (err error) {
	u, err := readJournal(c)
	if err != nil || u.last == 0 {
		return err
	}
	transaction, err := c.db.BeginImmediate()
	if err != nil {
		return err
	}
	defer transaction.End(&err)
	for _, write := range u.work() {
		if err := write(c); err != nil {
			return err
		}
	}
	return nil
}
