//go:build unix

package agent

import (
	"runtime/metrics"
	"syscall"
	"time"
)

// began is approximately when the process started. A heartbeat reports the share of CPU
// time used since.
var began = time.Now()

// usage returns how many cores this process has used on average since it began, and the
// memory that the Go runtime holds.
func usage() (cpu *float64, memory *int64) {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err == nil {
		busy := time.Duration(used.Utime.Nano()+used.Stime.Nano()).Seconds() / max(time.Since(began).Seconds(), 0.001)
		cpu = &busy
	}
	sample := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() == metrics.KindUint64 {
		held := int64(sample[0].Value.Uint64())
		memory = &held
	}
	return cpu, memory
}
