package missions

import (
	"testing"
	"time"
)

// sampleOf returns a sample that began the given time ago, in which the given
// number of missions were created.
func sampleOf(now Time, ago time.Duration, created int64) Sample {
	s := NewSample(now.Add(-ago))
	s.Happened[HappenedCreated] = created
	return s
}

func TestASampleBelongsToAWindowIfItBeginsWithinIt(t *testing.T) {
	t.Parallel()
	const now = Time(1_000_000_000_000_000)
	short := []Sample{
		sampleOf(now, 5*time.Minute+30*time.Second, 10), sampleOf(now, 5*time.Minute+31*time.Second, 100),
		sampleOf(now, time.Hour+30*time.Second, 1000), sampleOf(now, time.Hour+31*time.Second, 1_000_000),
	}
	long := []Sample{sampleOf(now, 24*time.Hour+5*time.Minute, 7000), sampleOf(now, 24*time.Hour+6*time.Minute, 1_000_000)}
	sums, latest := SumWindows(now, short, long), sampleOf(now, 0, 1)
	w := WindowsOf(&sums, &latest)
	for name, c := range map[string]struct {
		got     Window
		created int64
		since   time.Duration
	}{
		"5m":  {w.FiveMinutes, 11, 5*time.Minute + 30*time.Second},
		"1h":  {w.Hour, 1111, time.Hour + 30*time.Second},
		"24h": {w.Day, 7001, 24*time.Hour + 5*time.Minute},
	} {
		if c.got.Created != c.created || c.got.Since != now.Add(-c.since) {
			t.Errorf("%s: %d created since %v, want %d since %v", name, c.got.Created, c.got.Since.Time(), c.created, now.Add(-c.since).Time())
		}
	}
}

func TestWindowsAreKnownUntilTheNextSample(t *testing.T) {
	t.Parallel()
	var c WindowCache
	if sums, _ := c.Get("t"); sums != nil {
		t.Error("an empty cache knows of a type")
	}
	first, second := &WindowSums{}, &WindowSums{}
	c.Put("t", first, 60)
	if sums, sampled := c.Get("t"); sums != first || sampled != 60 {
		t.Errorf("got %p as of %d", sums, sampled)
	}
	c.Put("u", second, 120)
	if sums, sampled := c.Get("t"); sums != nil || sampled != 120 {
		t.Errorf("after the next sample: %p as of %d", sums, sampled)
	}
	if sums, _ := c.Get("u"); sums != second {
		t.Error("the new one is not known")
	}
}
