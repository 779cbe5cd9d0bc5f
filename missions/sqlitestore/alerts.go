package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// markRevision is the counter of the revisions given to alerts; type ”.
const markRevision int64 = 25

const alertQuery = "SELECT rule, metric, threshold, firing, since, raised_at, cleared_at, checked_at, revision FROM alerts "

func scanAlert(s *sqlite3.Stmt) missions.Alert {
	a := missions.Alert{
		Rule: s.ColumnText(0), Metric: s.ColumnText(1), Threshold: s.ColumnFloat(2), State: missions.AlertPending,
		Since: scanTime(s, 4), RaisedAt: scanTime(s, 5), ClearedAt: scanTime(s, 6), CheckedAt: scanTime(s, 7),
		Revision: s.ColumnInt64(8),
	}
	if s.ColumnBool(3) {
		a.State = missions.AlertFiring
	}
	return a
}

// Alerts implements [missions.Alerts].
func (s *Store) Alerts(ctx context.Context) (alerts []missions.Alert, err error) {
	err = s.read(ctx, func(c *conn) error {
		alerts = []missions.Alert{}
		return c.query(alertQuery+"ORDER BY rule", func(row *sqlite3.Stmt) (bool, error) {
			alerts = append(alerts, scanAlert(row))
			return true, nil
		})
	})
	return alerts, err
}

// ChangeAlerts implements [missions.Alerts].
func (s *Store) ChangeAlerts(ctx context.Context, batch []missions.AlertChange) ([]error, error) {
	return eachItem(ctx, s, laneHouse, batch, func(t *tx, change *missions.AlertChange) (error, error) {
		err := t.changeAlert(change)
		if internal(err) {
			return nil, err
		}
		return err, nil
	})
}

func (t *tx) changeAlert(change *missions.AlertChange) error {
	a := &change.Alert
	revision, err := t.number("SELECT revision FROM alerts WHERE rule = ?", a.Rule)
	switch {
	case err != nil:
		return err
	case revision != a.Revision:
		return missions.Conflict("alert %q has been changed by another supervisor", a.Rule)
	case a.State == missions.AlertOK:
		err = t.exec("DELETE FROM alerts WHERE rule = ?", a.Rule)
	default:
		if revision, err = t.nextRevision(); err != nil {
			return err
		}
		err = t.exec(`INSERT OR REPLACE INTO alerts (rule, metric, threshold, firing, since, raised_at,
			cleared_at, checked_at, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, a.Rule, a.Metric, a.Threshold, a.State == missions.AlertFiring, int64(a.Since), a.RaisedAt, a.ClearedAt,
			int64(a.CheckedAt), revision)
	}
	if err != nil || !change.Tell {
		return err
	}
	event := change.Event()
	event.At = a.CheckedAt
	if err := t.emit(event); err != nil || !change.Notify {
		return err
	}
	told := t.events[len(t.events)-1]
	body, err := json.Marshal(told)
	if err != nil {
		return err
	}
	if err := t.exec("INSERT INTO notices (seq, body) VALUES (?, ?)", told.Seq, body); err != nil {
		return err
	}
	return t.exec("DELETE FROM notices WHERE seq <= (SELECT seq FROM notices ORDER BY seq DESC LIMIT 1 OFFSET ?)", missions.MaxNotices)
}

// nextRevision returns a number that no alert has had.
func (t *tx) nextRevision() (int64, error) {
	err := t.exec(`INSERT INTO counters (type, name, n) VALUES ('', ?, 1)
		ON CONFLICT DO UPDATE SET n = n + 1`, markRevision)
	if err != nil {
		return 0, err
	}
	return t.number("SELECT n FROM counters WHERE type = '' AND name = ?", markRevision)
}

// Notices implements [missions.Alerts].
func (s *Store) Notices(ctx context.Context, limit int) (events []missions.Event, err error) {
	err = s.read(ctx, func(c *conn) (err error) {
		events, err = c.notices(limit)
		return err
	})
	return events, err
}

func (c *conn) notices(limit int) (events []missions.Event, err error) {
	events = []missions.Event{}
	err = c.query("SELECT seq, body FROM notices ORDER BY seq LIMIT ?", func(row *sqlite3.Stmt) (bool, error) {
		e := missions.Event{}
		if err := json.Unmarshal(row.ColumnRawBlob(1), &e); err != nil {
			return false, fmt.Errorf("notice %d: %w", row.ColumnInt64(0), err)
		}
		e.Seq = row.ColumnInt64(0)
		events = append(events, e)
		return true, nil
	}, limit)
	return events, err
}

// Noticed implements [missions.Alerts].
func (s *Store) Noticed(ctx context.Context, position int64) error {
	return s.write(ctx, laneHouse, func(t *tx) error {
		return t.exec("DELETE FROM notices WHERE seq = ?", position)
	})
}
