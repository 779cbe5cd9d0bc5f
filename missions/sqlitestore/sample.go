package sqlitestore

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Names in the samples table: a happening is its place in missions.Happenings(), in
// bucket 0; a histogram is its name in the histograms table and this.
const sampledHistogram int64 = 10

// markSampled is the counter that says when the latest sample was taken; type ”.
const markSampled int64 = 24

// spans are the kinds of samples.
var spans = []struct{ minutes, keep int64 }{
	{minutesIn(missions.ShortSample), minutesIn(missions.KeepShortSamples)},
	{minutesIn(missions.LongSample), minutesIn(missions.KeepLongSamples)},
}

func minutesIn(d time.Duration) int64 { return int64(d / time.Minute) }

func minuteOf(t missions.Time) int64 { return int64(t) / 60e6 }

// mostMinutes bounds how many minutes one sample makes up for. Windows have no use for
// a sample that is longer.
const mostMinutes = 60

// endOfMinute is how soon after the end of a minute a sample tells how things stood then.
const endOfMinute = 30 * time.Second

// Sample implements [missions.Statistics].
func (s *Store) Sample(ctx context.Context) (at missions.Time, err error) {
	err = s.write(ctx, laneHouse, func(t *tx) error {
		at = t.now
		last, err := t.sampledAt()
		switch {
		case err != nil:
			return err
		case last == 0:
			// What there was before is nobody's gain.
			err = t.exec("INSERT OR REPLACE INTO sampled SELECT type, name, bucket, n, sum_us FROM histograms")
		default:
			err = t.sample(last)
		}
		for _, part := range []func() error{t.gauge, t.forgetSamples} {
			if err == nil {
				err = part()
			}
		}
		if err != nil {
			return err
		}
		return t.exec("INSERT OR REPLACE INTO counters (type, name, n) VALUES ('', ?, ?)", markSampled, int64(t.now))
	})
	return at, err
}

// sampledAt returns when the latest sample was taken, zero for never.
func (c *conn) sampledAt() (missions.Time, error) {
	at, err := c.number("SELECT n FROM counters WHERE type = '' AND name = ?", markSampled)
	return missions.Time(at), err
}

// sample stores what has been gained since the latest sample. Happenings are counted in
// whole minutes: those of the minute under way are the next sample's.
func (t *tx) sample(last missions.Time) error {
	minute := minuteOf(t.now)
	happened, busy, err := t.happenedSince(max(minuteOf(last), minute-mostMinutes), minute)
	if err != nil {
		return err
	}
	for _, span := range spans {
		slot := minute / span.minutes
		err := t.exec("INSERT OR IGNORE INTO sample_times (span, slot, since) VALUES (?, ?, ?)", span.minutes, slot, int64(last))
		if err != nil {
			return err
		}
		for _, kind := range busy {
			if err := t.sampleType(span.minutes, slot, kind, happened[kind]); err != nil {
				return err
			}
		}
	}
	for _, kind := range busy {
		err := t.exec(`INSERT OR REPLACE INTO sampled
			SELECT type, name, bucket, n, sum_us FROM histograms WHERE type = ?`, kind)
		if err != nil {
			return err
		}
	}
	return nil
}

// happenedSince returns what happened from a minute on and before another one, by type,
// and the types in which anything has, up to now: all, and of the others the busiest.
func (c *conn) happenedSince(from, before int64) (happened map[string]map[int64]int64, busy []string, err error) {
	happened = map[string]map[int64]int64{}
	sums := map[string]int64{}
	err = c.query("SELECT minute, type, name, n FROM minutes WHERE minute >= ?", func(row *sqlite3.Stmt) (bool, error) {
		kind := row.ColumnText(1)
		sums[kind] += row.ColumnInt64(3)
		if row.ColumnInt64(0) < before {
			if happened[kind] == nil {
				happened[kind] = map[int64]int64{}
			}
			happened[kind][row.ColumnInt64(2)] += row.ColumnInt64(3)
		}
		return true, nil
	}, from)
	delete(sums, allTypes)
	busy = slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
	return happened, append(busy[:min(len(busy), missions.MaxSampledTypes)], allTypes), err
}

// sampleType adds what a type has gained to a slot.
func (t *tx) sampleType(span, slot int64, kind string, happened map[int64]int64) error {
	for name, n := range happened {
		err := t.exec(`INSERT INTO samples (span, slot, type, name, bucket, n, sum_us) VALUES (?, ?, ?, ?, 0, ?, 0)
			ON CONFLICT DO UPDATE SET n = n + excluded.n`, span, slot, kind, name, n)
		if err != nil {
			return err
		}
	}
	return t.exec(`INSERT INTO samples (span, slot, type, name, bucket, n, sum_us)
		SELECT ?2, ?3, ?1, name + ?4, bucket, n, sum_us FROM (`+gained+`) WHERE true
		ON CONFLICT DO UPDATE SET n = n + excluded.n, sum_us = sum_us + excluded.sum_us`,
		kind, span, slot, sampledHistogram)
}

// gained is what the histograms of type ?1 have gained since the latest sample.
const gained = `SELECT h.name, h.bucket, h.n - coalesce(s.n, 0) AS n, h.sum_us - coalesce(s.sum_us, 0) AS sum_us
	FROM histograms h LEFT JOIN sampled s ON s.type = h.type AND s.name = h.name AND s.bucket = h.bucket
	WHERE h.type = ?1 AND h.n > coalesce(s.n, 0)`

// gauge notes how many missions there are, as those at the end of the minute before.
func (t *tx) gauge() error {
	minute := minuteOf(t.now)
	if t.now.Sub(missions.Time(minute*60e6)) >= endOfMinute {
		return nil
	}
	type gauge struct{ pending, running int64 }
	gauges := map[string]gauge{allTypes: {}}
	err := t.query("SELECT type, name, n FROM counters WHERE name < 2", func(row *sqlite3.Stmt) (bool, error) {
		kind, g := row.ColumnText(0), gauge{}
		if known, there := gauges[kind]; there {
			g = known
		} else if row.ColumnInt64(2) == 0 || len(gauges) > missions.MaxSampledTypes {
			return true, nil
		}
		if row.ColumnInt64(1) == int64(missions.Pending.Index()) {
			g.pending = row.ColumnInt64(2)
		} else {
			g.running = row.ColumnInt64(2)
		}
		gauges[kind] = g
		return true, nil
	})
	for kind, g := range gauges {
		if err != nil {
			break
		}
		err = t.exec("INSERT OR REPLACE INTO gauges (minute, type, pending, running) VALUES (?, ?, ?, ?)",
			minute-1, kind, g.pending, g.running)
	}
	return err
}

// forgetSamples drops what no window and no history reaches any more.
func (t *tx) forgetSamples() error {
	minute := minuteOf(t.now)
	for _, span := range spans {
		oldest := (minute - span.keep) / span.minutes
		for _, sql := range []string{
			"DELETE FROM samples WHERE span = ? AND slot < ?",
			"DELETE FROM sample_times WHERE span = ? AND slot < ?",
		} {
			if err := t.exec(sql, span.minutes, oldest); err != nil {
				return err
			}
		}
	}
	return t.exec("DELETE FROM gauges WHERE minute < ?", minute-missions.MaxHistory)
}

// windows reads the windows of a type.
func (s *Store) windows(c *conn, kind string, now missions.Time) (missions.Windows, error) {
	last, err := c.sampledAt()
	if err != nil || last == 0 {
		return missions.Windows{}, err
	}
	latest, err := c.unsampled(kind, last, now)
	if err != nil {
		return missions.Windows{}, err
	}
	sums, sampled := s.sums.Get(kind)
	if sums == nil || sampled != last {
		if sums, err = c.sumWindows(kind, last); err != nil {
			return missions.Windows{}, err
		}
		s.sums.Put(kind, sums, last)
	}
	return missions.WindowsOf(sums, &latest), nil
}

func (c *conn) sumWindows(kind string, last missions.Time) (*missions.WindowSums, error) {
	var samples [2][]missions.Sample
	for i, span := range spans {
		var err error
		if samples[i], err = c.samples(span.minutes, kind); err != nil {
			return nil, err
		}
	}
	sums := missions.SumWindows(last, samples[0], samples[1])
	return &sums, nil
}

// unsampled returns what a type has gained since the latest sample.
func (c *conn) unsampled(kind string, last, now missions.Time) (missions.Sample, error) {
	sample := missions.NewSample(last)
	from := max(minuteOf(last), minuteOf(now)-mostMinutes)
	for minute := from; minute <= minuteOf(now); minute++ {
		err := c.minute(minute, kind, func(what missions.Happening, n int64) { sample.Happened[what] += n })
		if err != nil {
			return sample, err
		}
	}
	err := c.query(gained, func(row *sqlite3.Stmt) (bool, error) {
		addBucket(&sample, row, row.ColumnInt64(0))
		return true, nil
	}, kind)
	return sample, err
}

// minute calls each with what happened in a minute.
func (c *conn) minute(minute int64, kind string, each func(missions.Happening, int64)) error {
	return c.query("SELECT name, n FROM minutes WHERE minute = ? AND type = ?", func(row *sqlite3.Stmt) (bool, error) {
		each(happenings[row.ColumnInt(0)], row.ColumnInt64(1))
		return true, nil
	}, minute, kind)
}

// addBucket adds a row (…, bucket, n, sum_us) to one of a sample's histograms.
func addBucket(sample *missions.Sample, row *sqlite3.Stmt, name int64) {
	h := &sample.Run
	if name == histogramQueue {
		h = &sample.Queue
	}
	h.Buckets[row.ColumnInt(1)] += row.ColumnInt64(2)
	h.Count += row.ColumnInt64(2)
	h.Seconds += float64(row.ColumnInt64(3)) / 1e6
}

// samples returns a type's samples of one span.
func (c *conn) samples(span int64, kind string) ([]missions.Sample, error) {
	var samples []missions.Sample
	var slots []int64
	err := c.query("SELECT slot, since FROM sample_times WHERE span = ?", func(row *sqlite3.Stmt) (bool, error) {
		slots = append(slots, row.ColumnInt64(0))
		samples = append(samples, missions.NewSample(missions.Time(row.ColumnInt64(1))))
		return true, nil
	}, span)
	for i := range samples {
		if err != nil {
			break
		}
		sample := &samples[i]
		err = c.query("SELECT name, bucket, n, sum_us FROM samples WHERE span = ? AND slot = ? AND type = ?",
			func(row *sqlite3.Stmt) (bool, error) {
				if name := row.ColumnInt64(0); name < sampledHistogram {
					sample.Happened[happenings[name]] += row.ColumnInt64(2)
				} else {
					addBucket(sample, row, name-sampledHistogram)
				}
				return true, nil
			}, span, slots[i], kind)
	}
	return samples, err
}

// History implements [missions.Statistics].
func (s *Store) History(ctx context.Context, kind string, minutes int) (history []missions.Minute, err error) {
	err = s.readPage(ctx, func(c *conn) error {
		now := minuteOf(missions.At(s.cfg.Now()))
		history = make([]missions.Minute, minutes)
		for i := range history {
			m, minute := &history[i], now-int64(minutes-1-i)
			m.At = missions.Time(minute * 60e6)
			if err := c.minute(minute, kind, m.Count); err != nil {
				return err
			}
			if m.Pending, m.Running, err = c.gauges(minute, kind); err != nil {
				return err
			}
		}
		present, err := c.byStatus(kind)
		pending, running := present[missions.Pending], present[missions.Running]
		last := &history[minutes-1]
		last.Pending, last.Running = &pending, &running
		return err
	})
	return history, err
}

// gauges returns how many missions there were at the end of a minute, nil for a minute
// of which that is not known.
func (c *conn) gauges(minute int64, kind string) (pending, running *int64, err error) {
	err = c.query("SELECT type, pending, running FROM gauges WHERE minute = ? AND type IN ('', ?)", func(row *sqlite3.Stmt) (bool, error) {
		var p, r int64
		if row.ColumnText(0) == kind {
			p, r = row.ColumnInt64(1), row.ColumnInt64(2)
		}
		pending, running = &p, &r
		return row.ColumnText(0) != kind, nil
	}, minute, kind)
	return pending, running, err
}

// Unserved implements [missions.Statistics].
func (s *Store) Unserved(ctx context.Context) (byType map[string]int64, err error) {
	err = s.read(ctx, func(c *conn) error {
		byType = map[string]int64{}
		return c.query(`SELECT type, n FROM counters WHERE type > '' AND name = 0 AND n > 0
			AND EXISTS (SELECT 1 FROM missions m INDEXED BY missions_ready WHERE m.type = counters.type AND m.ready = 1)
			AND NOT EXISTS (SELECT 1 FROM agent_types t CROSS JOIN agents a ON a.id = t.agent_id
				WHERE t.type = counters.type AND a.state = 0) LIMIT ?`, func(row *sqlite3.Stmt) (bool, error) {
			byType[row.ColumnText(0)] = row.ColumnInt64(1)
			return true, nil
		}, missions.MaxSampledTypes)
	})
	return byType, err
}

// oldestClaimable returns how long the first in line have been claimable, the longest
// of them; nil when there is none.
func (c *conn) oldestClaimable(kind string, now missions.Time) (*float64, error) {
	kinds := []string{kind}
	if kind == allTypes {
		kinds = nil
		err := c.query("SELECT type FROM counters WHERE type > '' AND name = 0 AND n > 0", func(row *sqlite3.Stmt) (bool, error) {
			kinds = append(kinds, row.ColumnText(0))
			return true, nil
		})
		if err != nil {
			return nil, err
		}
	}
	oldest := int64(math.MaxInt64)
	for _, kind := range kinds {
		for rank := range missions.Priorities() {
			at, err := c.number(`SELECT ready_at FROM missions INDEXED BY missions_ready
				WHERE type = ? AND priority = ? AND ready = 1 ORDER BY seq LIMIT 1`, kind, rank)
			if err != nil {
				return nil, err
			}
			if at != 0 {
				oldest = min(oldest, at)
			}
		}
	}
	if oldest == math.MaxInt64 {
		return nil, nil
	}
	age := max(0, now.Sub(missions.Time(oldest)).Seconds())
	return &age, nil
}
