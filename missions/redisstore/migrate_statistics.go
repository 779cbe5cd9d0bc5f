package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// oldTotals are the counters of all partitions, by type.
type oldTotals map[string]*oldTotal

type oldTotal struct {
	byStatus     [5]int64
	now, sampled oldSums
}

func (t oldTotals) of(name string) *oldTotal {
	if t[name] == nil {
		t[name] = &oldTotal{now: oldSums{}, sampled: oldSums{}}
	}
	return t[name]
}

func (m *migration) shareTotals(ctx context.Context) error {
	totals := oldTotals{}
	if err := m.shareCounts(ctx, totals); err != nil {
		return err
	}
	if err := m.addHistograms(ctx, totals); err != nil {
		return err
	}
	all := totals.of("") // there is no data set without totals
	agents, slots, err := m.present(ctx)
	if err != nil {
		return err
	}
	var words []any
	for name, t := range totals {
		e := engine.Totals{ByStatus: t.byStatus, Run: t.now.histogram("r"), Queue: t.now.histogram("q"),
			SampledRun: t.sampled.histogram("r"), SampledQueue: t.sampled.histogram("q")}
		if t == all {
			e.Agents, e.Slots = agents, slots
		}
		words = append(words, name, e.Encode(nil))
	}
	return m.setFields(ctx, "totals", words)
}

// shareCounts writes how many missions there are: in partition 0 of all, in another of its own.
func (m *migration) shareCounts(ctx context.Context, totals oldTotals) error {
	everywhere := map[string]int64{}
	for _, part := range slices.Backward(m.partitions) {
		here, err := m.oldCounts(ctx, part)
		if err != nil {
			return err
		}
		for count, n := range here {
			status, name, _ := strings.Cut(count, ":")
			place := missions.Status(status).Index()
			everywhere[count] += n
			totals.of(name).byStatus[place] += n
			totals.of("").byStatus[place] += n
		}
		if part.number == 0 {
			here = everywhere
		}
		if err := m.setCounts(ctx, part, here); err != nil {
			return err
		}
	}
	return nil
}

// oldCounts reads how many missions of a partition there are, by STATUS:TYPE.
func (m *migration) oldCounts(ctx context.Context, part *oldPart) (map[string]int64, error) {
	counted, err := m.client.HGetAll(ctx, part.key("ct")).Result()
	if err != nil {
		return nil, err
	}
	here := map[string]int64{}
	for field, n := range counted {
		digit, name, _ := strings.Cut(field, ":")
		status := oldDigit(statuses, digit)
		if status == "" || name == "" {
			return nil, fmt.Errorf("the counter %q of schema 3: %w", field, errOldDamaged)
		}
		here[string(status)+":"+name] += number(n)
	}
	return here, nil
}

func (m *migration) setCounts(ctx context.Context, part *oldPart, counts map[string]int64) error {
	var fields []any
	for count, n := range counts {
		fields = append(fields, count, n)
	}
	return m.setFieldsOf(ctx, part, "counts", fields)
}

// shareLost writes what the first step has written beside partition 0, where it may be lost: where
// what it read has not been deleted after it.
func (m *migration) shareLost(ctx context.Context) error {
	for _, part := range m.partitions[1:] {
		counts, err := m.oldCounts(ctx, part)
		if err == nil {
			err = m.setCounts(ctx, part, counts)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// addHistograms adds the histograms of all types, and what they were at the latest sample. What a
// type has of which there is no sample yet is no gain of the next one.
func (m *migration) addHistograms(ctx context.Context, totals oldTotals) error {
	sampled := make([]map[string]string, len(m.partitions))
	for i, part := range m.partitions {
		var err error
		if sampled[i], err = m.client.HGetAll(ctx, part.key("hs")).Result(); err != nil {
			return err
		}
	}
	seen := map[oldKey]bool{}
	return m.each(ctx, "h:", func(ctx context.Context, keys []oldKey) error {
		keys = slices.DeleteFunc(keys, func(k oldKey) bool { return seen[k] })
		fields := make([]*redis.MapStringStringCmd, len(keys))
		err := m.ask(ctx, func(p redis.Pipeliner) {
			for i, k := range keys {
				fields[i] = p.HGetAll(ctx, m.prefix(k.partition)+k.name)
			}
		})
		if err != nil {
			return err
		}
		for i, k := range keys {
			seen[k] = true
			name, of := strings.TrimPrefix(k.name, "h:"), sampled[k.partition]
			gain, known := of[name]
			if err := totals.of(name).add(fields[i].Val(), gain, len(of) > 0 && !known); err != nil {
				return err
			}
		}
		return nil
	})
}

// add adds a partition's histograms, and what a sample knows of them.
func (t *oldTotal) add(histograms map[string]string, gain string, unknown bool) error {
	for field, n := range histograms {
		if err := t.now.add(field, n); err != nil {
			return err
		}
		if unknown {
			if err := t.sampled.add(field, n); err != nil {
				return err
			}
		}
	}
	return t.sampled.addGain(gain)
}

// sharePoints writes what is known of the latest minutes. Older ones expire by themselves.
func (m *migration) sharePoints(ctx context.Context) error {
	now, err := m.client.Time(ctx).Result()
	if err != nil {
		return err
	}
	minute := now.Add(m.cfg.Ahead()).Unix() / 60
	for _, of := range []struct {
		series   engine.Series
		key      string
		from, to int64
		convert  func([]map[string]string) (map[engine.PointKey]engine.Point, error)
	}{
		{engine.Minutes, "n:", minute - missions.MaxHistory - 60, minute + 1, oldMinute},
		{engine.ShortSamples, "s:1:", minute - 70, minute + 1, oldSamples(engine.ShortSamples)},
		{engine.LongSamples, "s:10:", minute/10 - 160, minute/10 + 1, oldSamples(engine.LongSamples)},
	} {
		atOnce := max(1, m.most.slots/int64(len(m.partitions)))
		for from := of.from; from <= of.to; from += atOnce {
			if err := m.hold(ctx); err != nil {
				return err
			}
			slots, err := m.oldSlots(ctx, of.key, from, min(atOnce, of.to-from+1))
			if err != nil {
				return err
			}
			for i, slot := range slots {
				points, err := of.convert(slot)
				if err == nil {
					err = m.sharePointsOf(ctx, from+int64(i), points)
				}
				if err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// oldSlots reads the hashes of n slots, each of all partitions.
func (m *migration) oldSlots(ctx context.Context, key string, from, n int64) ([][]map[string]string, error) {
	said := make([]*redis.MapStringStringCmd, 0, int(n)*len(m.partitions))
	err := m.ask(ctx, func(p redis.Pipeliner) {
		for slot := from; slot < from+n; slot++ {
			for _, part := range m.partitions {
				said = append(said, p.HGetAll(ctx, part.key(key, decimal(slot))))
			}
		}
	})
	if err != nil {
		return nil, err
	}
	slots := make([][]map[string]string, n)
	for i := range said {
		slot := i / len(m.partitions)
		slots[slot] = append(slots[slot], said[i].Val())
	}
	return slots, nil
}

// sharePointsOf writes the points of a slot, of which keys have no slot.
func (m *migration) sharePointsOf(ctx context.Context, slot int64, points map[engine.PointKey]engine.Point) error {
	words := map[engine.Series][]any{}
	for key, point := range points {
		words[key.Series] = append(words[key.Series], key.Type, point.Encode(nil))
	}
	for series, fields := range words {
		of := decimal(int64(series))
		if err := m.setFields(ctx, "p:"+of+":"+decimal(slot), fields); err != nil {
			return err
		}
		err := m.write(ctx, 0, func(p redis.Pipeliner) {
			p.ZAdd(ctx, m.partitions[0].key("slots:", of), redis.Z{Score: float64(slot), Member: decimal(slot)})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// oldMinute converts a minute: what happened, and how many missions there were at its end, unless
// a partition does not know.
func oldMinute(partitions []map[string]string) (map[engine.PointKey]engine.Point, error) {
	sums, gauges, known := map[string]oldSums{}, map[string]*engine.Point{"": {}}, true
	for _, fields := range partitions {
		_, sampled := fields["P"]
		known = known && sampled
		for field, n := range fields {
			what, name, _ := strings.Cut(field, ":")
			if gauges[name] == nil && (what == "P" || what == "R") {
				gauges[name] = &engine.Point{}
			}
			switch what {
			case "P":
				gauges[name].Pending += number(n)
			case "R":
				gauges[name].Running += number(n)
			default:
				if sums[name] == nil {
					sums[name] = oldSums{}
				}
				if err := sums[name].add(what, n); err != nil {
					return nil, err
				}
			}
		}
	}
	points := map[engine.PointKey]engine.Point{}
	for name, s := range sums {
		points[engine.PointKey{Series: engine.Minutes, Type: name}] = engine.Point{Happened: s.happened()}
	}
	for name, p := range gauges {
		if known {
			points[engine.PointKey{Series: engine.Gauges, Type: name}] = *p
		}
	}
	return points, nil
}

// oldSamples converts what a slot of samples gained, since the first of them.
func oldSamples(series engine.Series) func([]map[string]string) (map[engine.PointKey]engine.Point, error) {
	return func(partitions []map[string]string) (map[engine.PointKey]engine.Point, error) {
		sums, since := map[string]oldSums{}, missions.Time(0)
		for _, fields := range partitions {
			began, sampled := fields["@"]
			if !sampled {
				continue
			}
			if at := moment(began); since == 0 || at < since {
				since = at
			}
			if sums[""] == nil { // there is a sample of all types, whatever was gained
				sums[""] = oldSums{}
			}
			for name, gain := range fields {
				if name == "@" {
					continue
				}
				if sums[name] == nil {
					sums[name] = oldSums{}
				}
				if err := sums[name].addGain(gain); err != nil {
					return nil, err
				}
			}
		}
		points := map[engine.PointKey]engine.Point{}
		for name, s := range sums {
			points[engine.PointKey{Series: series, Type: name}] = engine.Point{
				Since: since, Happened: s.happened(), Run: s.histogram("r"), Queue: s.histogram("q")}
		}
		return points, nil
	}
}
