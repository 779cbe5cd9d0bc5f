package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// inPartition returns n ids of missions in a partition.
func inPartition(partition, partitions, n int) (ids []string) {
	for i := 0; len(ids) < n; i++ {
		id := fmt.Sprintf("p%d-%d", partition, i)
		hash := fnv.New32a()
		_, _ = hash.Write([]byte(id))
		if int(hash.Sum32()%uint32(partitions)) == partition { //nolint:gosec // small
			ids = append(ids, id)
		}
	}
	return ids
}

func claimAll(t *testing.T, s missions.Store, most int) (held []missions.LeaseRef) {
	t.Helper()
	claimed, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: most, Lease: time.Hour}})
	must(t, err)
	must(t, claimed[0].Err)
	for i := range claimed[0].Missions {
		held = append(held, refOf(&claimed[0].Missions[i]))
	}
	return held
}

func withAgent(t *testing.T, s missions.Store) {
	t.Helper()
	_, err := s.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 99}, time.Hour)
	must(t, err)
}

// completed completes missions, again and again until the store can.
func completed(t *testing.T, s missions.Store, held ...missions.LeaseRef) {
	t.Helper()
	for _, ref := range held {
		eventually(t, func() error {
			r, err := s.Finish(t.Context(), []missions.Finish{{AgentID: "a", LeaseRef: ref, Outcome: missions.OutcomeComplete}})
			if err == nil {
				err = r[0].Err
			}
			return err
		})
	}
}

// eventually does something again until it does not fail for want of the store.
func eventually(t *testing.T, do func() error) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := do()
		if !errors.Is(err, missions.ErrUnavailable) {
			must(t, err)
			return
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatal(err)
		}
	}
}

// statusesOf returns the statuses of missions.
func statusesOf(t *testing.T, s missions.Store, ids []string) (list []missions.Status) {
	t.Helper()
	for _, id := range ids {
		eventually(t, func() error {
			m, err := s.Get(t.Context(), id)
			if err == nil {
				list = append(list, m.Status)
			}
			return err
		})
	}
	return list
}

// wantCounted checks that as many missions of each status are counted as listed.
func wantCounted(t *testing.T, s missions.Store) {
	t.Helper()
	counts, err := s.Counts(t.Context())
	must(t, err)
	for _, status := range missions.Statuses() {
		var page missions.Page
		eventually(t, func() (err error) {
			page, err = s.List(t.Context(), missions.Filter{Status: status})
			return err
		})
		if int64(len(page.Missions)) != counts.ByStatus[status] {
			t.Errorf("%d missions are counted as %s, and %d listed", counts.ByStatus[status], status, len(page.Missions))
		}
	}
}

// TestAChangeReachesItsPartitionLater: what was committed while a partition could not take it, or
// took it only in part, is there once it can, and once only.
func TestAChangeReachesItsPartitionLater(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	for _, restarted := range []bool{false, true} {
		cfg := redisstore.Config{URL: server.URL() + "?prefix=" + newPrefix(), Partitions: 3}
		_, prefix, _ := strings.Cut(cfg.URL, "=")
		s := mustOpen(t, cfg)
		withAgent(t, s)
		ids := append(inPartition(1, 3, 2), inPartition(0, 3, 1)...)
		create(t, s, ids...)
		held := claimAll(t, s, 3)
		client, ctx := server.Client(), t.Context()
		ended := "{" + prefix + ":1}:f"
		must(t, client.Set(ctx, ended, "not ours", 0).Err())
		_, err := s.Finish(ctx, []missions.Finish{
			{AgentID: "a", LeaseRef: held[0], Outcome: missions.OutcomeComplete},
			{AgentID: "a", LeaseRef: held[2], Outcome: missions.OutcomeComplete},
		})
		wantUnavailable(t, err, "not known")
		if got := statusesOf(t, s, ids[2:]); got[0] != missions.Completed {
			t.Errorf("the mission in partition 0 is %s", got[0])
		}
		_, err = s.Get(ctx, ids[0])
		wantUnavailable(t, err, "the store")
		_, err = s.List(ctx, missions.Filter{})
		wantUnavailable(t, err, "the store")
		must(t, client.Del(ctx, ended).Err())
		if restarted {
			must(t, s.Close())
			s = mustOpen(t, cfg)
		}
		if got, want := statusesOf(t, s, ids), []missions.Status{missions.Completed, missions.Running, missions.Completed}; !slices.Equal(got, want) {
			t.Errorf("the missions are %v, want %v", got, want)
		}
		log, err := s.Log(ctx, ids[0], 0, 100)
		if err != nil || len(log.Entries) != 3 {
			t.Errorf("the log is %+v (%v), want created, claimed, completed", log.Entries, err)
		}
		completed(t, s, held[1])
		wantCounted(t, s)
	}
}

// stored is what a partition of the data set mc has.
func stored(t *testing.T, client *redis.Client, partition int) map[string]string {
	t.Helper()
	keys, err := client.Keys(t.Context(), fmt.Sprintf("{mc:%d}:*", partition)).Result()
	must(t, err)
	dump := map[string]string{}
	for _, key := range keys {
		dump[key] = client.Dump(t.Context(), key).Val()
	}
	return dump
}

// restore makes a partition what it once was, as a failover to a late replica does.
func restore(t *testing.T, client *redis.Client, partition int, dump map[string]string) {
	t.Helper()
	for key := range stored(t, client, partition) {
		must(t, client.Del(t.Context(), key).Err())
	}
	for key, value := range dump {
		must(t, client.Restore(t.Context(), key, 0, value).Err())
	}
}

// TestAPartitionLosesCommits: it gets them again from the journal, or else what is left agrees
// with itself.
func TestAPartitionLosesCommits(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]struct {
		partition int
		journal   bool // is gone, too
		back      bool // everything is there again
	}{"from the journal": {1, false, true}, "without the journal": {1, true, false}, "partition 0": {0, false, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t, "--appendfsync", "no")
			client, ctx := server.Client(), t.Context()
			s := mustOpen(t, redisstore.Config{URL: server.URL(), Partitions: 3})
			withAgent(t, s)
			var ids []string
			for k := range 3 {
				ids = append(ids, inPartition(k, 3, 6)...)
			}
			first, second := ids[:9], ids[9:]
			create(t, s, first...)
			held := claimAll(t, s, 3)
			before := stored(t, client, lose.partition)

			create(t, s, second...)
			held = append(held, claimAll(t, s, 9)...)
			completed(t, s, held[7:]...)
			newest := held[len(held)-1].Lease
			restore(t, client, lose.partition, before)
			if lose.journal {
				must(t, client.Del(ctx, "{mc:0}:j").Err())
			}

			noticed := inPartition(1, 3, 7)[6]
			eventually(t, func() error {
				r, err := tryCreate(s, noticed)
				if err == nil {
					err = r[0].Err
				}
				return err
			})
			wantCounted(t, s)
			if lose.back {
				if got := statusesOf(t, s, ids); len(got) != len(ids) {
					t.Errorf("the missions are %v", got)
				}
				completed(t, s, held[:7]...)
			}
			_, err := s.Leave(ctx, "a", "ends its attempts")
			must(t, err)
			_, err = s.Due(ctx, 1000)
			must(t, err)
			running, err := s.List(ctx, missions.Filter{Status: missions.Running})
			if err != nil || len(running.Missions) != 0 {
				t.Errorf("%d missions are RUNNING whose attempts have ended (%v)", len(running.Missions), err)
			}
			withAgent(t, s)
			for _, ref := range claimAll(t, s, 99) {
				if ref.Lease <= newest {
					t.Errorf("fencing token %d was given again", ref.Lease)
				}
			}
			pending, err := s.List(ctx, missions.Filter{Status: missions.Pending})
			if err != nil || len(pending.Missions) != 0 {
				t.Errorf("%d missions are PENDING, and no agent gets them (%v)", len(pending.Missions), err)
			}
			wantCounted(t, s)
		})
	}
}

// TestWhatAPartitionHasLostIsNotRead: a supervisor that leads notices what a partition has lost
// when it reads there, and the journal brings it back. Numbers of entries mean one thing for ever.
func TestWhatAPartitionHasLostIsNotRead(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	client := server.Client()
	s := mustOpen(t, redisstore.Config{URL: server.URL(), Partitions: 2})
	withAgent(t, s)
	ids := append(inPartition(1, 2, 4), inPartition(0, 2, 1)...)
	create(t, s, ids[0])
	before := stored(t, client, 1)
	first := stored(t, client, 0)
	create(t, s, ids[1])
	held := claimAll(t, s, 2)
	there := func(ids ...string) {
		t.Helper()
		for _, status := range statusesOf(t, s, ids) { // fails for one that is not there
			if status == "" {
				t.Error("a mission has no status")
			}
		}
	}
	restore(t, client, 1, before)
	there(ids[:2]...)
	restore(t, client, 1, before)
	if given := claimAll(t, s, 2); len(given) > 0 {
		t.Errorf("missions %v were given to a second holder", given)
	}
	completed(t, s, held...)
	there(ids[:2]...)

	// Partition 0 loses an entry, another one is made, and then the partition becomes what it
	// was with the one that is gone.
	after := stored(t, client, 1)
	restore(t, client, 0, first)
	eventually(t, func() error { return s.CheckWrite(t.Context()) })
	create(t, s, ids[4]) // whoever creates waits until the partitions agree again
	eventually(t, func() error {
		r, err := tryCreate(s, ids[2])
		if err == nil {
			err = r[0].Err
		}
		return err
	})
	restore(t, client, 1, after)
	there(ids[2])
	wantCounted(t, s)
}

// TestAPartitionIsBack: an agent that does nothing but ask gets the missions of a partition that
// is back.
func TestAPartitionIsBack(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no")
	s := mustOpen(t, redisstore.Config{URL: cluster.URL(), Partitions: 8, Timeout: time.Second})
	withAgent(t, s)
	var ids []string
	for k := range 8 {
		ids = append(ids, inPartition(k, 8, 1)...)
	}
	create(t, s, ids...)
	var away *redistest.Server
	for _, node := range cluster.Nodes { // any but that of partition 0
		if n, err := node.Client().Exists(t.Context(), "{mc:0}:meta").Result(); err != nil || n == 0 {
			away = node
		}
	}
	away.Kill()
	another := mustOpen(t, redisstore.Config{URL: cluster.URL(), Timeout: time.Second}) // starts all the same
	if _, err := another.ListAgents(t.Context(), missions.AgentFilter{}); err != nil {
		t.Error(err)
	}
	given := 0
	var held []missions.LeaseRef
	ask := func() (n int) {
		// The reply of a claim that the node has interrupted is lost: heartbeats say so.
		_, err := s.Heartbeat(t.Context(), []missions.Heartbeat{{AgentID: "a", Lease: time.Hour, Running: held}})
		if err != nil && !errors.Is(err, missions.ErrUnavailable) {
			t.Fatal(err)
		}
		claimed, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 8, Lease: time.Hour}})
		if err == nil {
			err = claimed[0].Err
		}
		if err != nil && !errors.Is(err, missions.ErrUnavailable) {
			t.Fatal(err)
		}
		if err == nil {
			n = len(claimed[0].Missions)
			for i := range claimed[0].Missions {
				held = append(held, refOf(&claimed[0].Missions[i]))
			}
		}
		return n
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for restarted := false; given < len(ids); {
		n := ask()
		if given += n; n == 0 && given > 0 && !restarted {
			restarted = true
			if given == len(ids) {
				t.Fatal("the node that is away has no partition")
			}
			away.Restart()
		}
		select {
		case <-again.C:
		case <-t.Context().Done():
			t.Fatalf("%d of %d missions were given", given, len(ids))
		}
	}
}

// TestAPartitionIsFull: new missions are refused, and those that are there can be finished.
func TestAPartitionIsFull(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t, 3, "--maxmemory-policy", "noeviction")
	s := mustOpen(t, redisstore.Config{URL: cluster.URL(), Partitions: 8})
	withAgent(t, s)
	ctx := t.Context()
	var full *redistest.Server
	for _, node := range cluster.Nodes { // any but that of partition 0
		if n, err := node.Client().Exists(ctx, "{mc:0}:meta").Result(); err != nil || n == 0 {
			full = node
		}
	}
	var there, elsewhere []string
	for k := range 8 {
		id := inPartition(k, 8, 1)[0]
		create(t, s, id)
		if n, err := full.Client().Exists(ctx, fmt.Sprintf("{mc:%d}:m:%s", k, id)).Result(); err == nil && n == 1 {
			there = append(there, id)
		} else {
			elsewhere = append(elsewhere, id)
		}
	}
	if len(there) == 0 {
		t.Fatal("the node has no partition")
	}
	held := claimAll(t, s, 8)
	must(t, full.Client().ConfigSet(ctx, "maxmemory", "1").Err())
	completed(t, s, held...) // also tells the store that the node is full
	if got := statusesOf(t, s, append(there, elsewhere...)); slices.ContainsFunc(got, func(s missions.Status) bool { return s != missions.Completed }) {
		t.Errorf("the missions are %v", got)
	}
	another := func(id string) string { // in the same partition
		for k := range 8 {
			if two := inPartition(k, 8, 2); two[0] == id {
				return two[1]
			}
		}
		return ""
	}
	r, err := tryCreate(s, another(there[0]), another(elsewhere[0]))
	must(t, err)
	wantUnavailable(t, r[0].Err, "memory is full; nothing was done")
	must(t, r[1].Err)
	if _, err := s.Get(ctx, another(there[0])); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("the mission that was refused: %v", err)
	}
	must(t, full.Client().ConfigSet(ctx, "maxmemory", "0").Err())
	eventually(t, func() error {
		r, err := tryCreate(s, another(there[0]))
		if err == nil {
			err = r[0].Err
		}
		return err
	})
}

// TestTheJournalIsTrimmed: entries that were applied go after some seconds.
func TestTheJournalIsTrimmed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	cfg := redisstore.Config{URL: server.URL(), Partitions: 2}
	s := mustOpen(t, cfg)
	ids := inPartition(1, 2, 40)
	for i, id := range ids {
		m := mission(id)
		m.Data = []byte(`"` + strings.Repeat("x", 900_000) + `"`)
		r, err := s.Create(context.Background(), []missions.Mission{m})
		must(t, err)
		must(t, r[0].Err)
		if n := server.Client().XLen(t.Context(), "{mc:0}:j").Val(); n == 0 {
			t.Fatalf("after %d missions of nearly 1 MB, the journal has no entries", i+1)
		}
	}
	eventually(t, func() error { // once the partition was seen to have them
		must(t, s.CheckWrite(t.Context()))
		create(t, s, fmt.Sprint("more-", time.Now().UnixNano()))
		if n := server.Client().XLen(t.Context(), "{mc:0}:j").Val(); n > 22 {
			return missions.Unavailable(fmt.Sprint("the journal has ", n, " entries"), nil)
		}
		return nil
	})
}
