package sqlitestore

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions/engine"
)

// readSnapshot reads what an engine begins with from the tables.
func readSnapshot(c *conn) (*engine.Snapshot, error) {
	s := &engine.Snapshot{Totals: map[string]*engine.Totals{}, Points: map[engine.PointKey]engine.Point{}}
	for _, part := range []func(*conn, *engine.Snapshot) error{
		snapshotMarks, snapshotAgents, snapshotLeases, snapshotTotals, snapshotPoints, snapshotAlerts,
	} {
		if err := part(c, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func snapshotMarks(c *conn, s *engine.Snapshot) error {
	return c.query("SELECT outbox, acknowledged, mark, forgotten, token, seq, revision, sampled FROM marks", func(row *sqlite3.Stmt) (bool, error) {
		s.Marks = engine.Marks{
			Outbox: row.ColumnInt64(0), Acknowledged: row.ColumnInt64(1), Mark: row.ColumnText(2), Forgotten: row.ColumnInt64(3),
			Token: row.ColumnInt64(4), Seq: row.ColumnInt64(5), Revision: row.ColumnInt64(6), Sampled: scanTime(row, 7),
		}
		return false, nil
	})
}

func snapshotAgents(c *conn, s *engine.Snapshot) error {
	return c.query("SELECT "+agentColumns+" FROM agents", func(row *sqlite3.Stmt) (bool, error) {
		a, err := scanAgent(row)
		s.Agents = append(s.Agents, a)
		return true, err
	})
}

func snapshotLeases(c *conn, s *engine.Snapshot) error {
	return c.query(`SELECT l.seq, m.id, m.type, l.agent_id, l.lease, l.expires_at, l.ends_at, l.stalls_at, l.missed, l.signal,
			CASE WHEN m.flow THEN (SELECT body FROM parts WHERE parts.seq = m.seq AND name = 'flow') END
		FROM leases l CROSS JOIN missions m ON m.seq = l.seq`, func(row *sqlite3.Stmt) (bool, error) {
		held := engine.Lease{
			Seq: row.ColumnInt64(0), MissionID: row.ColumnText(1), Type: row.ColumnText(2), AgentID: row.ColumnText(3),
			Token: row.ColumnInt64(4), ExpiresAt: scanTime(row, 5), EndsAt: scanTime(row, 6), StallsAt: scanTime(row, 7),
			Missed: row.ColumnInt(8), Signal: row.ColumnInt(9),
		}
		if row.ColumnType(10) != sqlite3.NULL {
			f, err := engine.DecodeFlow(row.ColumnRawBlob(10))
			if err != nil {
				return false, fmt.Errorf("the flow of mission %q: %w", held.MissionID, err)
			}
			held.Key, held.Limits = f.Key, f.Limits
		}
		s.Leases = append(s.Leases, held)
		return true, nil
	})
}

func snapshotTotals(c *conn, s *engine.Snapshot) error {
	return c.query("SELECT type, body FROM totals", func(row *sqlite3.Stmt) (bool, error) {
		name := row.ColumnText(0)
		t, err := engine.DecodeTotals(row.ColumnRawBlob(1))
		if err != nil {
			return false, fmt.Errorf("totals of type %q: %w", name, err)
		}
		s.Totals[name] = t
		return true, nil
	})
}

// pointsBack is how many minutes before the newest point the points begin that an engine
// begins with: a sample looks at so many.
const pointsBack = 64

func snapshotPoints(c *conn, s *engine.Snapshot) error {
	for series, back := range map[engine.Series]int64{engine.Minutes: pointsBack, engine.ShortSamples: 0, engine.LongSamples: 0} {
		newest, err := c.number("SELECT max(slot) FROM points WHERE series = ?", int64(series))
		if err != nil {
			return err
		}
		err = c.query("SELECT type, slot, body FROM points WHERE series = ? AND slot >= ?", func(row *sqlite3.Stmt) (bool, error) {
			p, err := engine.DecodePoint(row.ColumnRawBlob(2))
			s.Points[engine.PointKey{Series: series, Type: row.ColumnText(0), Slot: row.ColumnInt64(1)}] = p
			return true, err
		}, int64(series), newest-back)
		if err != nil {
			return err
		}
	}
	return nil
}

func snapshotAlerts(c *conn, s *engine.Snapshot) (err error) {
	err = c.query(alertQuery, func(row *sqlite3.Stmt) (bool, error) {
		s.Alerts = append(s.Alerts, scanAlert(row))
		return true, nil
	})
	if err == nil {
		s.Notices, err = c.numbers("SELECT seq FROM notices ORDER BY seq")
	}
	return err
}
