package missions

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// histogramOf counts durations like a store does.
func histogramOf(seconds []float64) Histogram {
	h := Histogram{Buckets: map[int]int64{}}
	for _, s := range seconds {
		h.Count++
		h.Seconds += s
		h.Buckets[Bucket(s)]++
	}
	return h
}

func TestBucket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		seconds float64
		want    int
	}{
		{0, 0}, {-5, 0}, {math.NaN(), 0}, {1e-6, 0}, {1.05e-6, 1}, {2e-6, 8}, {4e-6, 16}, {1.024e-3, 80}, {1.048576, 160},
	} {
		if got := Bucket(c.seconds); got != c.want {
			t.Errorf("%v s fall into bucket %d, want %d", c.seconds, got, c.want)
		}
	}
	last := 0
	for seconds := 1e-6; seconds < 1e9; seconds *= 1.01 {
		b := Bucket(seconds)
		if b < last || b > last+1 {
			t.Fatalf("%v s fall into bucket %d, after bucket %d", seconds, b, last)
		}
		last = b
	}
}

func TestPercentilesAreWithin5Percent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"one value":   func() float64 { return 3.7 },
		"uniform":     func() float64 { return 1 + 99*random.Float64() },
		"exponential": func() float64 { return random.ExpFloat64() * 20 },
		"log-normal":  func() float64 { return math.Exp(3 * random.NormFloat64()) },
	} {
		seconds := make([]float64, 10_000)
		for i := range seconds {
			seconds[i] = draw()
		}
		d := histogramOf(seconds).Distribution()
		slices.Sort(seconds)
		sum := 0.0
		for _, s := range seconds {
			sum += s
		}
		for _, c := range []struct {
			what      string
			got, want float64
		}{{"p50", *d.P50, seconds[4999]}, {"p95", *d.P95, seconds[9499]}, {"p99", *d.P99, seconds[9899]}} {
			if math.Abs(c.got-c.want) > 0.05*c.want {
				t.Errorf("%s: %s is %v, want %v within 5 %%", name, c.what, c.got, c.want)
			}
		}
		if math.Abs(*d.Average-sum/10_000) > 1e-6 {
			t.Errorf("%s: the average is %v, want %v", name, *d.Average, sum/10_000)
		}
	}
}

func TestDistributionOfFew(t *testing.T) {
	t.Parallel()
	if d := (Histogram{}).Distribution(); d != (Distribution{}) {
		t.Errorf("the distribution of nothing is %+v", d)
	}
	d := histogramOf([]float64{1, 1, 1, 100}).Distribution()
	if *d.Average != 25.75 || math.Abs(*d.P50-1) > 0.05 || math.Abs(*d.P95-100) > 5 {
		t.Errorf("of 1, 1, 1, 100 the average is %v, p50 %v, p95 %v", *d.Average, *d.P50, *d.P95)
	}
}

func TestCounts(t *testing.T) {
	t.Parallel()
	none := Counts{}
	if none.Total() != 0 || none.SuccessRate() != nil || none.AverageDurationSeconds() != nil || none.Utilization() != nil {
		t.Error("an empty store has figures")
	}
	c := Counts{
		ByStatus: map[Status]int64{Pending: 5, Running: 4, Completed: 6, Failed: 2, Cancelled: 1},
		Agents:   2, Slots: 8, CompletedRuns: 4, CompletedSeconds: 10,
	}
	if c.Total() != 18 || *c.SuccessRate() != 0.75 || *c.AverageDurationSeconds() != 2.5 || *c.Utilization() != 0.5 {
		t.Errorf("total %d, success %v, average %v, utilization %v", c.Total(), *c.SuccessRate(), *c.AverageDurationSeconds(), *c.Utilization())
	}
	c.Slots = 3
	if *c.Utilization() != 1 {
		t.Errorf("utilization is %v, want at most 1", *c.Utilization())
	}
}
