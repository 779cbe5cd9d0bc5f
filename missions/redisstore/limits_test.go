package redisstore_test

import (
	"fmt"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// TestLimitsAgreeWithMissionsAfterALoss: once a partition has lost commits that nobody has any more, a limit counts the
// missions that run, and every mission that is left has its turn.
func TestLimitsAgreeWithMissionsAfterALoss(t *testing.T) {
	t.Parallel()
	for lost := range 3 {
		t.Run(fmt.Sprint("partition ", lost), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, "--appendfsync", "no")
			client, ctx := server.Client(), t.Context()
			w := &waiting{t: t, s: mustOpen(t, redisstore.Config{URL: server.URL(), Partitions: 3}), made: make([]int, 3)}
			withAgent(t, w.s)
			one := int64(1)
			_, err := w.s.SetLimit(ctx, missions.LimitRequest{Spec: missions.LimitSpec{Name: "l", PerKey: &one}})
			must(t, err)
			keyed := func(partition, key int) {
				w.add(partition, missions.Flow{Key: fmt.Sprint("k", key), Limits: []string{"l"}})
			}
			for partition := range 3 {
				keyed(partition, partition)
			}
			before := stored(t, client, lost)
			claimAll(t, w.s, 2) // they are never reported
			for partition := range 3 {
				for key := range 3 {
					keyed(partition, key)
				}
			}
			restore(t, client, lost, before)
			must(t, client.Del(ctx, "{mc:0}:j").Err())

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
			running := func() (n int64) {
				page, err := w.s.List(ctx, missions.Filter{Status: missions.Running})
				must(t, err)
				for i := range page.Missions {
					if page.Missions[i].Flow != nil {
						n++
					}
				}
				return n
			}
			limit, err := w.s.Limit(ctx, "l")
			must(t, err)
			if n := running(); limit.Running != n {
				t.Errorf("%d missions run, and the limit counts %d", n, limit.Running)
			}
			page, err := w.s.List(ctx, missions.Filter{Status: missions.Running})
			must(t, err)
			for i := range page.Missions {
				_, err := w.s.Cancel(ctx, []missions.CancelRequest{{ID: page.Missions[i].ID}})
				must(t, err)
			}
			w.work()
			page, err = w.s.List(ctx, missions.Filter{})
			must(t, err)
			for i := range page.Missions {
				if m := &page.Missions[i]; !m.Status.Terminal() {
					t.Errorf("mission %s with key %s is %s for ever", m.ID, m.Key, m.Status)
				}
			}
			if limit, err = w.s.Limit(ctx, "l"); err != nil || limit.Running+limit.Waiting != 0 {
				t.Errorf("in the end the limit counts %d running and %d waiting, %v", limit.Running, limit.Waiting, err)
			}
		})
	}
}
