package enginetest

import (
	"iter"
	"os"
	"strconv"
	"testing"
)

// HistoriesVariable names the environment variable that says how many histories the test of a
// backend runs.
const HistoriesVariable = "BACKEND_HISTORIES"

// Histories returns the seeds of the histories that the test of a backend runs: as many as
// [HistoriesVariable] says, otherwise two.
func Histories(t testing.TB) iter.Seq[uint64] {
	t.Helper()
	n := uint64(2)
	if text := os.Getenv(HistoriesVariable); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", HistoriesVariable, err)
		}
	}
	return func(yield func(uint64) bool) {
		for seed := uint64(0); seed < n && yield(seed); seed++ {
		}
	}
}
