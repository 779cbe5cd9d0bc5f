package storetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/wakeup"
)

// keptBehind is how many events a relay keeps behind what the stream has acknowledged.
const keptBehind = 20_000

// Flow has callers that create, claim and complete one mission at a time, 16 for each processor,
// while events are acknowledged, and forgotten a little later.
func Flow(b *testing.B, s missions.Store) {
	ctx, stop := context.WithCancel(context.Background())
	var relay sync.WaitGroup
	grew := wakeup.New()
	relay.Go(func() { relayFlow(ctx, s.Outboxes()[0], grew) })
	var next atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		agent := fmt.Sprintf("a%d", next.Add(1))
		if _, err := s.Register(ctx, missions.Agent{ID: agent, Types: []string{"flow"}, Capacity: 1}, time.Hour); err != nil {
			b.Error(err)
		}
		for pb.Next() {
			id := fmt.Sprintf("0192b0a0-0000-7000-8000-%012d", next.Add(1))
			if err := liveOnce(ctx, s, id, agent); err != nil {
				b.Error(err)
				return
			}
			grew.Send()
		}
	})
	stop()
	relay.Wait()
}

// liveOnce creates a mission, and has an agent claim and complete one.
func liveOnce(ctx context.Context, s missions.Store, id, agent string) error {
	m := missions.Mission{ID: id, Name: "bench", Type: "flow", Data: []byte(`{"n":1}`)}
	m.Normalize()
	if results, err := s.Create(ctx, []missions.Mission{m}); err != nil || results[0].Err != nil {
		return fmt.Errorf("create: %w, %+v", err, results)
	}
	claims, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: agent, Max: 1, Lease: time.Hour}})
	if err != nil || len(claims[0].Missions) != 1 {
		return fmt.Errorf("claim: %w, %+v", err, claims)
	}
	ends, err := s.Finish(ctx, []missions.Finish{completion(claims[0].Missions[0], `{"ok":true}`)})
	if err != nil || ends[0].Err != nil {
		return fmt.Errorf("complete: %w, %+v", err, ends)
	}
	return nil
}

// relayFlow acknowledges and forgets events until ctx ends.
func relayFlow(ctx context.Context, box missions.Outbox, grew wakeup.Signal) {
	for at := int64(0); ; {
		select {
		case <-grew:
		case <-ctx.Done():
			return
		}
		events, err := box.Pending(ctx, at, 1000)
		if err != nil || len(events) == 0 {
			continue
		}
		at = events[len(events)-1].Seq
		_ = box.Acknowledge(ctx, at, "mark") // the next one does both
		_ = box.Forget(ctx, at-keptBehind)
	}
}
