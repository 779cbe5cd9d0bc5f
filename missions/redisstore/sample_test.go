package redisstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
)

// TestHistogramsFromBeforeSamplesAreNobodysGain opens a data set of an earlier version:
// a type of which no mission is stored any more has its histogram all the same.
func TestHistogramsFromBeforeSamplesAreNobodysGain(t *testing.T) {
	t.Parallel()
	server, prefix := redistest.Start(t, "--appendfsync", "no"), newPrefix()
	s := mustOpen(t, redisstore.Config{URL: server.URL() + "?prefix=" + prefix})
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	direct := redis.NewClient(options)
	defer func() { _ = direct.Close() }()
	key := fmt.Sprintf("{%s:0}:h:t", prefix)
	if err := direct.HSet(t.Context(), key, "r160", 50, "rs", 50_000_000, "q160", 50, "qs", 50_000_000).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sample(t.Context()); err != nil {
		t.Fatal(err)
	}
	work(t, s)
	for range 2 {
		stats, err := s.Stats(t.Context(), "t")
		if err != nil {
			t.Fatal(err)
		}
		if day := stats.Windows.Day; day.Completed != 1 || day.Duration.Average != nil && *day.Duration.Average > 0.5 {
			t.Errorf("a day with one short mission has %d completed, average run time %v", day.Completed, day.Duration.Average)
		}
		if _, err := s.Sample(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// work has one mission of type t created, claimed and completed.
func work(t *testing.T, s missions.Store) {
	t.Helper()
	m := missions.Mission{ID: "m", Name: "m", Type: "t"}
	m.Normalize()
	if _, err := s.Create(t.Context(), []missions.Mission{m}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Register(t.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, time.Hour); err != nil {
		t.Fatal(err)
	}
	claimed, err := s.Claim(t.Context(), []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
	if err != nil || len(claimed[0].Missions) != 1 {
		t.Fatalf("claim: %v, %+v", err, claimed)
	}
	end := missions.Finish{AgentID: "a", Outcome: missions.OutcomeComplete,
		LeaseRef: missions.LeaseRef{MissionID: "m", Lease: claimed[0].Missions[0].Lease}}
	if results, err := s.Finish(t.Context(), []missions.Finish{end}); err != nil || results[0].Err != nil {
		t.Fatalf("finish: %v, %+v", err, results)
	}
}
