package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

func mission(id string) missions.Mission {
	m := missions.Mission{ID: id, Name: "mission " + id, Type: "t"}
	m.Normalize()
	return m
}

func tryCreate(s missions.Missions, ids ...string) ([]missions.CreateResult, error) {
	batch := make([]missions.Mission, len(ids))
	for i, id := range ids {
		batch[i] = mission(id)
	}
	return s.Create(context.Background(), batch)
}

func create(t *testing.T, s missions.Missions, ids ...string) {
	t.Helper()
	results, err := tryCreate(s, ids...)
	if err != nil {
		t.Fatalf("create: %v", err)
	}
	for i, r := range results {
		if r.Err != nil || !r.Created {
			t.Fatalf("create %s: created is %v, error is %v", ids[i], r.Created, r.Err)
		}
	}
}

func wantUnavailable(t *testing.T, err error, words string) {
	t.Helper()
	if !errors.Is(err, missions.ErrUnavailable) || !strings.Contains(err.Error(), words) {
		t.Errorf("error is %v, want unavailable with %q", err, words)
	}
}

// recovered asks until the store works again.
func recovered(t *testing.T, s missions.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for err := s.Ping(ctx); err != nil; err = s.Ping(ctx) {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("the store does not come back: %v", err)
		}
	}
}

func TestRestartUnderLoadLosesNothingConfirmed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t) // appendfsync always
	s := mustOpen(t, redisstore.Config{URL: server.URL(), Timeout: 2 * time.Second})
	const callers = 6
	var confirmed [callers][]string
	var stop atomic.Bool
	var wait sync.WaitGroup
	begun := make(chan struct{}, callers)
	for c := range callers {
		wait.Go(func() {
			for i := 0; !stop.Load(); i++ {
				id := fmt.Sprintf("c%d-%d", c, i)
				results, err := tryCreate(s, id)
				if err != nil {
					wantUnavailable(t, err, "the store")
					recovered(t, s)
					// Whether it was stored is unknown; asking again with its id is safe.
					results, err = tryCreate(s, id)
				}
				if err != nil || results[0].Err != nil {
					continue // killed again
				}
				confirmed[c] = append(confirmed[c], id)
				if len(confirmed[c])%20 == 1 {
					select {
					case begun <- struct{}{}:
					default:
					}
				}
			}
		})
	}
	for range 3 {
		for range callers {
			<-begun
		}
		server.Kill()
		wantUnavailable(t, s.Ping(context.Background()), "")
		server.Restart()
	}
	stop.Store(true)
	wait.Wait()
	recovered(t, s)
	for c := range callers {
		for _, id := range confirmed[c] {
			if _, err := s.Get(context.Background(), id); err != nil {
				t.Fatalf("%s was confirmed and is gone: %v", id, err)
			}
		}
	}
}

func TestScriptsAreLoadedAgain(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := mustOpen(t, redisstore.Config{URL: server.URL()})
	create(t, s, "before")
	if err := server.Client().ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	create(t, s, "after")
}

func TestAHungRedisIsUnknownNotRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := mustOpen(t, redisstore.Config{URL: server.URL(), Timeout: 200 * time.Millisecond})
	create(t, s, "before")
	server.Freeze()
	wantUnavailable(t, s.CheckWrite(t.Context()), "not known")
	_, err := tryCreate(s, "m") // what it needs cannot be read
	wantUnavailable(t, err, "nothing was done")
	server.Thaw()
	recovered(t, s)
	results, err := tryCreate(s, "m")
	if err != nil || results[0].Err != nil {
		t.Fatalf("the same create again: %v, %v", err, results)
	}
	counts, err := s.Counts(t.Context())
	if err != nil || counts.Total() != 2 {
		t.Errorf("there are %d missions (%v), want 2", counts.Total(), err)
	}
}

func TestAMissingRedisIsRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := mustOpen(t, redisstore.Config{URL: server.URL()})
	server.Kill()
	_ = s.Ping(t.Context()) // uses up the connection that has just died
	_, err := tryCreate(s, "m")
	wantUnavailable(t, err, "nothing was done")
	server.Restart()
	recovered(t, s)
	create(t, s, "m")
}

func TestAFullRedisIsRefused(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := mustOpen(t, redisstore.Config{URL: server.URL()})
	create(t, s, "before")
	client := server.Client()
	if err := client.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	_, err := tryCreate(s, "m")
	wantUnavailable(t, err, "memory is full; nothing was done")
	if _, err := s.Get(t.Context(), "before"); err != nil {
		t.Errorf("reading: %v", err)
	}
	if err := client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	create(t, s, "m")
}

func TestADataSetThatIsGoneIsBegunAnew(t *testing.T) {
	t.Parallel()
	for name, partitions := range map[string]int{"one partition": 1, "several": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begunAnew(t, partitions)
		})
	}
}

func begunAnew(t *testing.T, partitions int) {
	t.Helper()
	server := redistest.Start(t)
	s := mustOpen(t, redisstore.Config{URL: server.URL(), Partitions: partitions})
	create(t, s, "lost", "also")
	other := mustOpen(t, redisstore.Config{URL: server.URL()})
	before := s.Outboxes()[0].Identity()
	if err := server.Client().FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	create(t, s, "a", "b", "c", "d")
	if _, err := s.Get(t.Context(), "lost"); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("a mission of the old data set: %v", err)
	}
	recovered(t, s)
	// Positions begin again; an old one must not be taken for a new one.
	if after := s.Outboxes()[0].Identity(); after == before {
		t.Error("the new outbox has the old one's identity")
	}
	if _, err := other.Outboxes()[0].Pending(t.Context(), 0, 1); err != nil {
		t.Error(err)
	}
	if a, b := other.Outboxes()[0].Identity(), s.Outboxes()[0].Identity(); a != b {
		t.Errorf("another supervisor knows the outbox as %s, not %s", a, b)
	}
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	watched := redistest.StartSentinel(t)
	s := mustOpen(t, redisstore.Config{URL: watched.URL(), Timeout: time.Second})
	create(t, s, "before")
	if err := watched.Master.Client().Wait(t.Context(), 1, 10*time.Second).Err(); err != nil {
		t.Fatal(err)
	}
	watched.Master.Kill()
	_, err := tryCreate(s, "m")
	wantUnavailable(t, err, "the store")
	watched.AwaitPromotion(t)
	recovered(t, s)
	if _, err := s.Get(t.Context(), "before"); err != nil {
		t.Errorf("what the replica had: %v", err)
	}
	results, err := tryCreate(s, "m")
	if err != nil || results[0].Err != nil {
		t.Errorf("the same create again: %v, %v", err, results)
	}
}

func TestOneNodeOfAClusterIsAway(t *testing.T) {
	t.Parallel()
	// The cluster goes on serving what it still has.
	cluster := redistest.StartCluster(t, 3, "--cluster-require-full-coverage", "no")
	s := mustOpen(t, redisstore.Config{URL: cluster.URL(), Partitions: 8, Timeout: time.Second})
	ids := make([]string, 64)
	for i := range ids {
		ids[i] = fmt.Sprint("m-", i)
	}
	create(t, s, ids...)
	cluster.Nodes[1].Kill()
	for i := range ids {
		ids[i] = fmt.Sprint("n-", i)
	}
	results, err := tryCreate(s, ids...)
	if err != nil {
		t.Fatalf("the whole batch failed: %v", err)
	}
	stored := 0
	for _, r := range results {
		if r.Err == nil {
			stored++
			continue
		}
		wantUnavailable(t, r.Err, "the store")
	}
	if stored == 0 || stored == len(results) {
		t.Errorf("%d of %d missions are stored with a node away", stored, len(results))
	}
	cluster.Nodes[1].Restart()
	recovered(t, s)
	results, err = tryCreate(s, ids...)
	for i := range results {
		if err != nil || results[i].Err != nil {
			t.Fatalf("the same create again: %v, %v", err, results[i].Err)
		}
	}
}
