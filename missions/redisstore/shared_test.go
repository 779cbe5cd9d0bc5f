package redisstore_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/leader"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// supervisors are stores on one Redis that send each other messages.
type supervisors struct {
	url string

	mu     sync.Mutex
	stores map[string]*redisstore.Store
}

func (s *supervisors) join(t *testing.T, name string) *redisstore.Store {
	t.Helper()
	store := mustOpen(t, redisstore.Config{URL: s.url, Self: name, Timeout: time.Second,
		Send: func(ctx context.Context, to, _ string, message []byte) ([]byte, error) {
			s.mu.Lock()
			store := s.stores[to]
			s.mu.Unlock()
			if store == nil {
				return nil, leader.ErrNotDelivered
			}
			return store.Answer(ctx, message)
		}})
	s.mu.Lock()
	s.stores[name] = store
	s.mu.Unlock()
	return store
}

func elect(t *testing.T, s *redisstore.Store, name string) {
	t.Helper()
	_, err := s.Lead(t.Context(), name, time.Hour)
	must(t, err)
}

// TestSeveralSupervisors: one leads and the other forwards, before and after the data set is gone
// and begun anew, and after leadership has moved.
func TestSeveralSupervisors(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	fleet := &supervisors{url: server.URL(), stores: map[string]*redisstore.Store{}}
	a, b := fleet.join(t, "a"), fleet.join(t, "b")
	both := func() {
		t.Helper()
		elect(t, a, "a")
		elect(t, b, "b")
	}
	created := func(s *redisstore.Store, id string) {
		t.Helper()
		eventually(t, func() error {
			_, err := tryCreate(s, id)
			if err != nil {
				both() // Redis was too slow for the leader, which then leads no more
			}
			return err
		})
	}
	both()
	created(b, "forwarded")
	if _, err := a.Get(t.Context(), "forwarded"); err != nil {
		t.Error(err)
	}
	before := b.Identity()
	must(t, server.Client().FlushAll(t.Context()).Err())
	both() // the leader has lost its leadership, too, and gets it back
	must(t, a.CheckWrite(t.Context()))
	both() // with the next election, the other one learns of the new data set
	created(b, "anew")
	if _, err := b.Get(t.Context(), "forwarded"); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("a mission of the data set that is gone: %v", err)
	}
	if b.Identity() == before || b.Identity() != a.Identity() {
		t.Errorf("the data set is called %s by one and %s by the other, and was %s", a.Identity(), b.Identity(), before)
	}
	must(t, a.Resign(t.Context(), "a"))
	created(a, "after resigning") // until another one leads
	elect(t, b, "b")
	elect(t, a, "a")
	created(a, "to the next one")
	counts, err := b.Counts(t.Context())
	if err != nil || counts.Total() != 3 {
		t.Errorf("%d missions (%v), want 3", counts.Total(), err)
	}
	if _, err := a.Answer(t.Context(), []byte("forged")); err == nil {
		t.Error("a forged message is answered")
	}
}

// TestARedisThatLostCommitsIsReadAnew: what a Redis has lost, in a failover for example, is gone
// from the supervisor's memory, too.
func TestARedisThatLostCommitsIsReadAnew(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	s := mustOpen(t, redisstore.Config{URL: server.URL()})
	create(t, s, "kept")
	client, ctx := server.Client(), t.Context()
	keys, err := client.Keys(ctx, "*").Result()
	must(t, err)
	snapshot := map[string]string{}
	for _, key := range keys {
		snapshot[key] = client.Dump(ctx, key).Val()
	}
	create(t, s, "lost")
	must(t, client.FlushAll(ctx).Err())
	for key, value := range snapshot {
		must(t, client.Restore(ctx, key, 0, value).Err())
	}
	must(t, s.CheckWrite(ctx)) // the next commit notices
	create(t, s, "lost")       // not as one that is there already
	counts, err := s.Counts(ctx)
	if err != nil || counts.Total() != 2 {
		t.Errorf("%d missions are counted (%v), want 2", counts.Total(), err)
	}
	list, err := s.List(ctx, missions.Filter{})
	if err != nil || len(list.Missions) != 2 {
		t.Errorf("%d missions are listed (%v), want 2", len(list.Missions), err)
	}
}

// TestWhatABrokenCommitHasLeftIsPutRight: entries of indexes and leases that fit no mission stop
// nothing.
func TestWhatABrokenCommitHasLeftIsPutRight(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--appendfsync", "no")
	url := server.URL()
	s := mustOpen(t, redisstore.Config{URL: url})
	_, err := s.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 9}, time.Hour)
	must(t, err)
	create(t, s, "done", "next")
	claimed, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
	must(t, err)
	_, err = s.Finish(t.Context(), []missions.Finish{{AgentID: "a", LeaseRef: refOf(&claimed[0].Missions[0]), Outcome: missions.OutcomeComplete}})
	must(t, err)
	must(t, s.Close())
	client, ctx := server.Client(), t.Context()
	record := client.Get(ctx, "{mc:0}:m:done").Val()
	if record == "" {
		t.Fatal("there is no record")
	}
	must(t, client.Do(ctx, "ZADD", "{mc:0}:q:1:t", 1, "done", 2, "never-was").Err())
	must(t, client.Do(ctx, "ZADD", "{mc:0}:w", 1, "0000000000000001:done", 2, "0000000000000002:never-was").Err())
	must(t, client.Do(ctx, "HSET", "{mc:0}:leases", "done", `{"expires_at":1,"seq":1,"type":"t","agent_id":"a","token":9}`,
		"never-was", `{"expires_at":1,"seq":2,"type":"t","agent_id":"a","token":9}`).Err())
	again := mustOpen(t, redisstore.Config{URL: url})
	for range 3 {
		_, err = again.Due(ctx, 100)
		must(t, err)
	}
	claimed, err = again.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: 5, Lease: time.Hour}})
	if err != nil || len(claimed[0].Missions) != 1 || claimed[0].Missions[0].ID != "next" {
		t.Errorf("claimed: %+v, %v", claimed, err)
	}
	for key, want := range map[string]int64{"{mc:0}:q:1:t": 0, "{mc:0}:w": 0} {
		if n := client.ZCard(ctx, key).Val(); n != want {
			t.Errorf("%s has %d members, want %d", key, n, want)
		}
	}
	if n := client.HLen(ctx, "{mc:0}:leases").Val(); n != 1 {
		t.Errorf("there are %d leases, want 1", n)
	}
}
