package supervisor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/natsapi"
	"missioncontrol/test/eventually"
	"missioncontrol/wakeup"
)

// mortal is a supervisor's access to the store. It can be cut in the middle of a step,
// as by kill -9 or a network failure.
type mortal struct {
	missions.Store
	failAt  atomic.Pointer[string] // the step at which the store is lost; "" for all
	reaped  wakeup.Signal          // gets a value whenever the reaper has finished
	relayed wakeup.Signal          // gets a value whenever the relay has found events
	acts    atomic.Int64           // how often the reaper, the relay or the retention has run
}

func (f *fleet) newMortal() *mortal {
	return &mortal{Store: f.store, reaped: wakeup.New(), relayed: wakeup.New()}
}

// lost returns an error from the step on at which the store is lost.
func (m *mortal) lost(step string) error {
	at := m.failAt.Load()
	if at == nil || *at != "" && *at != step {
		return nil
	}
	if step != "lead" {
		m.failAt.Store(new(string)) // nothing after it succeeds either
	}
	return missions.Unavailable("cut off", nil)
}

func (m *mortal) Lead(ctx context.Context, id string, ttl time.Duration) (missions.Leadership, error) {
	if m.lost("lead") != nil {
		<-ctx.Done() // a cut network sends no error
		return missions.Leadership{}, ctx.Err()
	}
	return m.Store.Lead(ctx, id, ttl)
}

func (m *mortal) Resign(ctx context.Context, id string) error {
	if m.failAt.Load() != nil {
		return missions.Unavailable("cut off", nil)
	}
	return m.Store.Resign(ctx, id)
}

func (m *mortal) Due(ctx context.Context, limit int) (missions.DueResult, error) {
	if err := m.lost("due"); err != nil {
		return missions.DueResult{}, err
	}
	m.acts.Add(1)
	defer m.reaped.Send()
	return m.Store.Due(ctx, limit)
}

func (m *mortal) Retain(ctx context.Context, retention time.Duration, limit int) (int, error) {
	m.acts.Add(1)
	return m.Store.Retain(ctx, retention, limit)
}

func (m *mortal) Outboxes() []missions.Outbox {
	var all []missions.Outbox
	for _, outbox := range m.Store.Outboxes() {
		all = append(all, mortalOutbox{outbox, m})
	}
	return all
}

type mortalOutbox struct {
	missions.Outbox
	m *mortal
}

func (o mortalOutbox) Pending(ctx context.Context, after int64, limit int) ([]missions.Event, error) {
	if err := o.m.lost("pending"); err != nil {
		return nil, err
	}
	o.m.acts.Add(1)
	events, err := o.Outbox.Pending(ctx, after, limit)
	if len(events) > 0 {
		o.m.relayed.Send()
	}
	return events, err
}

func (o mortalOutbox) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	if err := o.m.lost("forget"); err != nil {
		return err
	}
	return o.Outbox.Acknowledge(ctx, upTo, mark)
}

func (o mortalOutbox) Forget(ctx context.Context, upTo int64) error {
	if err := o.m.lost("forget"); err != nil {
		return err
	}
	return o.Outbox.Forget(ctx, upTo)
}

// traffic creates missions in each partition, works on them and ends them, through
// supervisors that never run. Each call of more asks for another one. stop ends it all,
// and returns how many there were.
func traffic(t *testing.T, partitions []missions.Store) (more func(), stop func() int) {
	t.Helper()
	asked := make(chan struct{}, 10_000)
	more = func() {
		for range 40 {
			asked <- struct{}{}
		}
	}
	var done sync.WaitGroup
	var ended atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	for worker := range 3 {
		store := partitions[worker%len(partitions)]
		clerk, err := supervisor.New(supervisor.Config{Store: store, Stream: silent{}, Logger: quiet})
		must(t, err)
		agent := fmt.Sprint("worker-", worker)
		_, err = clerk.Register(ctx, agent, api.RegisterRequest{Name: agent, Types: []string{agent}, Capacity: 10})
		must(t, err)
		done.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-asked:
				case <-ctx.Done():
					return
				}
				if err := life(clerk, store, agent, fmt.Sprintf("%s-%d", agent, i)); err != nil {
					t.Errorf("a mission's life was disturbed: %v", err)
					return
				}
				ended.Add(1)
			}
		})
	}
	stop = func() int { cancel(); done.Wait(); return int(ended.Load()) }
	t.Cleanup(func() { stop() })
	return more, stop
}

// life runs one mission from creation to end.
func life(clerk *supervisor.Service, store missions.Store, agent, id string) error {
	ctx := context.Background()
	_, err := clerk.Create(ctx, api.CreateRequest{MissionSpec: api.MissionSpec{ID: id, Name: id, Type: agent}})
	if err != nil {
		return err
	}
	claimed, err := store.Claim(ctx, []missions.ClaimRequest{{AgentID: agent, Max: 1, Lease: time.Hour, Alive: true}})
	if err != nil || claimed[0].Err != nil || len(claimed[0].Missions) != 1 {
		return fmt.Errorf("claimed %+v, %w", claimed, err)
	}
	m := claimed[0].Missions[0]
	_, err = clerk.Complete(ctx, agent, api.CompleteRequest{
		Completion: api.Completion{LeaseRef: api.LeaseRef{MissionID: m.ID, Lease: m.Lease}},
	})
	return err
}

// silent is an event stream that does nothing, for a service that does not run.
type silent struct{ supervisor.Stream }

func (silent) Emit(charter.Event) {}

// Of several supervisors, one relays, reaps and deletes old missions. When it stops,
// another does.
func TestOnlyOneActs(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	const long = time.Hour // so that it only ends by resignation, and no candidate polls
	first, second := f.newMortal(), f.newMortal()
	leader := f.start(memberOptions{store: first, leadership: long})
	await(t, first.reaped)
	other := f.start(memberOptions{store: second, leadership: long})
	other.create(t, api.MissionSpec{Type: "x", Deadline: missions.At(time.Now().Add(time.Minute))})
	awaitEmpty(t, f.store)
	if first.acts.Load() == 0 || second.acts.Load() != 0 || !leader.Leads() || other.Leads() {
		t.Fatalf("acts: %d and %d", first.acts.Load(), second.acts.Load())
	}
	leader.stop()
	await(t, second.reaped) // at once: the leadership has not run out, and the other has not asked meanwhile
	acts := first.acts.Load()
	other.create(t, api.MissionSpec{Type: "x"})
	awaitEmpty(t, f.store)
	if first.acts.Load() != acts || leader.Leads() || !other.Leads() {
		t.Fatalf("the old leader acts on")
	}
}

// Supervisors come and go under load, in every way that a process can. At any time one
// of them acts. Each mission's events are in the stream once and in order.
func TestEventsOutliveTakeovers(t *testing.T) {
	t.Parallel()
	for _, outboxes := range []int{1, 3} {
		t.Run(fmt.Sprint("outboxes ", outboxes), func(t *testing.T) {
			t.Parallel()
			testTakeovers(t, outboxes)
		})
	}
}

func testTakeovers(t *testing.T, outboxes int) {
	f := newFleet(t)
	store := newPartitioned(t, outboxes)
	f.store = store
	born := 0
	joinFleet := func() (*member, *mortal) {
		born++
		m := f.newMortal()
		return f.start(memberOptions{store: m, id: fmt.Sprint("supervisor-", born), leadership: 300 * time.Millisecond, nets: true}), m
	}
	leader, itsStore := joinFleet()
	more, stopTraffic := traffic(t, store.parts)
	for round := range 10 {
		next, nextStore := joinFleet()
		drain(itsStore.relayed)
		more()
		await(t, itsStore.relayed) // in the middle of its work
		switch round % 5 {
		case 0: // SIGTERM
			leader.stop()
		case 1: // kill -9, or a store that is gone, at any step
			itsStore.failAt.Store(new(string))
		case 2: // between the stream's acknowledgement and the deletion from the outbox
			itsStore.failAt.Store(ptr("forget"))
		case 3:
			itsStore.failAt.Store(ptr("pending"))
		case 4: // it can do everything except stay leader
			itsStore.failAt.Store(ptr("lead"))
		}
		more() // however far it has come meanwhile, it reaches the cut
		await(t, nextStore.reaped)
		drain(nextStore.relayed)
		more()
		await(t, nextStore.relayed)
		if leader.Leads() {
			t.Error("the old leader does not know that it is one no longer")
		}
		leader.stop()
		leader, itsStore = next, nextStore
	}
	lives := stopTraffic()
	awaitEmpty(t, f.store)
	leader.stop()
	checkLives(t, f.url, lives)
}

// Two supervisors on one broker are two instances of one service, and share the
// requests.
func TestSupervisorsShareRequests(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	for range 2 {
		m := f.start(memberOptions{})
		endpoints, err := natsapi.Listen(m.nc, m.Service, quiet)
		must(t, err)
		t.Cleanup(func() { m.stop(); must(t, endpoints.Stop(context.Background())) })
	}
	nc := f.connect()
	for range 200 {
		_, err := nc.Request(api.SubjectStatus, nil, testTimeout)
		must(t, err)
	}
	replies := nc.NewInbox()
	stats, err := nc.SubscribeSync(replies)
	must(t, err)
	must(t, nc.PublishRequest("$SRV.STATS.supervisor", replies, nil))
	answered := map[string]int{}
	for range 2 {
		msg, err := stats.NextMsg(testTimeout)
		must(t, err)
		var instance struct {
			ID        string
			Endpoints []struct {
				Subject  string
				Requests int `json:"num_requests"`
			}
		}
		must(t, json.Unmarshal(msg.Data, &instance))
		for _, e := range instance.Endpoints {
			if e.Subject == api.SubjectStatus && e.Requests > 0 {
				answered[instance.ID] = e.Requests
			}
		}
	}
	if len(answered) != 2 {
		t.Fatalf("the requests were answered by %v", answered)
	}
}

// await fails the test if a signal does not arrive.
func await(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(testTimeout):
		t.Fatal("what was to happen did not happen")
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

func awaitEmpty(t *testing.T, store missions.Store) {
	t.Helper()
	eventually.Holds(t, func() bool {
		waiting, err := store.Waiting(t.Context())
		must(t, err)
		return waiting == 0
	}, func() string { return "the outbox does not empty" })
}

// checkLives fails unless the stream holds the complete events of the given number of
// missions, once and in order.
func checkLives(t *testing.T, url string, lives int) {
	t.Helper()
	byMission := map[string][]string{}
	ids := map[string]bool{}
	reached := map[string]int64{}
	for _, e := range streamtest.Events(t, url, "mission.", "agent.") {
		if ids[e.ID.String()] {
			t.Errorf("event %s stands twice in the stream", e.ID)
		}
		ids[e.ID.String()] = true
		m := metaOf(t, &e)
		if reached[m.Outbox]++; m.Position != reached[m.Outbox] {
			t.Errorf("event %d of outbox %s is the one at position %d", reached[m.Outbox], m.Outbox, m.Position)
		}
		payload, err := charter.DecodePayload(&e)
		must(t, err)
		switch p := payload.(type) {
		case charter.MissionCreated:
			byMission[p.MissionID] = append(byMission[p.MissionID], "created")
		case charter.MissionStatusChanged:
			byMission[p.MissionID] = append(byMission[p.MissionID], p.NewStatus)
		}
	}
	if len(byMission) != lives {
		t.Errorf("the stream tells of %d missions, not of %d", len(byMission), lives)
	}
	for id, life := range byMission {
		if !slices.Equal(life, []string{"created", "RUNNING", "COMPLETED"}) {
			t.Errorf("mission %s: %v", id, life)
		}
	}
}
