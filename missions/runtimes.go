package missions

import (
	"maps"
	"math"
	"slices"
	"strconv"
)

// MaxShortRunTimes is how many minutes of run times are told minute by minute. More of them
// are told in samples of ten minutes.
const MaxShortRunTimes = 60

// RunTimes are the run times of the missions that completed within a time.
type RunTimes struct {
	From Time     `json:"from"`
	To   Time     `json:"to"` // the next one's from, or now
	P50  *float64 `json:"p50"`
	P95  *float64 `json:"p95"`

	// There are four bounds in each power of ten. Only those with run times are listed.
	Buckets [][2]float64 `json:"buckets"` // pairs, ascending: an upper bound in seconds, and the number of run times up to it and above the bound before
}

// boundsPerTen is how many bounds of [RunTimes] are in a power of ten.
const boundsPerTen = 4

// RunTimesOf summarizes a histogram. Its buckets are narrower than those of the summary: each
// goes to that in which its middle is.
func RunTimesOf(from, to Time, h Histogram) RunTimes {
	of := h.Distribution()
	counts := map[int]int64{}
	for bucket, n := range h.Buckets {
		counts[int(math.Ceil(boundsPerTen*math.Log10(bucketSeconds(bucket))))] += n
	}
	r := RunTimes{From: from, To: to, P50: of.P50, P95: of.P95, Buckets: make([][2]float64, 0, len(counts))}
	for _, place := range slices.Sorted(maps.Keys(counts)) {
		r.Buckets = append(r.Buckets, [2]float64{boundAt(place), float64(counts[place])})
	}
	return r
}

// boundAt returns a bound in seconds, to three digits.
func boundAt(place int) float64 {
	bound, err := strconv.ParseFloat(strconv.FormatFloat(math.Pow(10, float64(place)/boundsPerTen), 'g', 3, 64), 64)
	if err != nil {
		panic(err) // it was formatted as a number
	}
	return bound
}
