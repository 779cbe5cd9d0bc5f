package test

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"missioncontrol/charter"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
	"missioncontrol/test/eventually"
)

// While the stream is unavailable the outbox fills up to its limit. Then new
// missions are refused, accepted ones continue, and nothing is dropped. When the
// stream is back the outbox empties into it, and new missions are accepted again.
func TestAFullOutboxRefusesAndEmpties(t *testing.T) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := freePort(t)
			broker := streamtest.StartBroker(t, port, "") // without JetStream
			p := start(t, t.TempDir(), append(store(t), "--server", broker.ClientURL(), "--outbox-limit", "40")...)
			o := &outboxTest{t: t, c: p.client(), accepted: map[string]bool{}}
			o.fill()
			o.goOn()
			broker.Shutdown()
			broker.WaitForShutdown()
			streamtest.StartBroker(t, port, filepath.Join(t.TempDir(), "js"))
			o.awaitEmpty()
			for _, id := range o.refused {
				o.create(id)
				o.accepted[id] = true
				o.awaitEmpty()
			}
			o.wantStream(broker.ClientURL())
			p.stop()
		})
	}
}

type outboxTest struct {
	t        *testing.T
	c        *client.Client
	held     api.Completion
	accepted map[string]bool
	refused  []string
}

// fill creates more missions than the outbox has room for; one of them is held.
func (o *outboxTest) fill() {
	ctx := o.t.Context()
	agent := o.c.Agent("a1")
	_, err := agent.Register(ctx, api.RegisterRequest{Name: "a1", Types: []string{"held"}, Capacity: 1})
	must(o.t, err)
	_, _, err = o.c.Create(ctx, api.MissionSpec{ID: "held", Name: "held", Type: "held"})
	must(o.t, err)
	o.accepted["held"] = true
	claimed, err := agent.Claim(ctx, api.ClaimRequest{Max: 1})
	must(o.t, err)
	o.held = api.Completion{LeaseRef: api.LeaseRef{MissionID: "held", Lease: claimed.Missions[0].Lease}}
	for i := range 200 {
		id := fmt.Sprintf("m-%03d", i)
		_, _, err := o.c.Create(ctx, api.MissionSpec{ID: id, Name: id})
		switch {
		case err == nil:
			o.accepted[id] = true
		case errors.Is(err, api.ErrOverloaded):
			o.refused = append(o.refused, id)
		default:
			o.t.Fatal(err)
		}
	}
	if len(o.accepted) < 10 || len(o.accepted) > 40 {
		o.t.Fatalf("%d missions were accepted, %d refused", len(o.accepted), len(o.refused))
	}
}

// goOn does what a full outbox must not prevent.
func (o *outboxTest) goOn() {
	ctx := o.t.Context()
	if _, err := o.c.Get(ctx, o.refused[0]); !errors.Is(err, api.ErrNotFound) {
		o.t.Errorf("a mission that was refused: %v", err)
	}
	if _, created, err := o.c.Create(ctx, api.MissionSpec{ID: "held", Name: "held", Type: "held"}); created || err != nil {
		o.t.Errorf("a mission that is there already is created %v: %v", created, err)
	}
	must(o.t, o.c.Agent("a1").Complete(ctx, o.held))
	health, err := o.c.Health(ctx)
	must(o.t, err)
	if waiting := health.Checks.EventStream.Waiting; health.Status != api.HealthDegraded || waiting < int64(len(o.accepted)) || waiting > 45 {
		o.t.Errorf("health: %+v", health)
	}
}

// create creates a mission for which there is room. The supervisor may still be
// reconnecting to the broker.
func (o *outboxTest) create(id string) {
	o.t.Helper()
	eventually.Holds(o.t, func() bool {
		_, created, err := o.c.Create(o.t.Context(), api.MissionSpec{ID: id, Name: id})
		if errors.Is(err, client.ErrNoSupervisor) {
			return false
		}
		if err != nil || !created {
			o.t.Fatalf("%s is refused while there is room: %v", id, err)
		}
		return true
	}, func() string { return "there is no supervisor" })
}

func (o *outboxTest) awaitEmpty() {
	o.t.Helper()
	var health api.Health
	var err error
	eventually.Holds(o.t, func() bool {
		health, err = o.c.Health(o.t.Context())
		return err == nil && health.Status == api.HealthOK && health.Checks.EventStream.Waiting == 0
	}, func() string { return fmt.Sprintf("the outbox does not empty: %+v, %v", health, err) })
}

// wantStream checks that the stream has one creation for each accepted mission and
// no other, and the events from while the outbox was full.
func (o *outboxTest) wantStream(url string) {
	o.t.Helper()
	created, completed := map[string]int{}, 0
	for _, e := range streamtest.Events(o.t, url, "mission.") {
		payload, err := charter.DecodePayload(&e)
		must(o.t, err)
		switch p := payload.(type) {
		case charter.MissionCreated:
			created[p.MissionID]++
		case charter.MissionStatusChanged:
			if p.MissionID == "held" && p.NewStatus == "COMPLETED" {
				completed++
			}
		}
	}
	if got, want := slices.Sorted(maps.Keys(created)), slices.Sorted(maps.Keys(o.accepted)); !slices.Equal(got, want) {
		o.t.Errorf("the stream tells of\n%v, and accepted were\n%v", got, want)
	}
	for id, n := range created {
		if n != 1 {
			o.t.Errorf("%s was created %d times", id, n)
		}
	}
	if completed != 1 {
		o.t.Errorf("the held mission was completed %d times", completed)
	}
}
