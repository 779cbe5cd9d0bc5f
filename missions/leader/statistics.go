package leader

import (
	"cmp"
	"context"
	"maps"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Counts implements [missions.Statistics]: as of the latest commit.
func (r reads) Counts(ctx context.Context) (missions.Counts, error) {
	counts, _, err := r.by.overview(ctx)
	return counts, err
}

// Stats implements [missions.Statistics].
func (r reads) Stats(ctx context.Context, missionType string) (stats missions.Stats, err error) {
	for {
		history, sampled, err := r.past(ctx, missionType)
		if err != nil {
			return stats, err
		}
		again := false
		err = r.by.look(ctx, func(e *engine.Engine) {
			if again = e.Marks().Sampled != sampled; !again { // else a sample was taken meanwhile
				stats = e.Stats(missionType, e.Now(), history)
			}
		})
		if err != nil || !again {
			return stats, err
		}
	}
}

// past returns what the backend knows of a type, as of the latest sample.
func (r reads) past(ctx context.Context, missionType string) (h *engine.History, sampled missions.Time, err error) {
	var types []string
	err = r.by.look(ctx, func(e *engine.Engine) { types, sampled = e.PendingTypes(missionType), e.Marks().Sampled })
	if err != nil {
		return nil, 0, err
	}
	h, err = read(ctx, r.by, func() (*engine.History, error) {
		var h engine.History
		var err error
		if h.Oldest, err = r.backend.Oldest(ctx, missionType); err != nil {
			return nil, err
		}
		if h.Fronts, err = r.backend.Fronts(ctx, types); err != nil {
			return nil, err
		}
		if missionType == "" {
			if h.Sets, err = r.backend.Members(ctx, engine.SetsOfStatistics()); err != nil {
				return nil, err
			}
		}
		h.Windows, err = r.windows(ctx, missionType, sampled)
		return &h, err
	})
	return h, sampled, err
}

// windows returns a type's window sums as of the latest sample.
func (r reads) windows(ctx context.Context, missionType string, sampled missions.Time) (*missions.WindowSums, error) {
	if sums, at := r.sums.Get(missionType); sums != nil && at == sampled {
		return sums, nil
	}
	short, err := r.backend.Points(ctx, engine.ShortSamples, missionType, 0)
	if err != nil {
		return nil, err
	}
	long, err := r.backend.Points(ctx, engine.LongSamples, missionType, 0)
	if err != nil {
		return nil, err
	}
	sums := engine.SumWindows(sampled, short, long)
	r.sums.Put(missionType, sums, sampled)
	return sums, nil
}

// Unserved implements [missions.Statistics].
func (r reads) Unserved(ctx context.Context) (byType map[string]int64, err error) {
	var types []string
	if err := r.by.look(ctx, func(e *engine.Engine) { types = e.PendingTypes("") }); err != nil {
		return nil, err
	}
	fronts, err := read(ctx, r.by, func() (map[string]missions.Time, error) { return r.backend.Fronts(ctx, types) })
	if err != nil {
		return nil, err
	}
	err = r.by.look(ctx, func(e *engine.Engine) { byType = e.Unserved(fronts) })
	return byType, err
}

// Queues implements [missions.Statistics].
func (r reads) Queues(ctx context.Context) (queues missions.Queues, err error) {
	var types []string
	if err := r.by.look(ctx, func(e *engine.Engine) { types = e.PendingTypes("") }); err != nil {
		return queues, err
	}
	all := false
	docs := engine.KeyDocs{}
	fronts, err := read(ctx, r.by, func() (map[string]missions.Time, error) {
		if all, err = r.keys(ctx, docs); err != nil {
			return nil, err
		}
		return r.backend.Fronts(ctx, types)
	})
	if err != nil {
		return queues, err
	}
	var wrong error
	err = r.by.look(ctx, func(e *engine.Engine) { queues, wrong = e.Queues(fronts, docs, all) })
	return queues, cmp.Or(err, wrong)
}

// keys reads the documents of missions with keys, up to [missions.MaxKeysOfQueues], and of those without one. It reports
// whether these are all.
func (r reads) keys(ctx context.Context, docs engine.KeyDocs) (all bool, err error) {
	keys := 0
	for after := engine.NextKeys(""); keys < missions.MaxKeysOfQueues; {
		lists, err := r.backend.Members(ctx, []engine.Range{after})
		if err != nil || len(lists[0]) == 0 {
			return true, err
		}
		found, err := r.backend.Docs(ctx, lists[0])
		if err != nil {
			return false, err
		}
		maps.Copy(docs, found)
		for _, name := range lists[0] {
			if engine.OfKey(name) {
				keys++
			}
		}
		if len(lists[0]) < after.Limit {
			return true, nil
		}
		after = engine.NextKeys(lists[0][len(lists[0])-1])
	}
	return false, nil
}

// History implements [missions.Statistics].
func (r reads) History(ctx context.Context, missionType string, minutes int) ([]missions.Minute, error) {
	var pending, running int64
	var now missions.Time
	err := r.by.look(ctx, func(e *engine.Engine) {
		now = e.Now()
		pending, running = e.LatestMinute(missionType)
	})
	if err != nil {
		return nil, err
	}
	return read(ctx, r.by, func() ([]missions.Minute, error) {
		return r.history(ctx, missionType, int64(now)/60e6, minutes, pending, running)
	})
}

// RunTimes implements [missions.Statistics].
func (r reads) RunTimes(ctx context.Context, missionType string, minutes int) (list []missions.RunTimes, err error) {
	series, sample := engine.ShortSamples, missions.ShortSample
	if minutes > missions.MaxShortRunTimes {
		series, sample = engine.LongSamples, missions.LongSample
	}
	for {
		var sampled, now missions.Time
		if err := r.by.look(ctx, func(e *engine.Engine) { sampled, now = e.Marks().Sampled, e.Now() }); err != nil {
			return nil, err
		}
		begin := missions.Time((int64(now)/60e6 - int64(minutes) + 1) * 60e6).Add(-sample / 2)
		all, of, err := r.samples(ctx, series, missionType)
		if err != nil {
			return nil, err
		}
		again := false
		err = r.by.look(ctx, func(e *engine.Engine) {
			if again = e.Marks().Sampled != sampled; !again { // else a sample was taken meanwhile
				list = e.RunTimes(missionType, e.Now(), begin, series, all, of)
			}
		})
		if err != nil || !again {
			return list, err
		}
	}
}

// samples returns the samples of all types, and those of one.
func (r reads) samples(ctx context.Context, series engine.Series, missionType string) (all, of map[int64]engine.Point, err error) {
	points := func(missionType string) (map[int64]engine.Point, error) {
		return read(ctx, r.by, func() (map[int64]engine.Point, error) { return r.backend.Points(ctx, series, missionType, 0) })
	}
	if all, err = points(""); err != nil || missionType == "" {
		return all, all, err
	}
	of, err = points(missionType)
	return all, of, err
}

// history returns the minutes up to one that has not ended.
func (r reads) history(ctx context.Context, missionType string, last int64, minutes int, pending, running int64) ([]missions.Minute, error) {
	first := last - int64(minutes) + 1
	happened, err := r.backend.Points(ctx, engine.Minutes, missionType, first)
	if err != nil {
		return nil, err
	}
	of, err := r.backend.Points(ctx, engine.Gauges, missionType, first)
	if err != nil {
		return nil, err
	}
	all, err := r.backend.Points(ctx, engine.Gauges, "", first)
	if err != nil {
		return nil, err
	}
	history := make([]missions.Minute, minutes)
	for i := range history {
		minute, m := first+int64(i), &history[i]
		m.At = missions.Time(minute * 60e6)
		for place, n := range happened[minute].Happened {
			m.Count(missions.Happenings()[place], n)
		}
		m.Usage = happened[minute].Usage
		if _, sampled := all[minute]; sampled { // a type without missions has no point
			gauge := of[minute]
			m.Pending, m.Running = &gauge.Pending, &gauge.Running
		}
	}
	history[minutes-1].Pending, history[minutes-1].Running = &pending, &running
	return history, nil
}
