package redisstore_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/redisstore/redistest"
	"missioncontrol/missions/storetest"
)

// BenchmarkSteps takes missions through their lives in batches of different sizes: as
// concurrent callers share a script. It reports the processor time that Redis takes for
// each mission's create, claim and finish, which other work on the machine does not
// change much.
func BenchmarkSteps(b *testing.B) {
	url := redistest.Start(b, "--appendonly", "no", "--save", "").URL()
	options, err := redis.ParseURL(url)
	must(b, err)
	meter := redis.NewClient(options)
	b.Cleanup(func() { must(b, meter.Close()) })
	for _, batch := range []int{1, 8, 32, 1000} {
		b.Run(fmt.Sprint("batches of ", batch), func(b *testing.B) {
			s := mustOpen(b, redisstore.Config{URL: url + "?prefix=" + newPrefix(), OutboxLimit: 1 << 40})
			_, err := s.Register(b.Context(), missions.Agent{ID: "a", Types: []string{"t"}, Capacity: 1000}, time.Minute)
			must(b, err)
			var used [4]time.Duration // by create, claim, finish and relay
			done, next := 0, 0
			position := int64(0)
			for b.Loop() {
				at := processor(b, meter)
				lap := func(step int) {
					now := processor(b, meter)
					used[step] += now - at
					at = now
				}
				created := make([]missions.Mission, batch)
				for i := range created {
					next++
					created[i] = missions.Mission{ID: fmt.Sprintf("0192b0a0-0000-7000-8000-%012d", next), Name: "bench", Type: "t", MaxAttempts: 3,
						Data: []byte(`{"n":1}`), Priority: missions.Normal}
				}
				_, err := s.Create(b.Context(), created)
				must(b, err)
				lap(0)
				claims, err := s.Claim(b.Context(), []missions.ClaimRequest{{AgentID: "a", Max: batch, Lease: time.Minute}})
				must(b, err)
				lap(1)
				ends := make([]missions.Finish, batch)
				for i, m := range claims[0].Missions {
					ends[i] = missions.Finish{AgentID: "a", Outcome: missions.OutcomeComplete, Result: []byte(`{"ok":true}`),
						LeaseRef: missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}}
				}
				_, err = s.Finish(b.Context(), ends)
				must(b, err)
				lap(2)
				outbox := s.Outboxes()[0]
				for {
					events, err := outbox.Pending(b.Context(), position, 500)
					must(b, err)
					if len(events) == 0 {
						break
					}
					position = events[len(events)-1].Seq
					must(b, outbox.Acknowledge(b.Context(), position, ""))
					must(b, outbox.Forget(b.Context(), position))
				}
				lap(3)
				done += batch
			}
			for step, name := range []string{"create", "claim", "finish", "relay"} {
				b.ReportMetric(float64(used[step].Nanoseconds())/1e3/float64(done), "µs-"+name)
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// processor returns the processor time that a Redis has used so far.
func processor(b *testing.B, client *redis.Client) time.Duration {
	info, err := client.InfoMap(context.Background(), "cpu").Result()
	must(b, err)
	var sum float64
	for _, name := range []string{"used_cpu_sys_main_thread", "used_cpu_user_main_thread"} {
		seconds, err := strconv.ParseFloat(info["CPU"][name], 64)
		must(b, err)
		sum += seconds
	}
	return time.Duration(sum * float64(time.Second))
}

// BenchmarkFanIn is storetest.FanIn: 100,000 missions wait for one batch.
func BenchmarkFanIn(b *testing.B) {
	server := redistest.Start(b, "--appendonly", "yes", "--appendfsync", "everysec")
	storetest.FanIn(b, mustOpen(b, redisstore.Config{URL: server.URL(), OutboxLimit: 1 << 40}), 100_000)
}

// BenchmarkConditions is storetest.Conditions, with one and with a hundred.
func BenchmarkConditions(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			server := redistest.Start(b, "--appendonly", "yes", "--appendfsync", "everysec")
			storetest.Conditions(b, mustOpen(b, redisstore.Config{URL: server.URL(), OutboxLimit: 1 << 40}), n)
		})
	}
}

// BenchmarkKeys is storetest.Keys with a million missions, and with 10,000 keys of which one has nearly all of them.
func BenchmarkKeys(b *testing.B) {
	store := func() missions.Store {
		server := redistest.Start(b, "--appendonly", "yes", "--appendfsync", "everysec")
		return mustOpen(b, redisstore.Config{URL: server.URL(), OutboxLimit: 1 << 40})
	}
	storetest.Keys(b, store(), store(), 10_000, 1_000_000)
}
