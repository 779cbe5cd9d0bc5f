package supervisor

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Requests that arrive during a read share the next one, and none is answered with a
// value from before its arrival.
func TestSharedReadsAreNeverOlderThanTheirRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		s := sharedRead[int]{read: func(context.Context) (int, error) {
			reads++
			n := reads
			<-time.After(time.Second) // of fake time: the read takes a while
			return n, nil
		}}
		var all sync.WaitGroup
		ask := func(want int) {
			all.Go(func() {
				if got, err := s.get(t.Context()); err != nil || got != want {
					t.Errorf("got read %d, %v, want %d", got, err, want)
				}
			})
		}
		ask(1)
		synctest.Wait() // the first read is in progress
		for range 10 {
			ask(2)
		}
		all.Wait()
		if reads != 2 {
			t.Errorf("%d reads", reads)
		}
	})
}
