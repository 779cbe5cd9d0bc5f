package redisstore_test

import (
	"fmt"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// waiting has the missions of a data set of which a partition loses commits: in each partition one
// that others wait for, in a batch, and in each partition some that wait for a mission, and for the batch.
type waiting struct {
	t       *testing.T
	s       *redisstore.Store
	sources []string // by partition
	ids     []string // of all that were created
	made    []int    // by partition
}

// add creates a mission in a partition.
func (w *waiting) add(partition int, flow missions.Flow) string {
	w.t.Helper()
	w.made[partition]++
	id := inPartition(partition, 3, w.made[partition])[w.made[partition]-1]
	m := missions.Mission{ID: id, Name: id, Type: "t", Flow: &flow}
	m.Normalize()
	r, err := w.s.Create(w.t.Context(), []missions.Mission{m})
	must(w.t, err)
	must(w.t, r[0].Err)
	w.ids = append(w.ids, id)
	return id
}

func after(c ...missions.Condition) missions.Flow { return missions.Flow{After: c} }

// dependents has missions of all partitions wait for each source, and for the batch.
func (w *waiting) dependents() {
	for partition := range 3 {
		for _, source := range w.sources {
			w.add(partition, after(missions.Condition{Mission: source, When: missions.WhenEnded}))
			w.add(partition, missions.Flow{ParentID: source})
		}
		w.add(partition, after(missions.Condition{Batch: "b", When: missions.WhenEnded}))
	}
}

// work has agents complete what can be claimed, as long as there is something.
func (w *waiting) work() {
	w.t.Helper()
	withAgent(w.t, w.s)
	for quiet := 0; quiet < 3; {
		_, err := w.s.Due(w.t.Context(), 1000)
		must(w.t, err)
		held := claimAll(w.t, w.s, 99)
		completed(w.t, w.s, held...)
		if quiet++; len(held) > 0 {
			quiet = 0
		}
	}
}

// TestNoWaitOutlivesALoss: once a partition has lost commits that nobody has any more, what missions wait for
// still happens for all of them, or cannot happen any more. No mission waits for ever.
func TestNoWaitOutlivesALoss(t *testing.T) {
	t.Parallel()
	for lost := range 3 {
		t.Run(fmt.Sprint("partition ", lost), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, "--appendfsync", "no")
			client, ctx := server.Client(), t.Context()
			w := &waiting{t: t, s: mustOpen(t, redisstore.Config{URL: server.URL(), Partitions: 3}), made: make([]int, 3)}
			withAgent(t, w.s)
			for partition := range 3 {
				w.sources = append(w.sources, w.add(partition, missions.Flow{Batch: "b"}))
			}
			w.dependents()
			before := stored(t, client, lost)

			w.work() // as far as it gets: the batch is open
			for partition := range 3 {
				w.sources[partition] = w.add(partition, missions.Flow{Batch: "b"})
			}
			w.dependents()
			_, err := w.s.CloseBatches(ctx, []string{"b"})
			must(t, err)
			restore(t, client, lost, before)
			must(t, client.Del(ctx, "{mc:0}:j").Err())
			must(t, client.HDel(ctx, "{mc:0}:docs", "counted").Err()) // partition 0 may have lost that, too

			noticed := inPartition(lost, 3, 99)[98]
			eventually(t, func() error {
				r, err := tryCreate(w.s, noticed)
				if err == nil {
					err = r[0].Err
				}
				return err
			})
			eventually(t, func() error {
				_, err := w.s.List(ctx, missions.Filter{})
				return err
			})
			_, err = w.s.CloseBatches(ctx, []string{"b"}) // partition 0 may have lost that
			must(t, err)
			_, err = w.s.Leave(ctx, "a", "ends its attempts")
			must(t, err)
			w.work()

			page, err := w.s.List(ctx, missions.Filter{})
			must(t, err)
			for i := range page.Missions {
				if m := &page.Missions[i]; !m.Status.Terminal() {
					t.Errorf("%s is %s for ever: %+v", m.ID, m.Status, m.Flow)
				}
			}
			members := 0
			for i := range page.Missions {
				if f := page.Missions[i].Flow; f != nil && f.Batch == "b" {
					members++
				}
			}
			batches, err := w.s.Batch(ctx, "b")
			must(t, err)
			if batches.Total != int64(members) || batches.EndedAt == 0 {
				t.Errorf("the batch is %+v, and %d missions are listed", batches, members)
			}
			counts, err := w.s.Counts(ctx)
			must(t, err)
			for kind, n := range counts.Waiting {
				if n != 0 {
					t.Errorf("%d missions are counted that wait for a %s", n, missions.WaitKinds()[kind])
				}
			}
			wantCounted(t, w.s)
		})
	}
}
