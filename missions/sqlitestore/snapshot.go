package sqlitestore

import (
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
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
	return c.query("SELECT "+agentColumns+", 0 FROM agents", func(row *sqlite3.Stmt) (bool, error) {
		a, err := scanAgent(row)
		s.Agents = append(s.Agents, engine.Agent{Agent: a.Agent, Left: a.left, Silence: a.silence, ChangedAt: a.changed})
		return true, err
	})
}

func snapshotLeases(c *conn, s *engine.Snapshot) error {
	return c.query(`SELECT l.seq, m.id, m.type, l.agent_id, l.lease, l.expires_at, l.ends_at, l.stalls_at, l.missed
		FROM leases l CROSS JOIN missions m ON m.seq = l.seq`, func(row *sqlite3.Stmt) (bool, error) {
		s.Leases = append(s.Leases, engine.Lease{
			Seq: row.ColumnInt64(0), MissionID: row.ColumnText(1), Type: row.ColumnText(2), AgentID: row.ColumnText(3),
			Token: row.ColumnInt64(4), ExpiresAt: scanTime(row, 5), EndsAt: scanTime(row, 6), StallsAt: scanTime(row, 7),
			Missed: row.ColumnInt(8),
		})
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

// migrateToJournal brings a data set to the schema of a [Backend], in two steps: marks have a
// row when both were done.
func migrateToJournal(c *conn, path string) error {
	if err := migrate(c, path, journalSchema); err != nil {
		return err
	}
	if done, err := c.number("SELECT count(*) FROM marks"); err != nil || done > 0 {
		return err
	}
	return convert(c)
}

// convert moves the statistics of schema 6 to the tables of schema 7.
func convert(c *conn) (err error) {
	transaction, err := c.db.BeginImmediate()
	if err != nil {
		return err
	}
	defer transaction.End(&err)
	u := newUnsettled()
	for _, part := range []func(*conn, *unsettled) error{oldMarks, oldTotals, oldMinutes, oldGauges, oldSamples} {
		if err := part(c, u); err != nil {
			return err
		}
	}
	for _, part := range []func(*conn) error{u.writeTotals, u.writePoints, u.writeMarks} {
		if err := part(c); err != nil {
			return err
		}
	}
	for _, name := range []string{"counters", "histograms", "sampled", "minutes", "gauges", "samples", "sample_times", "acknowledged"} {
		if err := c.db.Exec("DROP TABLE " + name); err != nil {
			return err
		}
	}
	return nil
}

func oldMarks(c *conn, u *unsettled) error {
	old, err := readMarks(c)
	if err != nil {
		return err
	}
	u.marks = engine.Marks{Outbox: old.outbox, Acknowledged: old.acked, Forgotten: old.forgotten, Token: old.lease, Seq: old.clock}
	if u.marks.Sampled, err = c.sampledAt(); err != nil {
		return err
	}
	if u.marks.Revision, err = c.number("SELECT n FROM counters WHERE type = '' AND name = ?", markRevision); err != nil {
		return err
	}
	return c.query("SELECT mark FROM acknowledged WHERE only = 1", func(row *sqlite3.Stmt) (bool, error) {
		u.marks.Mark = row.ColumnText(0)
		return false, nil
	})
}

func oldTotals(c *conn, u *unsettled) error {
	err := c.query("SELECT type, name, n FROM counters WHERE name < 20", func(row *sqlite3.Stmt) (bool, error) {
		t := u.total(row.ColumnText(0))
		switch name, n := row.ColumnInt64(1), row.ColumnInt64(2); {
		case name == countAgents:
			t.Agents = n
		case name == countSlots:
			t.Slots = n
		case name >= 0 && name < int64(len(t.ByStatus)):
			t.ByStatus[name] = n
		}
		return true, nil
	})
	for _, from := range []string{"histograms", "sampled"} {
		if err != nil {
			return err
		}
		err = c.query("SELECT type, name, bucket, n, sum_us FROM "+from, func(row *sqlite3.Stmt) (bool, error) {
			t := u.total(row.ColumnText(0))
			run, queue := &t.Run, &t.Queue
			if from == "sampled" {
				run, queue = &t.SampledRun, &t.SampledQueue
			}
			if row.ColumnInt64(1) == histogramQueue {
				run = queue
			}
			addTo(run, row, 2)
			return true, nil
		})
	}
	return err
}

func (u *unsettled) total(missionType string) *engine.Totals {
	t := u.totals[missionType]
	if t == nil {
		t = &engine.Totals{}
		for _, h := range []*missions.Histogram{&t.Run, &t.Queue, &t.SampledRun, &t.SampledQueue} {
			h.Buckets = map[int]int64{}
		}
		u.totals[missionType] = t
	}
	return t
}

// addTo adds the columns bucket, n and sum_us to a histogram.
func addTo(h *missions.Histogram, row *sqlite3.Stmt, column int) {
	h.Buckets[row.ColumnInt(column)] += row.ColumnInt64(column + 1)
	h.Count += row.ColumnInt64(column + 1)
	h.Seconds = float64(int64(h.Seconds*1e6+0.5)+row.ColumnInt64(column+2)) / 1e6
}

// change changes a point.
func (u *unsettled) change(series engine.Series, missionType string, slot int64, change func(*engine.Point)) {
	key := engine.PointKey{Series: series, Type: missionType, Slot: slot}
	p, known := u.points[key]
	if !known && (series == engine.ShortSamples || series == engine.LongSamples) {
		p.Run.Buckets, p.Queue.Buckets = map[int]int64{}, map[int]int64{}
	}
	change(&p)
	u.points[key] = p
}

func oldMinutes(c *conn, u *unsettled) error {
	return c.query("SELECT minute, type, name, n FROM minutes", func(row *sqlite3.Stmt) (bool, error) {
		u.change(engine.Minutes, row.ColumnText(1), row.ColumnInt64(0), func(p *engine.Point) {
			p.Happened[row.ColumnInt(2)] = row.ColumnInt64(3)
		})
		return true, nil
	})
}

func oldGauges(c *conn, u *unsettled) error {
	return c.query("SELECT minute, type, pending, running FROM gauges", func(row *sqlite3.Stmt) (bool, error) {
		u.change(engine.Gauges, row.ColumnText(1), row.ColumnInt64(0), func(p *engine.Point) {
			p.Pending, p.Running = row.ColumnInt64(2), row.ColumnInt64(3)
		})
		return true, nil
	})
}

func oldSamples(c *conn, u *unsettled) error {
	since := map[[2]int64]missions.Time{}
	series := map[int64]engine.Series{spans[0].minutes: engine.ShortSamples, spans[1].minutes: engine.LongSamples}
	err := c.query("SELECT span, slot, since FROM sample_times", func(row *sqlite3.Stmt) (bool, error) {
		since[[2]int64{row.ColumnInt64(0), row.ColumnInt64(1)}] = scanTime(row, 2)
		return true, nil
	})
	if err != nil {
		return err
	}
	for at, from := range since { // a sample of all types, whatever was gained
		u.change(series[at[0]], allTypes, at[1], func(p *engine.Point) { p.Since = from })
	}
	return c.query("SELECT span, slot, type, name, bucket, n, sum_us FROM samples", func(row *sqlite3.Stmt) (bool, error) {
		span, slot := row.ColumnInt64(0), row.ColumnInt64(1)
		u.change(series[span], row.ColumnText(2), slot, func(p *engine.Point) {
			p.Since = since[[2]int64{span, slot}]
			switch name := row.ColumnInt64(3); name {
			case sampledHistogram + histogramRun:
				addTo(&p.Run, row, 4)
			case sampledHistogram + histogramQueue:
				addTo(&p.Queue, row, 4)
			default:
				p.Happened[name] += row.ColumnInt64(5)
			}
		})
		return true, nil
	})
}
