package engine

import (
	"maps"
	"math"
	"slices"

	"missioncontrol/missions"
)

// Counts returns the counters. See [missions.Statistics].
func (e *Engine) Counts() missions.Counts {
	if all := e.byType[""]; all != nil {
		return all.Counts()
	}
	return (&Totals{}).Counts()
}

// Counts returns the counters of the sum over all types. See [missions.Statistics].
func (all *Totals) Counts() missions.Counts {
	return missions.Counts{
		ByStatus: all.byStatus(), Agents: all.Agents, Slots: all.Slots,
		CompletedRuns: all.Run.Count, CompletedSeconds: float64(all.Run.Micros) / 1e6,
		Waiting: all.Waiting, Usage: all.Usage,
	}
}

// History is what the backend knows of a type, for [Engine.Stats].
type History struct {
	Oldest  missions.Time            // creation of the oldest PENDING mission; 0 if there is none
	Fronts  map[string]missions.Time // of the types that PendingTypes returns, see Backend
	Windows *missions.WindowSums     // as of the latest sample
	Sets    [][]string               // what SetsOfStatistics says; nil for one type

	SignalWait, UsageRatio *float64
	UsageMission           string
}

// Stats returns the statistics of a type, or of all ("") at a time. See
// [missions.Statistics].
func (e *Engine) Stats(missionType string, now missions.Time, history *History) missions.Stats {
	t := e.byType[missionType]
	if t == nil {
		t = &Totals{}
	}
	counts := missions.Counts{ByStatus: t.byStatus()}
	stats := missions.Stats{
		Total: counts.Total(), ByStatus: counts.ByStatus, ByType: map[string]int64{}, SuccessRate: counts.SuccessRate(),
		Duration: t.Run.public().Distribution(), Queue: t.Queue.public().Distribution(),
		OldestClaimableSeconds: longest(e.laneFronts(missionType, history.Fronts), now),
		PerMinute:              e.perMinute(missionType, now), LastUpdated: now,
	}
	for name, of := range e.byType {
		n := missions.Counts{ByStatus: of.byStatus()}.Total()
		if name != "" && n > 0 && (missionType == "" || name == missionType) {
			stats.ByType[name] = n
		}
	}
	if history.Oldest != 0 {
		age := max(0, now.Sub(history.Oldest).Seconds())
		stats.OldestPendingSeconds = &age
	}
	if len(history.Sets) == len(SetsOfStatistics()) {
		history.fromSets(history.Sets[0], history.Sets[1], now)
	}
	stats.OldestSignalWaitSeconds, stats.Usage = history.SignalWait, t.Usage
	stats.HighestUsageRatio, stats.HighestUsageMission = history.UsageRatio, history.UsageMission
	stats.Waiting = map[missions.WaitKind]int64{}
	for i, kind := range missions.WaitKinds() {
		stats.Waiting[kind] = t.Waiting[i]
	}
	stats.Waiting[missions.WaitLimit] = e.heldOf(missionType)
	if e.marks.Sampled != 0 {
		stats.Windows = e.windows(missionType, now, history)
	}
	return stats
}

// windows returns the windows of a type.
func (e *Engine) windows(missionType string, now missions.Time, history *History) missions.Windows {
	last := e.marks.Sampled
	latest := missions.NewSample(last)
	from := max(minuteOf(last), minuteOf(now)-mostMinutes)
	for i, n := range e.happenedIn(missionType, from, minuteOf(now)+1) {
		latest.Happened[missions.Happenings()[i]] += n
	}
	latest.Usage = e.spentIn(missionType, from, minuteOf(now)+1)
	if t := e.byType[missionType]; t != nil {
		run, queue := t.Run.since(&t.SampledRun), t.Queue.since(&t.SampledQueue)
		latest.Run, latest.Queue = run.public(), queue.public()
	}
	return missions.WindowsOf(history.Windows, &latest)
}

// RunTimes returns the run times of a type between samples and, as the last one, those since
// the latest sample. Samples of all types tell when they were taken, and those of the type
// what it gained; the latter exist only where there is something.
func (e *Engine) RunTimes(missionType string, now, begin missions.Time, series Series, all, of map[int64]Point) []missions.RunTimes {
	list := []missions.RunTimes{}
	if e.marks.Sampled == 0 {
		return list
	}
	var latest Histogram
	if t := e.byType[missionType]; t != nil {
		latest = t.Run.since(&t.SampledRun)
	}
	slots := slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(slot int64) bool { return all[slot].Since < begin })
	since, current := e.marks.Sampled, minuteOf(now)/slotMinutes[series].length
	for i, slot := range slots {
		run, to := of[slot].Run, e.marks.Sampled
		if i+1 < len(slots) {
			to = all[slots[i+1]].Since
		}
		if series == LongSamples && slot == current { // it goes on
			since, latest = all[slot].Since, sum(&run, &latest)
			break
		}
		list = append(list, missions.RunTimesOf(all[slot].Since, to, run.public()))
	}
	return append(list, missions.RunTimesOf(since, max(now, since), latest.public()))
}

// SumWindows sums up the points of a type's samples, as of the latest one.
func SumWindows(sampled missions.Time, short, long map[int64]Point) *missions.WindowSums {
	sums := missions.SumWindows(sampled, samples(short), samples(long))
	return &sums
}

func samples(points map[int64]Point) []missions.Sample {
	list := make([]missions.Sample, 0, len(points))
	for _, slot := range slices.Sorted(maps.Keys(points)) {
		point := points[slot]
		sample := missions.NewSample(point.Since)
		for i, what := range missions.Happenings() {
			sample.Happened[what] = point.Happened[i]
		}
		sample.Usage = point.Usage
		sample.Run, sample.Queue = point.Run.public(), point.Queue.public()
		list = append(list, sample)
	}
	return list
}

// perMinute returns what happened within the last minute: all of this minute so far, and of
// the one before as much as lies within sixty seconds.
func (e *Engine) perMinute(missionType string, now missions.Time) map[missions.Happening]int64 {
	minute := minuteOf(now)
	within := 1 - float64(int64(now)%60e6)/60e6
	this, before := e.points[PointKey{Minutes, missionType, minute}], e.points[PointKey{Minutes, missionType, minute - 1}]
	rates := make(map[missions.Happening]int64, len(missions.Happenings()))
	for i, what := range missions.Happenings() {
		rates[what] = int64(math.Round(float64(this.Happened[i]) + within*float64(before.Happened[i])))
	}
	return rates
}

// PendingTypes returns the types that have PENDING missions: of all, or the one.
func (e *Engine) PendingTypes(missionType string) (types []string) {
	for name, t := range e.byType {
		if name != "" && t.ByStatus[missions.Pending.Index()] > 0 && (missionType == "" || name == missionType) {
			types = append(types, name)
		}
	}
	slices.Sort(types)
	return types
}

// longest returns for how long the first missions in line have been claimable, the longest of
// them; nil if there are none.
func longest(fronts map[string]missions.Time, now missions.Time) *float64 {
	oldest := missions.Time(math.MaxInt64)
	for _, since := range fronts {
		oldest = min(oldest, since)
	}
	if oldest == math.MaxInt64 {
		return nil
	}
	age := max(0, now.Sub(oldest).Seconds())
	return &age
}

// Unserved returns the PENDING missions of types that no online agent serves. See
// [missions.Statistics]. fronts are those of all PendingTypes.
func (e *Engine) Unserved(fronts map[string]missions.Time) map[string]int64 {
	served := map[string]bool{}
	for _, a := range e.agents {
		if a.State == missions.Online {
			for _, name := range a.Types {
				served[name] = true
			}
		}
	}
	unserved := map[string]int64{}
	for _, name := range e.PendingTypes("") {
		if _, claimable := fronts[name]; claimable && !served[name] && len(unserved) < missions.MaxSampledTypes {
			unserved[name] = e.pendingOf(name)
		}
	}
	for _, l := range e.lanes {
		if l.ready > 0 && !e.isServed(l) && len(unserved) < missions.MaxSampledTypes {
			unserved[l.Type] += l.pending
		}
	}
	return unserved
}

// LatestMinute returns what is known of a type in the current minute, for the last one of a
// history.
func (e *Engine) LatestMinute(missionType string) (pending, running int64) {
	t := e.byType[missionType]
	if t == nil {
		return 0, 0
	}
	return t.ByStatus[missions.Pending.Index()], t.ByStatus[missions.Running.Index()]
}
