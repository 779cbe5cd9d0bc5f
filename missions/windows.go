package missions

import (
	"sync"
	"time"
)

// Windows are the statistics of the latest minutes, hour and day.
type Windows struct {
	FiveMinutes Window `json:"5m"`
	Hour        Window `json:"1h"`
	Day         Window `json:"24h"`
}

// Window holds the statistics of one sliding window.
type Window struct {
	Since       Time         `json:"since"` // start of the window; null before the first sample
	Created     int64        `json:"created"`
	Started     int64        `json:"started"`
	Completed   int64        `json:"completed"`
	Failed      int64        `json:"failed"`
	Cancelled   int64        `json:"cancelled"`
	SuccessRate *float64     `json:"success_rate"` // completed / (completed + failed); null if there are neither
	Duration    Distribution `json:"duration_seconds"`
	Queue       Distribution `json:"queue_seconds"`
	Usage       Usage        `json:"usage,omitzero"` // by unit
}

// Lengths of the windows, and of the samples they consist of. Samples are kept for
// one sample length longer than a window needs them.
const (
	FiveMinutes = 5 * time.Minute
	Hour        = time.Hour
	Day         = 24 * time.Hour

	ShortSample = time.Minute      // of FiveMinutes and Hour
	LongSample  = 10 * time.Minute // of Day

	KeepShortSamples = Hour + 5*time.Minute
	KeepLongSamples  = Day + Hour
)

// MaxSampledTypes is how many types one sample distinguishes: the busiest of those
// with any activity. Other types count only in the total.
const MaxSampledTypes = 1000

// Sample is the increase of the statistics since a time: the difference between two
// readings of counters that only grow.
type Sample struct {
	Since      Time
	Happened   map[Happening]int64
	Run, Queue Histogram
	Usage      Usage // replaced, never changed
}

// NewSample returns an empty sample.
func NewSample(since Time) Sample {
	return Sample{
		Since: since, Happened: map[Happening]int64{},
		Run: Histogram{Buckets: map[int]int64{}}, Queue: Histogram{Buckets: map[int]int64{}},
	}
}

// Add adds another sample. Since becomes the earlier of the two times.
func (s *Sample) Add(other *Sample) {
	s.Since = min(s.Since, other.Since)
	for what, n := range other.Happened {
		s.Happened[what] += n
	}
	s.Run.add(&other.Run)
	s.Queue.add(&other.Queue)
	s.Usage = s.Usage.Plus(other.Usage)
}

func (h *Histogram) add(other *Histogram) {
	h.Count += other.Count
	h.Seconds += other.Seconds
	for bucket, n := range other.Buckets {
		h.Buckets[bucket] += n
	}
}

// window returns the window that a sample covers.
func (s *Sample) window() Window {
	ended := Counts{ByStatus: map[Status]int64{Completed: s.Happened[HappenedCompleted], Failed: s.Happened[HappenedFailed]}}
	return Window{
		Since: s.Since, Created: s.Happened[HappenedCreated], Started: s.Happened[HappenedStarted],
		Completed: s.Happened[HappenedCompleted], Failed: s.Happened[HappenedFailed], Cancelled: s.Happened[HappenedCancelled],
		SuccessRate: ended.SuccessRate(), Duration: s.Run.Distribution(), Queue: s.Queue.Distribution(), Usage: s.Usage,
	}
}

// WindowSums holds the sum of the samples within each window.
type WindowSums struct{ FiveMinutes, Hour, Day Sample }

// SumWindows adds up the samples within each window as of the latest sample, taken
// at time sampled. A sample belongs to a window if it begins within it, give or
// take half a sample's length, so that the exact moment of a sample does not
// matter.
func SumWindows(sampled Time, short, long []Sample) WindowSums {
	within := func(length, sample time.Duration, samples []Sample) Sample {
		begin, sum := sampled.Add(-length-sample/2), NewSample(sampled)
		for i := range samples {
			if samples[i].Since >= begin {
				sum.Add(&samples[i])
			}
		}
		return sum
	}
	return WindowSums{
		FiveMinutes: within(FiveMinutes, ShortSample, short),
		Hour:        within(Hour, ShortSample, short),
		Day:         within(Day, LongSample, long),
	}
}

// Add adds the sums of another part of a store.
func (s *WindowSums) Add(other *WindowSums) {
	s.FiveMinutes.Add(&other.FiveMinutes)
	s.Hour.Add(&other.Hour)
	s.Day.Add(&other.Day)
}

// WindowsOf returns the windows, from the sums of their samples and the increase
// since the latest sample.
func WindowsOf(sums *WindowSums, latest *Sample) Windows {
	window := func(sum *Sample) Window {
		all := NewSample(latest.Since)
		all.Add(latest)
		all.Add(sum)
		return all.window()
	}
	return Windows{FiveMinutes: window(&sums.FiveMinutes), Hour: window(&sums.Hour), Day: window(&sums.Day)}
}

// WindowCache keeps the window sums until the next sample is taken. The zero value
// is ready to use. It may be used concurrently.
type WindowCache struct {
	mu      sync.Mutex
	sampled Time
	byType  map[string]*WindowSums
}

// Get returns a type's sums as of the latest sample, and when that was taken; nil
// if they are not cached. They must not be changed.
func (c *WindowCache) Get(missionType string) (sums *WindowSums, sampled Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byType[missionType], c.sampled
}

// Put stores a type's sums as of a sample.
func (c *WindowCache) Put(missionType string, sums *WindowSums, sampled Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sampled != c.sampled || c.byType == nil {
		c.sampled, c.byType = sampled, map[string]*WindowSums{}
	}
	if len(c.byType) <= MaxSampledTypes {
		c.byType[missionType] = sums
	}
}

// Minute holds what happened in one minute, and the state at its end.
type Minute struct {
	At        Time   `json:"at"` // when it began
	Created   int64  `json:"created"`
	Started   int64  `json:"started"`
	Completed int64  `json:"completed"`
	Failed    int64  `json:"failed"`
	Cancelled int64  `json:"cancelled"`
	Pending   *int64 `json:"pending"` // null if no sample was taken then
	Running   *int64 `json:"running"`
	Usage     Usage  `json:"usage,omitzero"` // reported in it, by unit
}

// Count adds to a count.
func (m *Minute) Count(what Happening, n int64) {
	switch what {
	case HappenedCreated:
		m.Created += n
	case HappenedStarted:
		m.Started += n
	case HappenedCompleted:
		m.Completed += n
	case HappenedFailed:
		m.Failed += n
	case HappenedCancelled:
		m.Cancelled += n
	}
}

// MaxHistory is the length of the history in minutes.
const MaxHistory = 24 * 60
