package missions

import (
	"path"
	"sync"
	"time"
	_ "time/tzdata" // a machine may have no time zones, or old ones

	"missioncontrol/missions/cron"
)

// Timing says when a schedule is due. It may be used concurrently.
type Timing struct {
	cron           *cron.Schedule
	zone           *time.Location
	period, offset time.Duration // without cron
	starts, ends   Time
}

// Timing returns when the schedule is due. The error names the field that is wrong.
func (s *ScheduleSpec) Timing() (*Timing, error) {
	t := &Timing{starts: s.StartsAt, ends: s.EndsAt}
	switch {
	case s.Cron == "" && s.EverySeconds == 0:
		return nil, Invalid("cron", "is required, or every_seconds")
	case s.Cron != "" && s.EverySeconds != 0:
		return nil, Invalid("every_seconds", "cannot be combined with cron")
	case s.Cron != "" && s.OffsetSeconds != 0:
		return nil, Invalid("offset_seconds", "needs every_seconds")
	case s.Cron == "" && s.TimeZone != "":
		return nil, Invalid("time_zone", "needs cron")
	case s.EverySeconds < 0 || s.EverySeconds > maxTimeoutSeconds:
		return nil, Invalid("every_seconds", "must be between 1 and %d", maxTimeoutSeconds)
	case s.OffsetSeconds < 0 || s.Cron == "" && s.OffsetSeconds >= s.EverySeconds:
		return nil, Invalid("offset_seconds", "must be less than every_seconds, and not negative")
	case s.Cron == "":
		t.period, t.offset = time.Duration(s.EverySeconds)*time.Second, time.Duration(s.OffsetSeconds)*time.Second
		return t, nil
	}
	var err error
	if t.cron, err = cron.Parse(s.Cron); err != nil {
		return nil, Invalid("cron", "%s", err)
	}
	t.zone, err = zoneOf(s.TimeZone)
	return t, err
}

// zones are time zones by name, once they are read from a file. There are some hundred.
var zones sync.Map

// zoneOf returns a time zone by name.
func zoneOf(name string) (*time.Location, error) {
	if known, there := zones.Load(name); there {
		return known.(*time.Location), nil
	}
	if err := CheckLine("time_zone", name, maxZoneChars); err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == time.Local.String() || path.Clean(name) != name { // Local: where would that be?
		return nil, Invalid("time_zone", "is not the name of a time zone, such as Europe/Berlin")
	}
	zones.Store(name, zone)
	return zone, nil
}

// Next returns when the schedule is due next after a time, 0 for never.
func (t *Timing) Next(after Time) Time {
	from := time.UnixMicro(int64(max(after, t.starts-1)))
	var next time.Time
	if t.cron != nil {
		next = t.cron.Next(from, t.zone)
	} else {
		next = cron.NextEvery(from, t.period, t.offset)
	}
	if next.IsZero() {
		return 0
	}
	at := At(next)
	if at > maxTime || t.ends != 0 && at > t.ends {
		return 0
	}
	return at
}

// Times returns the next times after one at which the schedule is due, at most n.
func (t *Timing) Times(after Time, n int) []Time {
	times := []Time{}
	for at := t.Next(after); at != 0 && len(times) < n; at = t.Next(at) {
		times = append(times, at)
	}
	return times
}
