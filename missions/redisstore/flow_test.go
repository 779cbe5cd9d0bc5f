package redisstore_test

import (
	"syscall"
	"testing"
	"time"

	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/missions/storetest"
)

// BenchmarkFlow is storetest.Flow. It reports the processor time of Redis and of this process.
func BenchmarkFlow(b *testing.B) {
	server := redistest.Start(b, "--appendonly", "yes", "--appendfsync", "everysec")
	meter := server.Client()
	s := mustOpen(b, redisstore.Config{URL: server.URL(), OutboxLimit: 1 << 40})
	inRedis, here := processor(b, meter), used(b)
	storetest.Flow(b, s)
	b.ReportMetric(float64((processor(b, meter)-inRedis).Microseconds())/float64(b.N), "µs-redis")
	b.ReportMetric(float64((used(b)-here).Microseconds())/float64(b.N), "µs-here")
}

// used returns the processor time that this process has used so far.
func used(b *testing.B) time.Duration {
	b.Helper()
	var of syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &of))
	return time.Duration(of.Utime.Nano() + of.Stime.Nano())
}
