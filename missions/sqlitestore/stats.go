package sqlitestore

import (
	"context"
	"maps"
	"math"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// Counts implements [missions.Statistics]. The counters are kept in memory beside the
// tables: one process has the store, and its writer knows of every change.
func (s *Store) Counts(ctx context.Context) (missions.Counts, error) {
	if err := s.usable(ctx); err != nil {
		return missions.Counts{}, err
	}
	counts := *s.counts.Load()
	counts.ByStatus = maps.Clone(counts.ByStatus)
	return counts, nil
}

// readCounts reads the counters from the tables.
func readCounts(c *conn) (counts missions.Counts, err error) {
	if counts.ByStatus, err = c.byStatus(allTypes); err != nil {
		return counts, err
	}
	err = c.query("SELECT name, n FROM counters WHERE type = '' AND name IN (10, 11)", func(row *sqlite3.Stmt) (bool, error) {
		if row.ColumnInt64(0) == countAgents {
			counts.Agents = row.ColumnInt64(1)
		} else {
			counts.Slots = row.ColumnInt64(1)
		}
		return true, nil
	})
	if err != nil {
		return counts, err
	}
	run, err := c.histogram(allTypes, histogramRun)
	counts.CompletedRuns, counts.CompletedSeconds = run.Count, run.Seconds
	return counts, err
}

// with returns the counters with what a group of steps has added to them.
func (t *tally) with(counts missions.Counts) *missions.Counts {
	counts.ByStatus = maps.Clone(counts.ByStatus)
	for i, status := range statuses {
		counts.ByStatus[status] += t.counters[counterKey{allTypes, int64(i)}]
	}
	counts.Agents += t.counters[counterKey{allTypes, countAgents}]
	counts.Slots += t.counters[counterKey{allTypes, countSlots}]
	micros := int64(math.Round(counts.CompletedSeconds * 1e6))
	for key, sum := range t.buckets {
		if key.kind == allTypes && key.name == histogramRun {
			counts.CompletedRuns += sum.n
			micros += sum.micros
		}
	}
	counts.CompletedSeconds = float64(micros) / 1e6
	return &counts
}

func (c *conn) byStatus(kind string) (map[missions.Status]int64, error) {
	counts := make(map[missions.Status]int64, 5)
	for _, status := range statuses {
		counts[status] = 0
	}
	err := c.query("SELECT name, n FROM counters WHERE type = ? AND name < 10", func(row *sqlite3.Stmt) (bool, error) {
		counts[statuses[row.ColumnInt(0)]] = row.ColumnInt64(1)
		return true, nil
	}, kind)
	return counts, err
}

func (c *conn) histogram(kind string, name int64) (h missions.Histogram, err error) {
	h.Buckets = map[int]int64{}
	var micros int64
	err = c.query("SELECT bucket, n, sum_us FROM histograms WHERE type = ? AND name = ?", func(row *sqlite3.Stmt) (bool, error) {
		h.Buckets[row.ColumnInt(0)] = row.ColumnInt64(1)
		h.Count += row.ColumnInt64(1)
		micros += row.ColumnInt64(2)
		return true, nil
	}, kind, name)
	h.Seconds = float64(micros) / 1e6
	return h, err
}

// Stats implements [missions.Statistics].
func (s *Store) Stats(ctx context.Context, kind string) (stats missions.Stats, err error) {
	err = s.read(ctx, func(c *conn) error {
		now := missions.At(s.cfg.Now())
		byStatus, err := c.byStatus(kind)
		if err != nil {
			return err
		}
		counts := missions.Counts{ByStatus: byStatus}
		stats = missions.Stats{Total: counts.Total(), ByStatus: byStatus, SuccessRate: counts.SuccessRate(), LastUpdated: now}
		if stats.ByType, err = c.byType(kind); err != nil {
			return err
		}
		run, err := c.histogram(kind, histogramRun)
		if err != nil {
			return err
		}
		queue, err := c.histogram(kind, histogramQueue)
		if err != nil {
			return err
		}
		stats.Duration, stats.Queue = run.Distribution(), queue.Distribution()
		if stats.OldestPendingSeconds, err = c.oldestPending(kind, now); err != nil {
			return err
		}
		if stats.OldestClaimableSeconds, err = c.oldestClaimable(kind, now); err != nil {
			return err
		}
		if stats.PerMinute, err = c.perMinute(kind, now); err != nil {
			return err
		}
		stats.Windows, err = s.windows(c, kind, now)
		return err
	})
	return stats, err
}

func (c *conn) byType(kind string) (map[string]int64, error) {
	byType := map[string]int64{}
	add := func(row *sqlite3.Stmt) (bool, error) {
		if n := row.ColumnInt64(1); n > 0 {
			byType[row.ColumnText(0)] += n
		}
		return true, nil
	}
	if kind != allTypes {
		return byType, c.query("SELECT type, n FROM counters WHERE type = ? AND name < 10", add, kind)
	}
	return byType, c.query("SELECT type, n FROM counters WHERE type > '' AND name < 10", add)
}

func (c *conn) oldestPending(kind string, now missions.Time) (*float64, error) {
	oldest, err := c.oldest(kind)
	if err != nil || oldest == 0 {
		return nil, err
	}
	age := max(0, now.Sub(missions.Time(oldest)).Seconds())
	return &age, nil
}

// oldest returns the seq of the oldest PENDING mission of a type, 0 if there is none.
func (c *conn) oldest(kind string) (int64, error) {
	if kind != allTypes {
		return c.number("SELECT min(seq) FROM missions INDEXED BY missions_type WHERE type = ? AND status = 0", kind)
	}
	return c.number("SELECT min(seq) FROM missions INDEXED BY missions_status WHERE status = 0")
}

// perMinute returns what happened within the last minute: all of this minute so
// far, and of the one before as much as still lies within sixty seconds.
func (c *conn) perMinute(kind string, now missions.Time) (map[missions.Happening]int64, error) {
	minute := int64(now) / 60e6
	within := 1 - float64(int64(now)%60e6)/60e6
	sums := map[missions.Happening]float64{}
	err := c.query("SELECT minute, name, n FROM minutes WHERE minute IN (?, ?) AND type = ?", func(row *sqlite3.Stmt) (bool, error) {
		weight := 1.0
		if row.ColumnInt64(0) != minute {
			weight = within
		}
		sums[happenings[row.ColumnInt(1)]] += weight * float64(row.ColumnInt64(2))
		return true, nil
	}, minute-1, minute, kind)
	rates := make(map[missions.Happening]int64, len(happenings))
	for _, what := range happenings {
		rates[what] = int64(math.Round(sums[what]))
	}
	return rates, err
}
