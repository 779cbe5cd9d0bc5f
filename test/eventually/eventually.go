// Package eventually waits in tests for what is about to come. It asks now and then: a test
// that asks again and again without a pause takes the processor from what it waits for.
package eventually

import (
	"testing"
	"time"
)

// Timeout bounds a wait. Only a failure uses it up. It is less than the 60 s after which a claim
// ends by itself.
const Timeout = 45 * time.Second

// every is how often it is asked whether something has come.
const every = 10 * time.Millisecond

// Holds returns once holds returns true. If it does not within [Timeout], the test ends with
// what otherwise returns, which says what is there instead. Holds must be called from the
// test's goroutine.
func Holds(t testing.TB, holds func() bool, otherwise func() string) {
	t.Helper()
	again := time.NewTicker(every)
	defer again.Stop()
	for deadline := time.Now().Add(Timeout); !holds(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %s", Timeout, otherwise())
		}
	}
}
