package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"missioncontrol/missions"
)

// FanIn has many missions wait for one batch, ends it, and measures until the last of them can be
// claimed, as the supervisor has it: Due is called again and again. Meanwhile an agent sends
// heartbeats one after the other; the longest is reported beside the median of those before.
func FanIn(b *testing.B, s missions.Store, waiters int) {
	ctx := b.Context()
	_, err := s.Register(ctx, missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1}, time.Hour)
	benchMust(b, err)
	_, err = s.Create(ctx, []missions.Mission{waitingMission("source", &missions.Flow{Batch: "all"})})
	benchMust(b, err)
	for n := 0; n < waiters; n += missions.MaxBatch {
		batch := make([]missions.Mission, min(missions.MaxBatch, waiters-n))
		for i := range batch {
			batch[i] = waitingMission(fmt.Sprintf("w-%06d", n+i), &missions.Flow{After: []missions.Condition{{Batch: "all", When: missions.WhenEnded}}})
		}
		created, err := s.Create(ctx, batch)
		benchMust(b, err)
		for i := range created {
			benchMust(b, created[i].Err)
		}
		forgetAll(b, s)
	}
	quiet := beats(ctx, b, s, func() { time.Sleep(500 * time.Millisecond) })
	claimed, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
	benchMust(b, err)
	source := claimed[0].Missions[0]
	_, err = s.CloseBatches(ctx, []string{"all"})
	benchMust(b, err)
	begun := time.Now()
	busy := beats(ctx, b, s, func() {
		_, err = s.Finish(ctx, []missions.Finish{{AgentID: "a", Outcome: missions.OutcomeComplete,
			LeaseRef: missions.LeaseRef{MissionID: source.ID, Lease: source.Lease}}})
		benchMust(b, err)
		for {
			due, err := s.Due(ctx, 500)
			benchMust(b, err)
			if !due.More {
				return
			}
		}
	})
	took := time.Since(begun)
	stats, err := s.Stats(ctx, "")
	benchMust(b, err)
	if n := stats.Waiting[missions.WaitBatch]; n != 0 {
		b.Fatalf("%d missions still wait", n)
	}
	b.ReportMetric(float64(took.Microseconds())/float64(waiters), "µs/waiter")
	b.ReportMetric(took.Seconds(), "s")
	b.ReportMetric(float64(busy.longest)/float64(quiet.median), "longest-beat/median")
	b.ReportMetric(float64(busy.longest.Microseconds())/1e3, "longest-beat-ms")
	b.ReportMetric(0, "ns/op")
}

// beatTimes are durations of heartbeats.
type beatTimes struct{ median, longest time.Duration }

// beats measures heartbeats of an agent that holds nothing while something is done.
func beats(ctx context.Context, b *testing.B, s missions.Store, meanwhile func()) beatTimes {
	stop, done := make(chan struct{}), make(chan []time.Duration, 1)
	go func() {
		var all []time.Duration
		for {
			select {
			case <-stop:
				done <- all
				return
			default:
			}
			begun := time.Now()
			if _, err := s.Heartbeat(ctx, []missions.Heartbeat{{AgentID: "a", Lease: time.Hour, Receiving: true}}); err != nil {
				b.Error(err)
			}
			all = append(all, time.Since(begun))
			time.Sleep(time.Millisecond)
		}
	}()
	meanwhile()
	close(stop)
	all := <-done
	times := beatTimes{}
	for _, d := range all {
		times.longest = max(times.longest, d)
	}
	times.median = medianOf(all)
	return times
}

// Conditions has a mission wait for so many others, which end one after the other, and measures from
// the creation of the mission until it can be claimed, for each condition.
func Conditions(b *testing.B, s missions.Store, conditions int) {
	ctx := b.Context()
	_, err := s.Register(ctx, missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1000}, time.Hour)
	benchMust(b, err)
	round := 0
	var spent time.Duration
	for b.Loop() {
		round++
		batch := make([]missions.Mission, conditions)
		after := make([]missions.Condition, conditions)
		for i := range batch {
			id := fmt.Sprintf("s-%d-%d", round, i)
			batch[i] = waitingMission(id, nil)
			after[i] = missions.Condition{Mission: id, When: missions.WhenCompleted}
		}
		_, err := s.Create(ctx, batch)
		benchMust(b, err)
		claimed, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: conditions, Lease: time.Hour}})
		benchMust(b, err)
		begun := time.Now()
		created, err := s.Create(ctx, []missions.Mission{waitingMission(fmt.Sprintf("w-%d", round), &missions.Flow{After: after})})
		benchMust(b, err)
		benchMust(b, created[0].Err)
		for _, m := range claimed[0].Missions {
			ended, err := s.Finish(ctx, []missions.Finish{{AgentID: "a", Outcome: missions.OutcomeComplete,
				LeaseRef: missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}}})
			benchMust(b, err)
			benchMust(b, ended[0].Err)
			_, err = s.Due(ctx, 500)
			benchMust(b, err)
		}
		spent += time.Since(begun)
		last, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: "a", Max: 1, Lease: time.Hour}})
		benchMust(b, err)
		m := last[0].Missions[0]
		_, err = s.Finish(ctx, []missions.Finish{{AgentID: "a", Outcome: missions.OutcomeComplete, LeaseRef: missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}}})
		benchMust(b, err)
		forgetAll(b, s)
	}
	b.ReportMetric(float64(spent.Microseconds())/float64(round*conditions), "µs/condition")
	b.ReportMetric(0, "ns/op")
}

func waitingMission(id string, f *missions.Flow) missions.Mission {
	return missions.Mission{ID: id, Name: "bench", Type: "t", MaxAttempts: 3, Data: []byte(`{}`), Priority: missions.Normal, Flow: f.Normalize()}
}

// forgetAll empties the outbox.
func forgetAll(b *testing.B, s missions.Store) {
	outbox := s.Outboxes()[0]
	at, _, err := outbox.Acknowledged(b.Context())
	benchMust(b, err)
	for {
		events, err := outbox.Pending(b.Context(), at, 1000)
		benchMust(b, err)
		if len(events) == 0 {
			return
		}
		at = events[len(events)-1].Seq
		benchMust(b, outbox.Acknowledge(b.Context(), at, ""))
		benchMust(b, outbox.Forget(b.Context(), at))
	}
}

func medianOf(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

func benchMust(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
