package redisstore_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/wakeup"
)

// BenchmarkFlow has 32 callers that create, claim and complete one mission at a time, while
// events are acknowledged, and forgotten a little later. It reports the processor time of
// Redis and of this process.
func BenchmarkFlow(b *testing.B) {
	url := redistest.Start(b, "--appendonly", "yes", "--appendfsync", "everysec").URL()
	options, err := redis.ParseURL(url)
	must(b, err)
	client := redis.NewClient(options)
	b.Cleanup(func() { must(b, client.Close()) })
	flow(b, client, mustOpen(b, redisstore.Config{URL: url + "?prefix=" + newPrefix(), OutboxLimit: 1 << 40}))
}

// used returns the processor time that this process has used so far.
func used(b *testing.B) time.Duration {
	var of syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &of))
	return time.Duration(of.Utime.Nano() + of.Stime.Nano())
}

func flow(b *testing.B, meter *redis.Client, s missions.Store) {
	const leaseTime = time.Minute
	ctx, stop := context.WithCancel(context.Background())
	var relay sync.WaitGroup
	grew := wakeup.New()
	relay.Go(func() {
		box, at := s.Outboxes()[0], int64(0)
		for {
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
			_ = box.Acknowledge(ctx, at, "mark")
			_ = box.Forget(ctx, at-20_000)
		}
	})
	var next atomic.Int64
	inRedis, here := processor(b, meter), used(b)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		agent := fmt.Sprintf("a%d", next.Add(1))
		if _, err := s.Register(ctx, missions.Agent{ID: agent, Types: []string{"flow"}, Capacity: 1}, leaseTime); err != nil {
			b.Error(err)
		}
		for pb.Next() {
			m := missions.Mission{ID: fmt.Sprintf("0192b0a0-0000-7000-8000-%012d", next.Add(1)), Name: "bench", Type: "flow", Data: []byte(`{"n":1}`)}
			m.Normalize()
			if results, err := s.Create(ctx, []missions.Mission{m}); err != nil || results[0].Err != nil {
				b.Error(err, results)
			}
			claims, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: agent, Max: 1, Lease: leaseTime}})
			if err != nil || len(claims[0].Missions) != 1 {
				b.Error(err, claims)
				return
			}
			ends, err := s.Finish(ctx, []missions.Finish{{AgentID: agent, Outcome: missions.OutcomeComplete,
				LeaseRef: missions.LeaseRef{MissionID: claims[0].Missions[0].ID, Lease: claims[0].Missions[0].Lease}, Result: []byte(`{"ok":true}`)}})
			if err != nil || ends[0].Err != nil {
				b.Error(err, ends)
			}
			grew.Send()
		}
	})
	b.ReportMetric(float64((processor(b, meter)-inRedis).Microseconds())/float64(b.N), "µs-redis")
	b.ReportMetric(float64((used(b)-here).Microseconds())/float64(b.N), "µs-here")
	stop()
	relay.Wait()
}
