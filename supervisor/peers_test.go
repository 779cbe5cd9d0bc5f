package supervisor_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
)

// A mission that becomes claimable through one supervisor wakes a claim that is parked
// at another, without polling.
func TestAClaimParkedAtAnotherSupervisorIsWoken(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for name, prepare := range map[string]func(*testing.T, *member, string) (act func() error){
		"created": func(t *testing.T, m *member, kind string) func() error {
			return func() error { m.create(t, api.MissionSpec{Type: kind}); return nil }
		},
		"created for later": func(t *testing.T, m *member, kind string) func() error {
			return func() error {
				m.create(t, api.MissionSpec{Type: kind, NotBefore: missions.At(time.Now().Add(50 * time.Millisecond))})
				return nil
			}
		},
		"retried": func(t *testing.T, m *member, kind string) func() error {
			id := m.create(t, api.MissionSpec{Type: kind}).ID
			_, err := m.Cancel(ctx, api.CancelRequest{ID: id})
			must(t, err)
			return func() error { _, err := m.Retry(ctx, api.RetryRequest{ID: id}); return err }
		},
		"released": func(t *testing.T, m *member, kind string) func() error {
			lease := m.hold(t, "holder", kind)
			return func() error {
				_, err := m.Release(ctx, "holder", api.ReleaseRequest{Release: api.Release{LeaseRef: lease}})
				return err
			}
		},
		"failed, to be tried again": func(t *testing.T, m *member, kind string) func() error {
			lease := m.hold(t, "holder", kind)
			return func() error {
				_, err := m.Fail(ctx, "holder", api.FailRequest{Failure: api.Failure{LeaseRef: lease, Error: "again"}})
				return err
			}
		},
		"left behind": func(t *testing.T, m *member, kind string) func() error {
			m.hold(t, "holder", kind)
			return func() error { _, err := m.Leave(ctx, "holder", api.Empty{}); return err }
		},
		"given up": func(t *testing.T, m *member, kind string) func() error {
			m.hold(t, "holder", kind)
			return func() error {
				for range 2 {
					if _, err := m.Heartbeat(ctx, "holder", api.HeartbeatRequest{Running: &[]api.Held{}}); err != nil {
						return err
					}
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leader, other, looked := newFleet(t).pair(false)
			for kind, at := range map[string]struct{ claims, acts *member }{"x": {leader, other}, "y": {other, leader}} {
				act := prepare(t, at.acts, kind)
				at.claims.register(t, "worker-"+kind, kind)
				got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
					return at.claims.Claim(ctx, "worker-"+kind, api.ClaimRequest{Max: 1, WaitSeconds: 15})
				})
				must(t, act())
				if claimed := <-got; len(claimed.Missions) != 1 {
					t.Fatalf("claimed: %+v", claimed)
				}
			}
		})
	}
}

// A thousand missions of one type are one hint.
func TestABatchIsOneHint(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	m := f.start(memberOptions{})
	nc := f.connect()
	hints, err := nc.SubscribeSync(api.PeersSubject(f.store.Identity()) + ".ready.*")
	must(t, err)
	must(t, nc.Flush())
	specs := make([]api.MissionSpec, missions.MaxBatch)
	for i := range specs {
		specs[i] = api.MissionSpec{Name: "x", Type: []string{"a", "b"}[i%2]}
	}
	_, err = m.Create(t.Context(), api.CreateRequest{Missions: specs})
	must(t, err)
	counts := map[string]float64{}
	for range 2 {
		msg, err := hints.NextMsg(testTimeout)
		must(t, err)
		var hint map[string]any
		must(t, json.Unmarshal(msg.Data, &hint))
		counts[msg.Subject[len(msg.Subject)-1:]] = hint["count"].(float64)
	}
	if counts["a"] != 500 || counts["b"] != 500 {
		t.Fatalf("%v", counts)
	}
	m.stop() // everything has been sent
	must(t, nc.Flush())
	if n, _, err := hints.Pending(); n != 0 || err != nil {
		t.Fatalf("%d more hints, %v", n, err)
	}
}

// A request that waits for a mission is answered when the mission ends through another
// supervisor, without polling.
func TestAWaitAtAnotherSupervisorEnds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	leader, other, looked := newFleet(t).pair(false)
	for _, at := range []struct{ waits, acts *member }{{leader, other}, {other, leader}} {
		for status, end := range map[missions.Status]func(api.LeaseRef) error{
			missions.Completed: func(lease api.LeaseRef) error {
				_, err := at.acts.Complete(ctx, "holder", api.CompleteRequest{Completion: api.Completion{LeaseRef: lease}})
				return err
			},
			missions.Failed: func(lease api.LeaseRef) error {
				no := false
				_, err := at.acts.Fail(ctx, "holder", api.FailRequest{Failure: api.Failure{LeaseRef: lease, Error: "no", Retryable: &no}})
				return err
			},
			missions.Cancelled: func(lease api.LeaseRef) error {
				_, err := at.acts.Cancel(ctx, api.CancelRequest{ID: lease.MissionID})
				return err
			},
		} {
			lease := at.acts.hold(t, "holder", "x")
			var results []<-chan api.Mission
			for range 3 { // they share the subscription
				results = append(results, begin(t, looked, func(ctx context.Context) (api.Mission, error) {
					return at.waits.Wait(ctx, api.WaitRequest{ID: lease.MissionID, TimeoutSeconds: ptr(15.0)})
				}))
			}
			must(t, end(lease))
			for _, result := range results {
				if m := <-result; m.Mission.Status != status {
					t.Errorf("ended %s, want %s", m.Mission.Status, status)
				}
			}
		}
	}
	for _, m := range []*member{leader, other} {
		for m.nc.NumSubscriptions() != 5 { // the subscriptions of the waits end with them
			must(t, ctx.Err())
		}
	}
}

// The same holds for a request that waits for several.
func TestAWaitForManyAtAnotherSupervisorEnds(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	leader, other, looked := newFleet(t).pair(false)
	for _, at := range []struct{ waits, acts *member }{{leader, other}, {other, leader}} {
		first, second := at.acts.create(t, api.MissionSpec{Type: "x"}), at.acts.create(t, api.MissionSpec{Type: "x"})
		got := begin(t, looked, func(ctx context.Context) (api.Waited, error) {
			return at.waits.WaitMany(ctx, api.WaitManyRequest{IDs: []string{first.ID, second.ID}, TimeoutSeconds: ptr(15.0)})
		})
		for _, id := range []string{second.ID, first.ID} {
			_, err := at.acts.Cancel(ctx, api.CancelRequest{ID: id})
			must(t, err)
		}
		if reply := <-got; !reply.Done || len(reply.Missions) != 2 || reply.Missions[0].ID != first.ID {
			t.Errorf("%+v", reply)
		}
	}
	for _, m := range []*member{leader, other} {
		for m.nc.NumSubscriptions() != 5 { // the subscriptions of the waits end with them
			must(t, ctx.Err())
		}
	}
}

func ptr[T any](v T) *T { return &v }

// When an agent drains or leaves through one supervisor, all supervisors answer its
// parked claims.
func TestADismissalReachesEverySupervisor(t *testing.T) {
	t.Parallel()
	leader, other, looked := newFleet(t).pair(false)
	for agent, endClaims := range map[string]func(agent string) error{
		"drains": func(agent string) error {
			_, err := leader.Heartbeat(t.Context(), agent, api.HeartbeatRequest{Running: &[]api.Held{}, Draining: true})
			return err
		},
		"leaves": func(agent string) error {
			_, err := leader.Leave(t.Context(), agent, api.Empty{})
			return err
		},
	} {
		leader.register(t, agent, "x")
		got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
			return other.Claim(ctx, agent, api.ClaimRequest{Max: 1, WaitSeconds: 60})
		})
		must(t, endClaims(agent))
		if claimed := <-got; len(claimed.Missions) != 0 {
			t.Errorf("%s: %+v", agent, claimed)
		}
	}
}

// Events of a change that another supervisor made are relayed before the leader polls.
func TestTheLeaderIsToldOfEvents(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	leader, other, _ := f.pair(false)
	nc := f.connect()
	events, err := nc.SubscribeSync("events.mission.created")
	must(t, err)
	must(t, nc.Flush())
	if !leader.Leads() || other.Leads() {
		t.Fatalf("leading: %t %t", leader.Leads(), other.Leads())
	}
	for range 3 {
		other.create(t, api.MissionSpec{})
		_, err := events.NextMsg(testTimeout)
		must(t, err)
	}
}

// While hints are lost, polling finds the same changes a little later.
func TestWithoutHintsEverythingIsFound(t *testing.T) {
	t.Parallel()
	leader, other, looked := newFleet(t).pair(true)
	leader.register(t, "worker", "x")
	other.nc.Close()
	got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
		return leader.Claim(ctx, "worker", api.ClaimRequest{Max: 1, WaitSeconds: 15})
	})
	id := other.create(t, api.MissionSpec{Type: "x"}).ID
	claimed := <-got
	if len(claimed.Missions) != 1 || claimed.Missions[0].ID != id {
		t.Fatalf("claimed: %+v", claimed)
	}
	ended := begin(t, looked, func(ctx context.Context) (api.Mission, error) {
		return leader.Wait(ctx, api.WaitRequest{ID: id, TimeoutSeconds: ptr(15.0)})
	})
	_, err := other.Complete(t.Context(), "worker", api.CompleteRequest{
		Completion: api.Completion{LeaseRef: api.LeaseRef{MissionID: id, Lease: claimed.Missions[0].Lease}},
	})
	must(t, err)
	if m := <-ended; m.Mission.Status != missions.Completed {
		t.Fatalf("%+v", m.Mission)
	}
}

// Invalid messages on the subjects of hints do no harm.
func TestJunkInsteadOfHints(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	leader, other, looked := f.pair(false)
	leader.register(t, "worker", "x")
	got := begin(t, looked, func(ctx context.Context) (api.Claimed, error) {
		return leader.Claim(ctx, "worker", api.ClaimRequest{Max: 1, WaitSeconds: 15})
	})
	nc := f.connect()
	for _, subject := range []string{"ready.x", "ready.%", "due", "dismissed.nobody", "grown", "resigned"} {
		for _, body := range []string{"", "junk", "[]", `{"count":-5}`, `{"count":1e99}`, `{"at":-1}`, `{"from":7}`, `{"at":9999999999,"new":{}}`} {
			must(t, nc.Publish(api.PeersSubject(f.store.Identity())+"."+subject, []byte(body)))
		}
	}
	must(t, nc.Flush())
	other.create(t, api.MissionSpec{Type: "x"})
	if claimed := <-got; len(claimed.Missions) != 1 {
		t.Fatalf("claimed: %+v", claimed)
	}
}

// A message that a consumer pushes to the subject of a hint is not a hint: every client
// that may follow events may create such a consumer. Such a message has a reply that is
// not an inbox. Only the broker may send one with the reply of a JetStream
// acknowledgement, which the reply here represents.
func TestWhatJetStreamPushesIsNoHint(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	nc := f.connect()
	hints := f.receiveHints(nc)
	root := api.PeersSubject(f.store.Identity())
	must(t, nc.PublishRequest(root+".due", "events.of.mine", []byte(`{"from":"an event"}`)))
	must(t, nc.Publish(root+".resigned", []byte(`{"from":"another"}`)))
	select {
	case h := <-hints:
		if h.Kind != supervisor.HintResigned {
			t.Errorf("received %+v", h)
		}
	case <-time.After(testTimeout):
		t.Fatal("no hint is received")
	}
}
