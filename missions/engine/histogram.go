package engine

import (
	"slices"
	"time"

	"missioncontrol/missions"
)

// Histogram is a [missions.Histogram] that is copied cheaply. The zero value is empty.
type Histogram struct {
	Count   int64
	Micros  int64   // the sum of all durations, in microseconds
	First   int     // the bucket of Buckets[0]
	Buckets []int64 // by [missions.Bucket], without zeros at its ends
}

// Add adds n durations of a bucket, whose sum is micros.
func (h *Histogram) Add(bucket int, n, micros int64) {
	if n == 0 {
		return
	}
	if len(h.Buckets) == 0 {
		h.First = bucket
	}
	if bucket < h.First {
		h.Buckets = slices.Insert(h.Buckets, 0, make([]int64, h.First-bucket)...)
		h.First = bucket
	}
	for bucket-h.First >= len(h.Buckets) {
		h.Buckets = append(h.Buckets, 0)
	}
	h.Buckets[bucket-h.First] += n
	h.Count += n
	h.Micros += micros
}

// count adds a duration.
func (h *Histogram) count(d time.Duration) {
	micros := max(d.Microseconds(), 0)
	h.Add(missions.Bucket(float64(micros)/1e6), 1, micros)
}

// merge adds what another histogram has.
func (h *Histogram) merge(o *Histogram) {
	for i, n := range o.Buckets {
		h.Add(o.First+i, n, 0)
	}
	h.Micros += o.Micros
}

// since returns what h has gained since it was like o.
func (h *Histogram) since(o *Histogram) (gained Histogram) {
	for i, n := range h.Buckets {
		bucket := h.First + i
		if at := bucket - o.First; at >= 0 && at < len(o.Buckets) {
			n -= o.Buckets[at]
		}
		gained.Add(bucket, max(n, 0), 0)
	}
	gained.Micros = h.Micros - o.Micros
	return gained
}

// sum returns what two histograms have together.
func sum(a, b *Histogram) Histogram {
	both := a.clone()
	both.merge(b)
	return both
}

// clone returns a copy that does not change with h.
func (h *Histogram) clone() Histogram {
	c := *h
	c.Buckets = slices.Clone(h.Buckets)
	return c
}

// public returns the histogram as package missions has it.
func (h *Histogram) public() missions.Histogram {
	p := missions.Histogram{Count: h.Count, Seconds: float64(h.Micros) / 1e6, Buckets: map[int]int64{}}
	for i, n := range h.Buckets {
		if n > 0 {
			p.Buckets[h.First+i] = n
		}
	}
	return p
}
