package coalesce_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/supervisor/coalesce"
)

// Requests that arrive during a read share the next one, and none is answered with a
// value from before its arrival.
func TestSharedReadsAreNeverOlderThanTheirRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		s := coalesce.NewRead(func(context.Context) (int, error) {
			reads++
			n := reads
			<-time.After(time.Second) // of fake time: the read takes a while
			return n, nil
		}, time.Minute)
		var all sync.WaitGroup
		ask := func(want int) {
			all.Go(func() {
				if got, err := s.Get(t.Context()); err != nil || got != want {
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

// Items that are added while a batch is handled form the next one, in order, unless too
// many wait.
func TestBatches(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var batches [][]int
		b := coalesce.Batcher[int]{Limit: 3, Do: func(batch []int) {
			batches = append(batches, slices.Clone(batch))
			time.Sleep(time.Second)
		}}
		add := func(item int, want bool) {
			t.Helper()
			if got := b.Add(item); got != want {
				t.Errorf("item %d was added: %t, want %t", item, got, want)
			}
		}
		for _, round := range []int{0, 10} {
			add(round+1, true)
			synctest.Wait()
			add(round+2, true)
			add(round+3, true)
			add(round+4, true)
			add(round+5, false)
			time.Sleep(3 * time.Second)
			synctest.Wait()
		}
		if want := "[[1] [2 3 4] [11] [12 13 14]]"; fmt.Sprint(batches) != want {
			t.Errorf("got %v, want %s", batches, want)
		}
	})
}

// A batcher whose goroutine may not start refuses its items.
func TestStartRefuses(t *testing.T) {
	t.Parallel()
	b := coalesce.Batcher[int]{Start: func(func()) bool { return false }}
	if b.Add(1) {
		t.Error("an item was added that nothing handles")
	}
}
