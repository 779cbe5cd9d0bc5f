package sqlitestore

import (
	"maps"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Names in the counters table. The first five are the statuses' own indexes.
const (
	countAgents int64 = 10 // online or draining; type ''
	countSlots  int64 = 11 // their capacities; type ''
	markOutbox  int64 = 20 // the outbox position given last; type ''
	markLease   int64 = 21 // the fencing token given last; type ''
	markClock   int64 = 22 // the newest seq given to a mission; type ''
	markAcked   int64 = 23 // the outbox position that the stream has acknowledged; type ''
)

// Names in the histograms table.
const (
	histogramRun   int64 = 0 // run times of completed missions
	histogramQueue int64 = 1 // from claimable to claimed
)

// allTypes is the counters' row that counts every type.
const allTypes = ""

// marks are the numbers that only ever grow, but for acked. The writer keeps them in memory and
// stores them with each commit.
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

type counterKey struct {
	kind string // the mission's type
	name int64
}

type bucketKey struct {
	kind   string
	name   int64
	bucket int64
}

type minuteKey struct {
	minute int64
	kind   string
	name   int64
}

type bucketSum struct{ n, micros int64 }

// tally collects what a group of steps adds to the counters, so that each
// counter is written once for a group, however many steps touched it.
type tally struct {
	counters map[counterKey]int64
	buckets  map[bucketKey]bucketSum
	minutes  map[minuteKey]int64
	running  map[string]int64 // by agent
}

func newTally() tally {
	return tally{
		counters: map[counterKey]int64{},
		buckets:  map[bucketKey]bucketSum{},
		minutes:  map[minuteKey]int64{},
		running:  map[string]int64{},
	}
}

func (t *tally) status(kind string, status missions.Status, by int64) {
	name := int64(status.Index())
	t.counters[counterKey{kind, name}] += by
	t.counters[counterKey{allTypes, name}] += by
}

func (t *tally) happened(kind string, what missions.Happening, at missions.Time) {
	name := int64(slices.Index(happenings, what))
	minute := int64(at) / 60e6
	t.minutes[minuteKey{minute, kind, name}]++
	t.minutes[minuteKey{minute, allTypes, name}]++
}

func (t *tally) duration(kind string, name int64, micros int64) {
	micros = max(micros, 0)
	bucket := int64(missions.Bucket(float64(micros) / 1e6))
	for _, k := range []string{kind, allTypes} {
		sum := t.buckets[bucketKey{k, name, bucket}]
		t.buckets[bucketKey{k, name, bucket}] = bucketSum{sum.n + 1, sum.micros + micros}
	}
}

// flush adds the tally to the tables. Keys go in order, so that a large group
// walks each table once.
func (t *tally) flush(c *conn) error {
	for _, key := range slices.SortedFunc(maps.Keys(t.counters), compareCounters) {
		by := t.counters[key]
		if by == 0 {
			continue
		}
		err := c.exec(`INSERT INTO counters (type, name, n) VALUES (?, ?, ?)
			ON CONFLICT DO UPDATE SET n = n + excluded.n`, key.kind, key.name, by)
		if err != nil {
			return err
		}
	}
	for key, sum := range t.buckets {
		err := c.exec(`INSERT INTO histograms (type, name, bucket, n, sum_us) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET n = n + excluded.n, sum_us = sum_us + excluded.sum_us`,
			key.kind, key.name, key.bucket, sum.n, sum.micros)
		if err != nil {
			return err
		}
	}
	for key, n := range t.minutes {
		err := c.exec(`INSERT INTO minutes (minute, type, name, n) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET n = n + excluded.n`, key.minute, key.kind, key.name, n)
		if err != nil {
			return err
		}
	}
	for agent, by := range t.running {
		if by == 0 {
			continue
		}
		if err := c.exec("UPDATE agents SET running = running + ? WHERE id = ?", by, agent); err != nil {
			return err
		}
	}
	return nil
}

func compareCounters(a, b counterKey) int {
	if c := strings.Compare(a.kind, b.kind); c != 0 {
		return c
	}
	return int(a.name - b.name)
}
