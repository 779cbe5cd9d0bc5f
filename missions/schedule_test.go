package missions

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func scheduleOf(text string) (s ScheduleSpec, err error) {
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, err
	}
	s.Normalize()
	return s, s.Validate()
}

func TestSchedulesHaveDefaults(t *testing.T) {
	t.Parallel()
	s, err := scheduleOf(`{"id":"nightly","cron":"0 2 * * *","mission":{"name":"report","data":{"a": 1}}}`)
	if err != nil || s.TimeZone != "UTC" || s.CatchUp != CatchUpLast || s.CatchUpSeconds != 86400 || string(s.Mission.Data) != `{"a":1}` {
		t.Errorf("%+v, %v", s, err)
	}
	m := s.Occurrence(1703001600_000000)
	if m.ID != "nightly-1703001600" || m.ScheduleID != "nightly" || m.ScheduledFor != 1703001600_000000 || m.NotBefore != 0 || m.Type != DefaultType {
		t.Errorf("%+v", m)
	}
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
}

func TestSchedulesAreEqualIfTheySayTheSame(t *testing.T) {
	t.Parallel()
	const text = `{"id":"s","every_seconds":60,"mission":{"name":"n","data":{"a":1,"b":2}}}`
	a, err := scheduleOf(text)
	for other, same := range map[string]bool{
		text: true,
		`{"id":"s","every_seconds":60,"catch_up":"last","starts_at":null,"mission":{"name":"n","data":{"b":2, "a":1}}}`: true,
		`{"id":"s","every_seconds":60,"mission":{"name":"n","data":{"a":1,"b":3}}}`:                                     false,
		`{"id":"s","every_seconds":60,"mission":{"name":"n","data":{"a":1,"b":2},"unique":null}}`:                       false,
		`{"id":"s","every_seconds":60,"paused":true,"mission":{"name":"n","data":{"a":1,"b":2}}}`:                       false,
	} {
		b, err2 := scheduleOf(other)
		if err != nil || err2 != nil || a.SameContent(&b) != same {
			t.Errorf("%s: same is %v, %v, %v", other, a.SameContent(&b), err, err2)
		}
	}
}

func TestOverlapsRoundTrip(t *testing.T) {
	t.Parallel()
	s, err := scheduleOf(`{"id":"s","every_seconds":60,"mission":{"name":"n","unique":null}}`)
	if err != nil || !s.Mission.Overlaps() {
		t.Fatalf("%+v, %v", s, err)
	}
	text, err := json.Marshal(&s)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := scheduleOf(string(text)); err != nil || !again.Mission.Overlaps() {
		t.Errorf("%s is read as %+v, %v", text, again, err)
	}
	if s.Mission.Unique = nil; s.Mission.Overlaps() {
		t.Error("missions overlap by default")
	}
}

// Each mission starts at a time of its own, which is always the same.
func TestJitterIsDecidedByTheOccurrence(t *testing.T) {
	t.Parallel()
	s := ScheduleSpec{ID: "s", EverySeconds: 60, JitterSeconds: 100, Mission: Template{Name: "n"}}
	delays := map[time.Duration]bool{}
	for i := range Time(1000) {
		at := i * 60e6
		m := s.Occurrence(at)
		delay := m.NotBefore.Sub(at)
		if delays[delay] = true; delay < 0 || delay > 100*time.Second || s.Occurrence(at).NotBefore != m.NotBefore {
			t.Fatalf("%s starts %s later", m.ID, delay)
		}
		if want := OccurrenceID("s", at); m.ID != want {
			t.Fatalf("the id is %s, want %s", m.ID, want)
		}
		if m := s.Triggered(at); m.NotBefore != 0 {
			t.Fatalf("a triggered one starts at %v", m.NotBefore)
		}
	}
	if len(delays) < 990 {
		t.Errorf("%d different delays", len(delays))
	}
}

func TestTheTimesOfASchedule(t *testing.T) {
	t.Parallel()
	day := At(time.Date(2026, 3, 27, 0, 0, 0, 0, time.UTC))
	s := ScheduleSpec{EverySeconds: 3600, OffsetSeconds: 90, StartsAt: day.Add(2 * time.Hour), EndsAt: day.Add(4*time.Hour + 90*time.Second)}
	timing, err := s.Timing()
	if err != nil {
		t.Fatal(err)
	}
	got := timing.Times(day, 10)
	if len(got) != 3 || got[0] != day.Add(2*time.Hour+90*time.Second) || got[2] != s.EndsAt {
		t.Errorf("%v", got)
	}
	s = ScheduleSpec{Cron: "30 2 * * *", TimeZone: "Europe/Berlin"} // the clocks go forward on the third night
	if timing, err = s.Timing(); err != nil {
		t.Fatal(err)
	}
	if got := timing.Times(day, 4); got[0] != day.Add(90*time.Minute) || got[2] != day.Add(49*time.Hour) || got[3] != day.Add(72*time.Hour+30*time.Minute) {
		t.Errorf("%v, %v, %v, %v", got[0].Time(), got[1].Time(), got[2].Time(), got[3].Time())
	}
	s.StartsAt = At(time.Date(2026, 4, 1, 0, 30, 0, 0, time.UTC))
	if timing, err = s.Timing(); err != nil {
		t.Fatal(err)
	}
	if got := timing.Next(day); got != s.StartsAt {
		t.Errorf("the first is %v", got.Time())
	}
}

// A time zone comes with the binary, and a name that is none is refused.
func TestTimeZones(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{"Europe/Berlin": true, "America/St_Johns": true, "UTC": true, "Local": false, "../zone": false, "Mars/Base": false} {
		s := ScheduleSpec{Cron: "@daily", TimeZone: name}
		_, err := s.Timing()
		var invalid *Error
		if (err == nil) != ok || err != nil && (!errors.As(err, &invalid) || invalid.Field != "time_zone" || strings.Contains(invalid.Message, "zoneinfo")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
