package missions

import (
	"context"
	"math"
)

// Statistics is the part of a [Store] that counts missions and how they ended.
type Statistics interface {
	// Counts returns the counters at one moment at or after the call.
	Counts(ctx context.Context) (Counts, error)

	// Stats returns the statistics of all missions, or of one type ("" for all).
	Stats(ctx context.Context, missionType string) (Stats, error)

	// Sample takes a sample of the statistics, from which the windows of Stats and
	// the history are made, and drops samples that are too old. The leader calls it
	// at the start of each minute of the store's clock; it returns that time. Its
	// cost does not depend on the number of missions, and depends on the number of
	// types only up to [MaxSampledTypes].
	Sample(ctx context.Context) (Time, error)

	// History returns the given number of minutes, 1 to [MaxHistory], of all
	// missions or of one type ("" for all), oldest first. The last one is the
	// current minute.
	History(ctx context.Context, missionType string, minutes int) ([]Minute, error)

	// RunTimes returns the run times of the missions, of all or of one type ("" for all),
	// that completed within the given number of minutes, 1 to [MaxHistory], oldest first:
	// a sample for each minute, or for each ten minutes if there are more than
	// [MaxShortRunTimes]. The last one ends now. A sample is longer if none was taken for
	// a while; of the time before the first sample there is none.
	RunTimes(ctx context.Context, missionType string, minutes int) ([]RunTimes, error)

	// Queues returns what is PENDING, by type, requirements and limits, with who serves it and the keys with the most
	// missions. It reads what is stored of up to [MaxKeysOfQueues] keys.
	Queues(ctx context.Context) (Queues, error)

	// Unserved returns the number of PENDING missions per type, for types that have
	// claimable missions and no online agent. At most [MaxSampledTypes] types.
	Unserved(ctx context.Context) (map[string]int64, error)
}

// Counts holds the number of missions and agents at one moment.
type Counts struct {
	ByStatus map[Status]int64 // every status is present
	Agents   int64            // online or draining
	Slots    int64            // the sum of those agents' capacities

	// Run times of the missions completed since the store was created.
	CompletedRuns    int64
	CompletedSeconds float64

	Waiting [4]int64 // PENDING missions by place in [WaitKinds]; one may wait for several things
	Usage   Usage    // since the store was created; not to be changed
}

// Total returns the number of stored missions.
func (c Counts) Total() int64 {
	var total int64
	for _, n := range c.ByStatus {
		total += n
	}
	return total
}

// SuccessRate returns completed / (completed + failed) of the stored missions, or
// nil if there are neither.
func (c Counts) SuccessRate() *float64 {
	ended := c.ByStatus[Completed] + c.ByStatus[Failed]
	if ended == 0 {
		return nil
	}
	rate := float64(c.ByStatus[Completed]) / float64(ended)
	return &rate
}

// AverageDurationSeconds returns the mean run time of completed missions, or nil if
// there are none.
func (c Counts) AverageDurationSeconds() *float64 {
	if c.CompletedRuns == 0 {
		return nil
	}
	mean := c.CompletedSeconds / float64(c.CompletedRuns)
	return &mean
}

// Utilization returns busy slots / all slots, 0 to 1, or nil if there are no
// agents.
func (c Counts) Utilization() *float64 {
	if c.Slots == 0 {
		return nil
	}
	busy := min(1, float64(c.ByStatus[Running])/float64(c.Slots))
	return &busy
}

// Stats are the statistics of all missions or of those of one type.
type Stats struct {
	Total                int64            `json:"total"`
	ByStatus             map[Status]int64 `json:"by_status"`
	ByType               map[string]int64 `json:"by_type"`
	SuccessRate          *float64         `json:"success_rate"`
	Duration             Distribution     `json:"duration_seconds"` // run times of completed missions
	Queue                Distribution     `json:"queue_seconds"`    // from claimable to claimed
	OldestPendingSeconds *float64         `json:"oldest_pending_seconds"`

	// OldestClaimableSeconds is how long the oldest of the missions that are next
	// in line has been claimable, or nil if none is.
	OldestClaimableSeconds *float64 `json:"oldest_claimable_seconds"`

	// Waiting has, by what they wait for, the number of PENDING missions that cannot be
	// claimed yet. One that waits for several things counts for each.
	Waiting map[WaitKind]int64 `json:"waiting"`

	// OldestSignalWaitSeconds is how long the mission has waited that has waited longest for
	// a signal, or nil if none does. HighestUsageRatio is the highest part of its max_usage
	// that a living mission has used, in steps of a hundredth, or nil if none has a maximum
	// and has used something. Both are nil in the statistics of one type.
	OldestSignalWaitSeconds *float64 `json:"oldest_signal_wait_seconds"`
	HighestUsageRatio       *float64 `json:"highest_usage_ratio"`
	HighestUsageMission     string   `json:"highest_usage_mission,omitzero"` // its id

	Usage       Usage               `json:"usage,omitzero"` // since the store was created, by unit
	Windows     Windows             `json:"windows"`
	PerMinute   map[Happening]int64 `json:"per_minute"`
	LastUpdated Time                `json:"last_updated"`
}

// Happening is what the per-minute numbers count.
type Happening string

// Kinds of happenings.
const (
	HappenedCreated   Happening = "created"
	HappenedStarted   Happening = "started"
	HappenedCompleted Happening = "completed"
	HappenedFailed    Happening = "failed"
	HappenedCancelled Happening = "cancelled"
)

// Happenings lists every happening.
func Happenings() []Happening {
	return []Happening{HappenedCreated, HappenedStarted, HappenedCompleted, HappenedFailed, HappenedCancelled}
}

// Happened returns the happening for a change to status s, or "".
func (s Status) Happened() Happening {
	switch s {
	case Running:
		return HappenedStarted
	case Completed:
		return HappenedCompleted
	case Failed:
		return HappenedFailed
	case Cancelled:
		return HappenedCancelled
	}
	return ""
}

// Distribution summarizes durations in seconds. Its values are null if there are none.
// The percentiles come from a [Histogram] and are accurate to 5 %.
type Distribution struct {
	Average *float64 `json:"average"`
	P50     *float64 `json:"p50"`
	P95     *float64 `json:"p95"`
	P99     *float64 `json:"p99"`
}

// Histogram counts durations in buckets that grow by a constant factor. The cost of
// a percentile does not depend on the number of durations.
type Histogram struct {
	Count   int64
	Seconds float64       // the sum of all durations
	Buckets map[int]int64 // by Bucket
}

// bucketsPerDoubling makes neighbouring bounds differ by 9 %.
const bucketsPerDoubling = 8

// Bucket returns the bucket of a duration in seconds. Durations up to a microsecond
// are in bucket 0.
func Bucket(seconds float64) int {
	micros := seconds * 1e6
	if !(micros > 1) {
		return 0
	}
	return int(math.Ceil(math.Log2(micros) * bucketsPerDoubling))
}

// bucketSeconds returns the geometric middle of a bucket.
func bucketSeconds(bucket int) float64 {
	return math.Exp2((float64(bucket)-0.5)/bucketsPerDoubling) / 1e6
}

// Distribution returns the average and the percentiles of h.
func (h Histogram) Distribution() Distribution {
	if h.Count == 0 {
		return Distribution{}
	}
	average := h.Seconds / float64(h.Count)
	return Distribution{Average: &average, P50: h.percentile(0.50), P95: h.percentile(0.95), P99: h.percentile(0.99)}
}

func (h Histogram) percentile(p float64) *float64 {
	rank := int64(math.Ceil(p * float64(h.Count)))
	highest := 0
	for bucket := range h.Buckets {
		highest = max(highest, bucket)
	}
	var seen int64
	for bucket := 0; bucket <= highest; bucket++ {
		if seen += h.Buckets[bucket]; seen >= rank {
			seconds := bucketSeconds(bucket)
			return &seconds
		}
	}
	seconds := bucketSeconds(highest)
	return &seconds
}
