package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/storetest"
)

// fill puts n missions into an empty store by direct SQL: nine of ten COMPLETED,
// the others PENDING and claimable, each with its log.
const fill = `
	WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i + 1 < %[1]d)
	INSERT INTO missions (seq, id, name, type, priority, status, max_attempts, timeout_us, attempt, agent_id, lease,
		updated_at, started_at, finished_at, ready_at, ready)
	SELECT 1700000000000000 + i, printf('old-%%08x', i), 'mission ' || i, 't', 1, iif(i %% 10, 2, 0), 3, 0, i %% 10 > 0,
		iif(i %% 10, 'old', NULL), i, 1700000000000000 + i, 1700000000000000 + i,
		iif(i %% 10, 1700000000000000 + i, NULL), 1700000000000000 + i, i %% 10 = 0 FROM k;
	INSERT INTO log (seq, n, at, level, message) SELECT seq, 1, seq, 'info', 'created, PENDING' FROM missions;
	UPDATE marks SET token = %[1]d, seq = 1700000000000000 + %[1]d;`

// benchmarkFiles is where filled keeps its originals; TestMain removes it.
var benchmarkFiles = filepath.Join(os.TempDir(), fmt.Sprintf("sqlitestore-benchmark-%d", os.Getpid()))

// filled returns the path of a store that holds n missions, one that is made
// once per run and copied for each benchmark.
func filled(b *testing.B, n int) string {
	b.Helper()
	original := filepath.Join(benchmarkFiles, fmt.Sprintf("%d.db", n))
	if _, err := os.Stat(original); err != nil {
		s, err := Open(Config{Path: original})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		c, err := openConn(original, "PRAGMA journal_mode = WAL; PRAGMA cache_size = -100000")
		if err != nil {
			b.Fatal(err)
		}
		if err := c.db.Exec("PRAGMA synchronous = OFF; BEGIN;" + fmt.Sprintf(fill, n) + "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
			b.Fatal(err)
		}
		u := newUnsettled()
		for _, name := range []string{"", "t"} {
			total := u.total(name)
			total.ByStatus[0], total.ByStatus[2] = int64(n/10), int64(n-n/10)
		}
		if err := errors.Join(u.writeTotals(c), c.close()); err != nil {
			b.Fatal(err)
		}
	}
	path := filepath.Join(b.TempDir(), "store.db")
	copyFlushed(b, path, original)
	return path
}

// copyFlushed copies a file to disk, so that the benchmark's first flush does not
// pay for the copy.
func copyFlushed(b *testing.B, to, from string) {
	b.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		b.Fatal(err)
	}
	file, err := os.Create(to)
	if err != nil {
		b.Fatal(err)
	}
	_, err = file.Write(data)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		b.Fatal(err)
	}
}

// sizes runs a benchmark in a small store and in a large one.
func sizes(b *testing.B, run func(*testing.B, *Store)) {
	for _, n := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := mustOpen(b, Config{Path: filled(b, n), OutboxLimit: 1 << 40})
			b.ResetTimer()
			run(b, s)
			b.StopTimer()
		})
	}
}

func BenchmarkOpenMillion(b *testing.B) {
	path := filled(b, 1_000_000)
	for b.Loop() {
		s, err := Open(Config{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Counts(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkCreate has 32 callers that create one mission at a time.
func BenchmarkCreate(b *testing.B) {
	sizes(b, func(b *testing.B, s *Store) {
		var next atomic.Int64
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				m := mission(fmt.Sprintf("new-%d", next.Add(1)), "t")
				if results, err := s.Create(context.Background(), []missions.Mission{m}); err != nil || results[0].Err != nil {
					b.Error(err, results)
				}
			}
		})
	})
}

// BenchmarkCreateBatch creates 1000 missions at a time; one of them is the unit.
func BenchmarkCreateBatch(b *testing.B) {
	sizes(b, func(b *testing.B, s *Store) {
		for done := 0; done < b.N; done += 1000 {
			if _, err := s.Create(b.Context(), batchOf(done, 1000)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkClaimComplete has 32 agents that claim and complete one mission at a
// time.
func BenchmarkClaimComplete(b *testing.B) {
	sizes(b, func(b *testing.B, s *Store) {
		for done := 0; done < b.N; done += 1000 {
			if _, err := s.Create(b.Context(), batchOf(done, 1000)); err != nil {
				b.Fatal(err)
			}
		}
		var next atomic.Int64
		b.SetParallelism(16)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			agent := fmt.Sprintf("a%d", next.Add(1))
			if _, err := s.Register(context.Background(), missions.Agent{ID: agent, Types: []string{"t"}, Capacity: 1}, leaseTime); err != nil {
				b.Error(err)
			}
			for pb.Next() {
				claims, err := s.Claim(context.Background(), []missions.ClaimRequest{{AgentID: agent, Max: 1, Lease: leaseTime}})
				if err != nil || len(claims[0].Missions) != 1 {
					b.Error(err, claims)
					return
				}
				m := claims[0].Missions[0]
				ends, err := s.Finish(context.Background(), []missions.Finish{{AgentID: agent, Outcome: missions.OutcomeComplete,
					LeaseRef: missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}, Result: []byte(`{"ok":true}`)}})
				if err != nil || ends[0].Err != nil {
					b.Error(err, ends)
				}
			}
		})
	})
}

// BenchmarkHeartbeatAmongCreates has an agent beat while 256 callers create 1000
// missions at a time.
func BenchmarkHeartbeatAmongCreates(b *testing.B) {
	s := mustOpen(b, Config{OutboxLimit: 1 << 40})
	if _, err := s.Register(b.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, leaseTime); err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	var flood sync.WaitGroup
	var next atomic.Int64
	for range 256 {
		flood.Go(func() {
			for ctx.Err() == nil {
				_, _ = s.Create(ctx, batchOf(int(next.Add(1)), 1000)) // until the context ends
			}
		})
	}
	for b.Loop() {
		if _, err := s.Heartbeat(b.Context(), []missions.Heartbeat{{AgentID: "a", Lease: leaseTime}}); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	flood.Wait()
}

func BenchmarkGet(b *testing.B) {
	sizes(b, func(b *testing.B, s *Store) {
		for i := 0; b.Loop(); i++ {
			if _, err := s.Get(b.Context(), fmt.Sprintf("old-%08x", i*7919%1000)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCounts(b *testing.B) {
	sizes(b, func(b *testing.B, s *Store) {
		for b.Loop() {
			if _, err := s.Counts(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkFlow is storetest.Flow, with stores of several sizes.
func BenchmarkFlow(b *testing.B) {
	sizes(b, func(b *testing.B, s *Store) { storetest.Flow(b, s) })
}

// BenchmarkFanIn is storetest.FanIn: 100,000 missions wait for one batch.
func BenchmarkFanIn(b *testing.B) { storetest.FanIn(b, emptyStore(b), 100_000) }

// BenchmarkConditions is storetest.Conditions, with one and with a hundred.
func BenchmarkConditions(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { storetest.Conditions(b, emptyStore(b), n) })
	}
}

func emptyStore(b *testing.B) *Store {
	b.Helper()
	s, err := Open(Config{Path: filepath.Join(b.TempDir(), "store.db"), OutboxLimit: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// BenchmarkKeys is storetest.Keys with a million missions, and with 10,000 keys of which one has nearly all of them.
func BenchmarkKeys(b *testing.B) {
	storetest.Keys(b, emptyStore(b), emptyStore(b), 10_000, 1_000_000)
}
