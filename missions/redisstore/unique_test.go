package redisstore_test

import (
	"fmt"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// TestUniqueKeysAgreeWithMissionsAfterALoss: once a partition has lost commits that nobody has any more, a key is held by
// its mission if that is left, and by nobody if it is lost.
func TestUniqueKeysAgreeWithMissionsAfterALoss(t *testing.T) {
	t.Parallel()
	for lost := range 3 {
		t.Run(fmt.Sprint("partition ", lost), func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, "--appendfsync", "no")
			client, ctx := server.Client(), t.Context()
			w := &waiting{t: t, s: mustOpen(t, redisstore.Config{URL: server.URL(), Partitions: 3}), made: make([]int, 3)}
			for partition := range 3 {
				w.add(partition, missions.Flow{})
			}
			before := stored(t, client, lost)

			key := func(partition int) *missions.Unique {
				return &missions.Unique{Key: fmt.Sprint("k", partition), OnConflict: missions.ConflictKeep, ForSeconds: 0.001}
			}
			holders := make([]string, 3)
			for partition := range 3 {
				holders[partition] = w.add(partition, missions.Flow{Unique: key(partition)})
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
			for partition := range 3 {
				m := missions.Mission{ID: fmt.Sprint("new", partition), Name: "n", Type: "t", Flow: &missions.Flow{Unique: key(partition)}}
				m.Normalize()
				r, err := w.s.Create(ctx, []missions.Mission{m})
				must(t, err)
				must(t, r[0].Err)
				if r[0].Created != (partition == lost) || !r[0].Created && r[0].Mission.ID != holders[partition] {
					t.Errorf("key %d: created %v, held by %s, was held by %s", partition, r[0].Created, r[0].Mission.ID, holders[partition])
				}
			}
		})
	}
}
