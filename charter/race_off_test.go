//go:build !race

package charter_test

// The race detector moves one more value to the heap.
const raceAllocs = 0
