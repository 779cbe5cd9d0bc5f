package engine

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
)

// slotMinutes are the minutes that a slot of a series of samples covers, and how many of
// them are kept.
var slotMinutes = map[Series]struct{ length, keep int64 }{
	ShortSamples: {minutesIn(missions.ShortSample), minutesIn(missions.KeepShortSamples)},
	LongSamples:  {minutesIn(missions.LongSample), minutesIn(missions.KeepLongSamples)},
}

func minutesIn(d time.Duration) int64 { return int64(d / time.Minute) }

const (
	// mostMinutes bounds how many minutes one sample catches up on. Windows have no use
	// for a longer sample.
	mostMinutes = 60

	// endOfMinute is how soon after the end of a minute a sample tells how many missions
	// there were at its end.
	endOfMinute = 30 * time.Second
)

// Sample takes a sample of the statistics. See [missions.Statistics].
func (e *Engine) Sample() missions.Time {
	last := e.marks.Sampled
	if last == 0 {
		for name := range e.byType { // what there was before is nobody's gain
			e.sampled(name)
		}
	} else {
		e.sample(last)
	}
	e.gauge()
	minute := minuteOf(e.now)
	for series, slots := range slotMinutes {
		e.changes.Before[series] = (minute - slots.keep) / slots.length
	}
	e.changes.Before[Gauges] = minute - missions.MaxHistory
	e.marks.Sampled = e.now
	e.changes.marked = true
	return e.now
}

// sampled notes that a type's histograms were sampled.
func (e *Engine) sampled(missionType string) {
	t := e.totals(missionType)
	t.SampledRun, t.SampledQueue = t.Run.clone(), t.Queue.clone()
}

// sample stores what was gained since the latest sample. Happenings are counted in whole
// minutes: those of the current minute are the next sample's.
func (e *Engine) sample(last missions.Time) {
	minute := minuteOf(e.now)
	from := max(minuteOf(last), minute-mostMinutes)
	for _, name := range e.busy(from) {
		happened, spent := e.happenedIn(name, from, minute), e.spentIn(name, from, minute)
		t := e.totals(name)
		run, queue := t.Run.since(&t.SampledRun), t.Queue.since(&t.SampledQueue)
		for _, series := range []Series{ShortSamples, LongSamples} {
			e.point(PointKey{series, name, minute / slotMinutes[series].length}, func(p *Point) {
				if p.Since == 0 {
					p.Since = last
				}
				p.Run, p.Queue = p.Run.clone(), p.Queue.clone() // the backend has the old ones
				p.Run.merge(&run)
				p.Queue.merge(&queue)
				p.Usage = p.Usage.Plus(spent)
				for i, n := range happened {
					p.Happened[i] += n
				}
			})
		}
		e.sampled(name)
	}
}

// busy returns the types of which anything happened from a minute on: of many, the busiest;
// and "" for all types.
func (e *Engine) busy(from int64) []string {
	sums := map[string]int64{}
	for key, point := range e.points {
		if key.Series == Minutes && key.Type != "" && key.Slot >= from {
			for _, n := range point.Happened {
				sums[key.Type] += n
			}
			if len(point.Usage) > 0 {
				sums[key.Type]++
			}
		}
	}
	names := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), cmp.Compare(a, b))
	})
	return append(names[:min(len(names), missions.MaxSampledTypes)], "")
}

// happenedIn returns what happened to a type from one minute on and before another.
func (e *Engine) happenedIn(missionType string, from, before int64) (sum [5]int64) {
	for minute := from; minute < before; minute++ {
		point := e.points[PointKey{Minutes, missionType, minute}]
		for i, n := range point.Happened {
			sum[i] += n
		}
	}
	return sum
}

// spentIn returns what missions of a type have used from one minute on and before another.
func (e *Engine) spentIn(missionType string, from, before int64) (sum missions.Usage) {
	for minute := from; minute < before; minute++ {
		sum = sum.Plus(e.points[PointKey{Minutes, missionType, minute}].Usage)
	}
	return sum
}

// gauge notes how many missions there are, as those at the end of the minute before.
func (e *Engine) gauge() {
	minute := minuteOf(e.now)
	if e.now.Sub(missions.Time(minute*60e6)) >= endOfMinute {
		return
	}
	noted := 0
	for _, name := range slices.Sorted(maps.Keys(e.byType)) {
		t := e.byType[name]
		pending, running := t.ByStatus[missions.Pending.Index()], t.ByStatus[missions.Running.Index()]
		if name != "" && (pending+running == 0 || noted == missions.MaxSampledTypes) {
			continue
		}
		if name != "" {
			noted++
		}
		e.point(PointKey{Gauges, name, minute - 1}, func(p *Point) { p.Pending, p.Running = pending, running })
	}
	e.point(PointKey{Gauges, "", minute - 1}, func(*Point) {})
}

// forgetPoints forgets points that no new point continues.
func (e *Engine) forgetPoints() {
	minute := minuteOf(e.now)
	if e.pruned == minute {
		return
	}
	e.pruned = minute
	for key := range e.points {
		stale := key.Slot < minute-mostMinutes-2
		if slots, sampled := slotMinutes[key.Series]; sampled {
			stale = key.Slot < minute/slots.length
		}
		if stale || key.Series == Gauges {
			delete(e.points, key)
		}
	}
}
