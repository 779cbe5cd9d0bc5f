package sqlitestore

import (
	"encoding/json"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

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
