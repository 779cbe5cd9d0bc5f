package test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"missioncontrol/supervisor/api"
)

// The leases and heartbeats of BenchmarkRecovery, in the proportions of the
// defaults.
const (
	benchLease     = 2 * time.Second
	benchHeartbeat = 600 * time.Millisecond
)

// BenchmarkRecovery kills an agent in each iteration, at a random moment between
// two of its heartbeats, and measures how long it takes until another one has its
// mission. `make recovery` runs it.
func BenchmarkRecovery(b *testing.B) {
	pace := []string{"--lease", benchLease.String(), "--heartbeat", benchHeartbeat.String()}
	for _, at := range []struct {
		name  string
		admit func(testing.TB) *ward
		tells bool
	}{
		{"embedded broker", func(t testing.TB) *ward { return embeddedWard(t, pace...) }, true},
		{"external broker with system account", func(t testing.TB) *ward { return externalWard(t, 1, append(pace, systemUser...)...) }, true},
		{"external broker without", func(t testing.TB) *ward { return externalWard(t, 1, pace...) }, false},
	} {
		b.Run(at.name, func(b *testing.B) {
			w := at.admit(b)
			if at.tells {
				w.awaitWatch()
			}
			var times []time.Duration
			for i := 0; b.Loop(); i++ {
				times = append(times, w.recovery(fmt.Sprint("mayfly-", i)))
			}
			slices.Sort(times)
			percent := func(p int) float64 { return times[(len(times)*p+99)/100-1].Seconds() }
			b.ReportMetric(percent(50), "s-median")
			b.ReportMetric(percent(99), "s-p99")
			b.ReportMetric(percent(100), "s-max")
		})
	}
}

// recovery kills an agent and returns how long it takes until the heir has its
// mission.
func (w *ward) recovery(id string) time.Duration {
	w.t.Helper()
	mayfly := w.runAgent(id)
	ctx, cancel := context.WithTimeout(w.t.Context(), testTimeout)
	defer cancel()
	inherited := make(chan error, 1)
	go func() {
		for {
			claimed, err := w.heir.Claim(ctx, api.ClaimRequest{Max: 1, WaitSeconds: 0.5, Types: []string{"held-by-" + id}})
			if err != nil || len(claimed.Missions) > 0 {
				inherited <- err
				return
			}
		}
	}()
	time.Sleep(rand.N(benchHeartbeat))
	killed := time.Now()
	mayfly.kill()
	must(w.t, <-inherited)
	return time.Since(killed)
}
