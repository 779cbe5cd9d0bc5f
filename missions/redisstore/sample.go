package redisstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"missioncontrol/missions"
)

// Sample implements [missions.Statistics]: each partition takes its own, by its own clock.
func (s *scripted) Sample(ctx context.Context) (missions.Time, error) {
	var at missions.Time
	err := s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		answer, err := p.call(ctx, scripts.sample, missions.MaxSampledTypes)
		if p.number == 0 {
			at = moment(text(answer))
		}
		return err
	})
	return at, err
}

// addSamples adds what stats.lua says of a partition's samples, had being what they have
// summed up to as of the sample that it was told of.
func (t *statistics) addSamples(p *oldPartition, kind string, had *missions.WindowSums, said []any) error {
	if len(said) == 0 {
		return nil
	}
	latest, err := sample(text(said[0]), text(said[1]))
	if err != nil {
		return err
	}
	if len(said) > 2 {
		short, err := samples(said[2])
		if err != nil {
			return err
		}
		long, err := samples(said[3])
		if err != nil {
			return err
		}
		sums := missions.SumWindows(latest.Since, short, long)
		had = &sums
		p.sums.Put(kind, had, latest.Since)
	}
	if t.latest == nil {
		t.latest, t.windows = &latest, missions.SumWindows(latest.Since, nil, nil)
	} else {
		t.latest.Add(&latest)
	}
	t.windows.Add(had)
	return nil
}

func samples(said any) (list []missions.Sample, err error) {
	slots := texts(said)
	for i := 0; i+1 < len(slots); i += 2 {
		s, err := sample(slots[i], slots[i+1])
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// sample reads a gain as lua/lib/sample.lua writes it.
func sample(since, gain string) (missions.Sample, error) {
	s := missions.NewSample(moment(since))
	for word := range strings.FieldsSeq(gain) {
		field, n, _ := strings.Cut(word, "=")
		if what, known := pick(missions.Happenings(), field); known {
			s.Happened[what] += number(n)
		} else if err := addField(&s.Run, &s.Queue, field, n); err != nil {
			return s, err
		}
	}
	s.Run.Seconds, s.Queue.Seconds = s.Run.Seconds/1e6, s.Queue.Seconds/1e6
	return s, nil
}

// minutesAtOnce is how many minutes one script reads, so that none takes long.
const minutesAtOnce = 240

// History implements [missions.Statistics].
func (s *scripted) History(ctx context.Context, kind string, minutes int) ([]missions.Minute, error) {
	now, err := s.Now(ctx)
	if err != nil {
		return nil, err
	}
	first := int64(now)/int64(time.Minute/time.Microsecond) - int64(minutes) + 1
	h := history{minutes: make([]missions.Minute, minutes), known: make([]int, minutes)}
	for i := range h.minutes {
		h.minutes[i].At = missions.Time((first + int64(i)) * int64(time.Minute/time.Microsecond))
	}
	err = s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		for from := 0; from < minutes; from += minutesAtOnce {
			answer, err := p.call(ctx, scripts.history, kind, first+int64(from), min(minutesAtOnce, minutes-from))
			if err != nil {
				return err
			}
			h.add(from, items(answer))
		}
		return nil
	})
	return h.total(len(s.partitions)), err
}

// history sums up what the partitions say.
type history struct {
	mu      sync.Mutex
	minutes []missions.Minute
	known   []int // of how many partitions it is known how many missions they had
}

// add adds what history.lua says of the minutes from one on.
func (h *history) add(from int, said []any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	figures := texts(said[2])
	for i := from; len(figures) >= 7; i++ {
		m := &h.minutes[i]
		for place, what := range missions.Happenings() {
			m.Count(what, number(figures[place]))
		}
		pending, running := figures[5], figures[6]
		if i == len(h.minutes)-1 { // it has not ended yet
			pending, running = text(said[0]), text(said[1])
		}
		if pending != "" {
			h.known[i]++
			m.Pending, m.Running = plus(m.Pending, number(pending)), plus(m.Running, number(running))
		}
		figures = figures[7:]
	}
}

func plus(sum *int64, n int64) *int64 {
	if sum != nil {
		n += *sum
	}
	return &n
}

// total returns the minutes. What is not known of every partition is not known.
func (h *history) total(partitions int) []missions.Minute {
	for i := range h.minutes {
		if h.known[i] < partitions {
			h.minutes[i].Pending, h.minutes[i].Running = nil, nil
		}
	}
	return h.minutes
}

// Unserved implements [missions.Statistics].
func (s *scripted) Unserved(ctx context.Context) (map[string]int64, error) {
	var mu sync.Mutex
	byType, claimable := map[string]int64{}, map[string]bool{}
	err := s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		answer, err := p.call(ctx, scripts.unserved)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		said := texts(answer)
		for i := 0; i+2 < len(said); i += 3 {
			byType[said[i]] += number(said[i+1])
			claimable[said[i]] = claimable[said[i]] || said[i+2] == "1"
		}
		return nil
	})
	maps.DeleteFunc(byType, func(kind string, _ int64) bool { return !claimable[kind] })
	if len(byType) > missions.MaxSampledTypes {
		most := slices.SortedFunc(maps.Keys(byType), func(a, b string) int { return cmp.Compare(byType[b], byType[a]) })
		for _, kind := range most[missions.MaxSampledTypes:] {
			delete(byType, kind)
		}
	}
	return byType, err
}
