package test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/eventually"
)

// A supervisor that is killed repeatedly under load, together with its broker,
// loses no event of a confirmed mission, duplicates none, and keeps each mission's
// events in order.
func TestEventsOfMissionsThatOutlivedKills(t *testing.T) {
	everywhere(t, eventsOfMissionsThatOutlivedKills)
}

func eventsOfMissionsThatOutlivedKills(t *testing.T, at *site) {
	confirmed := map[string]bool{}
	for round := range 4 {
		p := at.start("--lease", "2s", "--heartbeat", "500ms")
		for _, id := range load(t, p.client(), round) {
			confirmed[id] = true
		}
		p.Kill()
	}
	p := at.start("--lease", "2s", "--heartbeat", "500ms")
	finishAll(t, p.client())
	seen := readHistories(t, p.Broker)
	for id := range confirmed {
		if seen[id] != missions.Completed {
			t.Errorf("mission %s was confirmed; its events end with %q", id, seen[id])
		}
	}
	p.stop()
}

// mostAhead is how many missions load creates beyond those that are completed.
const mostAhead = 100

// load creates, claims and completes missions until a few hundred are confirmed,
// and returns their IDs.
func load(t *testing.T, c *client.Client, round int) (confirmed []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	agent := c.Agent("worker")
	_, err := agent.Register(ctx, api.RegisterRequest{Name: "worker", Types: []string{"default"}, Capacity: 100})
	must(t, err)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var done atomic.Int64
	room := make(chan struct{}, mostAhead)
	for worker := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return
				}
				id := fmt.Sprintf("r%d-w%d-%d", round, worker, i)
				if _, _, err := c.Create(ctx, api.MissionSpec{ID: id, Name: id, MaxAttempts: ptr(1000)}); err == nil {
					mu.Lock()
					confirmed = append(confirmed, id)
					mu.Unlock()
				}
			}
		})
		wg.Go(func() {
			for ctx.Err() == nil {
				if !work(ctx, agent) {
					continue
				}
				select {
				case <-room:
				default: // it is of an earlier round
				}
				if done.Add(1) == 150 {
					cancel() // the others are interrupted in whatever they do
				}
			}
		})
	}
	wg.Wait()
	return confirmed
}

func ptr[T any](v T) *T { return &v }

// work claims one mission and completes it.
func work(ctx context.Context, agent *client.Agent) bool {
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 1, WaitSeconds: 1})
	if err != nil || len(claimed.Missions) == 0 {
		return false
	}
	m := claimed.Missions[0]
	return agent.Complete(ctx, api.Completion{LeaseRef: api.LeaseRef{MissionID: m.ID, Lease: m.Lease}}) == nil
}

// finishAll works until no mission is pending or running. A supervisor may still be
// reconnecting to the broker.
func finishAll(t *testing.T, c *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*testTimeout)
	defer cancel()
	agent := c.Agent("finisher")
	again(t, func(ctx context.Context) error {
		_, err := agent.Register(ctx, api.RegisterRequest{Name: "finisher", Types: []string{"default"}, Capacity: 100})
		return err
	})
	for {
		work(ctx, agent)
		var status api.Status
		again(t, func(ctx context.Context) (err error) { status, err = c.Status(ctx); return err })
		left := status.PendingMissions + status.RunningMissions
		if left == 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d missions do not end", left)
		}
	}
}

// readHistories reads every durable mission event and checks that each mission's
// events form an unbroken chain of changes. It returns the last status of each
// chain.
func readHistories(t *testing.T, url string) map[string]missions.Status {
	t.Helper()
	nc, err := nats.Connect(url)
	must(t, err)
	defer nc.Close()
	awaitEmptyOutbox(t, client.New(nc))
	last := map[string]missions.Status{}
	ids := map[string]bool{}
	for _, e := range streamtest.Events(t, url, charter.TypeMissionCreated, charter.TypeMissionStatusChanged) {
		if ids[e.ID.String()] {
			t.Errorf("event %s is in the stream twice", e.ID)
		}
		ids[e.ID.String()] = true
		payload, err := charter.DecodePayload(&e)
		must(t, err)
		switch change := payload.(type) {
		case charter.MissionCreated:
			if was, there := last[change.MissionID]; there {
				t.Errorf("mission %s was created again when it was %s", change.MissionID, was)
			}
			last[change.MissionID] = missions.Status(change.Status)
		case charter.MissionStatusChanged:
			if was := last[change.MissionID]; string(was) != change.OldStatus {
				t.Errorf("mission %s was %q, and then changed from %s to %s", change.MissionID, was, change.OldStatus, change.NewStatus)
			}
			last[change.MissionID] = missions.Status(change.NewStatus)
		}
	}
	return last
}

func awaitEmptyOutbox(t *testing.T, c *client.Client) {
	t.Helper()
	var health api.Health
	eventually.Holds(t, func() bool {
		again(t, func(ctx context.Context) (err error) { health, err = c.Health(ctx); return err })
		return health.Checks.EventStream.Waiting == 0
	}, func() string {
		return fmt.Sprintf("%d events still wait for the stream", health.Checks.EventStream.Waiting)
	})
}
