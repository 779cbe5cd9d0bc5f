package sqlitestore

import (
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Schema 6 kept statistics in tables of numbers. What follows reads them.

// Names in the counters table. The first five are the statuses' own indexes.
const (
	countAgents  int64 = 10 // online or draining; type ''
	countSlots   int64 = 11 // their capacities; type ''
	markOutbox   int64 = 20 // the outbox position given last; type ''
	markLease    int64 = 21 // the fencing token given last; type ''
	markClock    int64 = 22 // the newest seq given to a mission; type ''
	markAcked    int64 = 23 // the outbox position that the stream has acknowledged; type ''
	markSampled  int64 = 24 // when the latest sample was taken; type ''
	markRevision int64 = 25 // the revision given last to an alert; type ''
)

// Names in the histograms table.
const (
	histogramRun   int64 = 0 // run times of completed missions
	histogramQueue int64 = 1 // from claimable to claimed
)

// allTypes is the counters' row that counts every type.
const allTypes = ""

// marks are the numbers in the counters table that only ever grow, but for acked.
type marks struct {
	outbox    int64 // position given last
	forgotten int64 // everything up to here has left the outbox
	acked     int64 // everything up to here is in the stream; not less than forgotten
	lease     int64 // fencing token given last
	clock     int64 // newest seq given to a mission, in microseconds
}

func readMarks(c *conn) (m marks, err error) {
	err = c.query("SELECT name, n FROM counters WHERE type = '' AND name >= 20", func(row *sqlite3.Stmt) (bool, error) {
		switch row.ColumnInt64(0) {
		case markOutbox:
			m.outbox = row.ColumnInt64(1)
		case markLease:
			m.lease = row.ColumnInt64(1)
		case markClock:
			m.clock = row.ColumnInt64(1)
		case markAcked:
			m.acked = row.ColumnInt64(1)
		}
		return true, nil
	})
	if err != nil {
		return m, err
	}
	m.forgotten = m.outbox
	err = c.query("SELECT seq, json_array_length(CAST(body AS TEXT)) FROM outbox WHERE seq > 0 ORDER BY seq LIMIT 1", func(row *sqlite3.Stmt) (bool, error) {
		m.forgotten = row.ColumnInt64(0) - row.ColumnInt64(1)
		return false, nil
	})
	m.acked = max(m.acked, m.forgotten)
	return m, err
}

// sampledHistogram is added to a histogram's name in the samples table; without it, a name is
// a happening's place in missions.Happenings, in bucket 0.
const sampledHistogram int64 = 10

// convertStatistics moves the statistics of a data set that was brought from schema 6 to 7,
// unless that was done. Marks have a row when it was.
func convertStatistics(c *conn) error {
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
	c.forgetStatements()
	return nil
}

func oldMarks(c *conn, u *unsettled) error {
	old, err := readMarks(c)
	if err != nil {
		return err
	}
	u.marks = engine.Marks{Outbox: old.outbox, Acknowledged: old.acked, Forgotten: old.forgotten, Token: old.lease, Seq: old.clock}
	sampled, err := c.number("SELECT n FROM counters WHERE type = '' AND name = ?", markSampled)
	if err != nil {
		return err
	}
	u.marks.Sampled = missions.Time(sampled)
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
			run.Add(row.ColumnInt(2), row.ColumnInt64(3), row.ColumnInt64(4))
			return true, nil
		})
	}
	return err
}

func (u *unsettled) total(missionType string) *engine.Totals {
	t := u.totals[missionType]
	if t == nil {
		t = &engine.Totals{}
		u.totals[missionType] = t
	}
	return t
}

// change changes a point.
func (u *unsettled) change(series engine.Series, missionType string, slot int64, change func(*engine.Point)) {
	key := engine.PointKey{Series: series, Type: missionType, Slot: slot}
	p := u.points[key]
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
	series := map[int64]engine.Series{
		int64(missions.ShortSample / time.Minute): engine.ShortSamples, int64(missions.LongSample / time.Minute): engine.LongSamples,
	}
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
				p.Run.Add(row.ColumnInt(4), row.ColumnInt64(5), row.ColumnInt64(6))
			case sampledHistogram + histogramQueue:
				p.Queue.Add(row.ColumnInt(4), row.ColumnInt64(5), row.ColumnInt64(6))
			default:
				p.Happened[name] += row.ColumnInt64(5)
			}
		})
		return true, nil
	})
}
