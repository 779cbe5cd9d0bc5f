package engine

import (
	"slices"
	"time"

	"missioncontrol/missions"
)

// Totals are the counters of a type, or of all types.
type Totals struct {
	ByStatus [5]int64 // by missions.Status.Index
	Run      Histogram
	Queue    Histogram

	// What Run and Queue were when the latest sample was taken. They are replaced, never
	// changed.
	SampledRun, SampledQueue Histogram

	Agents, Slots int64 // of all types only

	Waiting [4]int64       // PENDING missions by place in missions.WaitKinds; one may wait for several
	Usage   missions.Usage // in all; replaced, never changed
}

// clone returns a copy that does not change with t.
func (t *Totals) clone() *Totals {
	c := *t
	c.Run, c.Queue = t.Run.clone(), t.Queue.clone()
	return &c
}

// CountUnready counts PENDING missions that cannot be claimed yet, for a data set of a version that did
// not count them: they wait for a time.
func (t *Totals) CountUnready(n int64) {
	t.Waiting[timePlace] = n
}

var timePlace = slices.Index(missions.WaitKinds(), missions.WaitTime)

func (t *Totals) byStatus() map[missions.Status]int64 {
	counts := make(map[missions.Status]int64, len(t.ByStatus))
	for i, status := range missions.Statuses() {
		counts[status] = t.ByStatus[i]
	}
	return counts
}

// Series is a series of points in time, of which a point covers one slot.
type Series int8

// The series. A slot is a minute since the epoch, of LongSamples ten.
const (
	Minutes      Series = iota // what happened
	Gauges                     // how many missions there were at a minute's end
	ShortSamples               // what was gained, for the windows up to an hour
	LongSamples                // for the window of a day
)

// PointKey identifies a point.
type PointKey struct {
	Series Series
	Type   string // "" for all types
	Slot   int64
}

// Point is what is known of a type in a slot. Each series uses some of the fields.
type Point struct {
	Since            missions.Time // start of a sample
	Happened         [5]int64      // by place in missions.Happenings
	Run, Queue       Histogram
	Pending, Running int64
	Usage            missions.Usage // replaced, never changed
}

func minuteOf(t missions.Time) int64 { return int64(t) / 60e6 }

// totals returns the counters of a type for a change.
func (e *Engine) totals(missionType string) *Totals {
	t := e.byType[missionType]
	if t == nil {
		t = &Totals{}
		e.byType[missionType] = t
	}
	e.touched[missionType] = true
	return t
}

// moveCount counts a mission of a type under another status; "" is none.
func (e *Engine) moveCount(missionType string, from, to missions.Status) {
	for _, name := range []string{missionType, ""} {
		t := e.totals(name)
		if from != "" {
			t.ByStatus[from.Index()]--
		}
		if to != "" {
			t.ByStatus[to.Index()]++
		}
	}
}

// happened counts what happened in the current minute.
func (e *Engine) happened(missionType string, what missions.Happening) {
	place := slices.Index(missions.Happenings(), what)
	for _, name := range []string{missionType, ""} {
		e.point(PointKey{Minutes, name, minuteOf(e.now)}, func(p *Point) { p.Happened[place]++ })
	}
}

// point changes a point.
func (e *Engine) point(key PointKey, change func(*Point)) {
	p := e.points[key]
	change(&p)
	e.points[key] = p
	e.changes.Points[key] = p
}

func (e *Engine) tookQueue(missionType string, d time.Duration) {
	e.totals(missionType).Queue.count(d)
	e.totals("").Queue.count(d)
}

func (e *Engine) tookRun(missionType string, d time.Duration) {
	e.totals(missionType).Run.count(d)
	e.totals("").Run.count(d)
}
