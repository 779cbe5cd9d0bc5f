package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"

	"missioncontrol/missions"
)

// Counts implements [missions.Statistics].
func (s *scripted) Counts(ctx context.Context) (missions.Counts, error) {
	counts, runtime := missions.Counts{ByStatus: noneByStatus()}, int64(0)
	var mu sync.Mutex
	err := s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		answer, err := p.call(ctx, scripts.counts)
		if err != nil {
			return err
		}
		f := hash(answer)
		mu.Lock()
		defer mu.Unlock()
		for i, status := range statuses {
			counts.ByStatus[status] += number(f[strconv.Itoa(i)])
		}
		counts.Agents += number(f["agents"])
		counts.Slots += number(f["slots"])
		counts.CompletedRuns += number(f["runs"])
		runtime += number(f["runtime"])
		return nil
	})
	counts.CompletedSeconds = float64(runtime) / 1e6
	return counts, err
}

func noneByStatus() map[missions.Status]int64 {
	counts := make(map[missions.Status]int64, len(statuses))
	for _, status := range statuses {
		counts[status] = 0
	}
	return counts
}

// Stats implements [missions.Statistics].
func (s *scripted) Stats(ctx context.Context, kind string) (missions.Stats, error) {
	sums := statistics{
		stats:  missions.Stats{ByStatus: noneByStatus(), ByType: map[string]int64{}},
		run:    missions.Histogram{Buckets: map[int]int64{}},
		queue:  missions.Histogram{Buckets: map[int]int64{}},
		minute: map[missions.Happening]float64{},
	}
	var mu sync.Mutex
	err := s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		had, sampled := p.sums.Get(kind)
		if had == nil {
			sampled = 0
		}
		answer, err := p.call(ctx, scripts.stats, kind, int64(sampled))
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if err := sums.add(items(answer)); err != nil {
			return broken(err)
		}
		if err := sums.addSamples(p, kind, had, items(items(answer)[6])); err != nil {
			return broken(err)
		}
		return nil
	})
	if err != nil {
		return missions.Stats{}, err
	}
	return sums.total(), nil
}

// statistics sums up what the partitions say.
type statistics struct {
	stats      missions.Stats
	run, queue missions.Histogram
	oldest     missions.Time
	ready      missions.Time
	minute     map[missions.Happening]float64

	latest  *missions.Sample // what was gained since the latest sample; nil before the first
	windows missions.WindowSums
}

// errStatistics is for counters that no script of ours has written so.
var errStatistics = errors.New("the statistics are damaged")

func (t *statistics) add(said []any) error {
	now := moment(text(said[0]))
	t.stats.LastUpdated = max(t.stats.LastUpdated, now)
	counts := hash(said[1])
	for field, n := range counts {
		digit, kind, _ := strings.Cut(field, ":")
		status, known := pick(statuses, digit)
		count, err := strconv.ParseInt(n, 10, 64)
		if !known || err != nil {
			return fmt.Errorf("%w: the counter %q is %q", errStatistics, field, n)
		}
		t.stats.ByStatus[status] += count
		t.stats.ByType[kind] += count
	}
	for field, n := range hash(said[2]) {
		if err := addField(&t.run, &t.queue, field, n); err != nil {
			return err
		}
	}
	if oldest := moment(text(said[3])); oldest != 0 && (t.oldest == 0 || oldest < t.oldest) {
		t.oldest = oldest
	}
	// Of the minute before this one counts what still lies within sixty seconds.
	within := 1 - float64(int64(now)%60e6)/60e6
	for i, n := range texts(said[4]) {
		weight := 1.0
		if i%2 == 1 {
			weight = within
		}
		t.minute[missions.Happenings()[i/2]] += weight * float64(number(n))
	}
	if ready := moment(text(said[5])); ready != 0 && (t.ready == 0 || ready < t.ready) {
		t.ready = ready
	}
	return nil
}

// addField adds a field of a histograms' hash, as lua/lib/tally.lua names it. Seconds are
// microseconds until all is added, so that their sum is exact.
func addField(run, queue *missions.Histogram, field, value string) error {
	h, bucket := run, strings.TrimPrefix(field, "r")
	if rest, ok := strings.CutPrefix(field, "q"); ok {
		h, bucket = queue, rest
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || bucket == field {
		return fmt.Errorf("%w: the field %q is %q", errStatistics, field, value)
	}
	if bucket == "s" {
		h.Seconds += float64(n)
		return nil
	}
	place, err := strconv.Atoi(bucket)
	if err != nil {
		return fmt.Errorf("%w: the field %q is %q", errStatistics, field, value)
	}
	h.Buckets[place] += n
	h.Count += n
	return nil
}

func (t *statistics) total() missions.Stats {
	stats := t.stats
	counts := missions.Counts{ByStatus: stats.ByStatus}
	stats.Total, stats.SuccessRate = counts.Total(), counts.SuccessRate()
	t.run.Seconds, t.queue.Seconds = t.run.Seconds/1e6, t.queue.Seconds/1e6
	stats.Duration, stats.Queue = t.run.Distribution(), t.queue.Distribution()
	if t.oldest != 0 {
		age := max(0, stats.LastUpdated.Sub(t.oldest).Seconds())
		stats.OldestPendingSeconds = &age
	}
	if t.ready != 0 {
		age := max(0, stats.LastUpdated.Sub(t.ready).Seconds())
		stats.OldestClaimableSeconds = &age
	}
	if t.latest != nil {
		stats.Windows = missions.WindowsOf(&t.windows, t.latest)
	}
	stats.PerMinute = make(map[missions.Happening]int64, len(t.minute))
	for what, n := range t.minute {
		stats.PerMinute[what] = int64(math.Round(n))
	}
	return stats
}
