//go:build !race

package charter_test

// The race detector's own bookkeeping moves one more thing to the heap.
const raceAllocs = 0
