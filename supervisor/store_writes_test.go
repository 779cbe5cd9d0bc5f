package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
	"missioncontrol/wakeup"
)

// unwritable is a store that refuses to write while full is set.
type unwritable struct {
	missions.Store
	full *atomic.Bool
}

func (u unwritable) refusal() error {
	if u.full.Load() {
		return missions.Refused("the store's disk is full; nothing was done", nil)
	}
	return nil
}

func (u unwritable) CheckWrite(ctx context.Context) error {
	return errors.Join(u.refusal(), u.Store.CheckWrite(ctx))
}

func (u unwritable) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	if err := u.refusal(); err != nil {
		return nil, err
	}
	return u.Store.Create(ctx, batch)
}

// awaitHealth waits until the store's check has a status, and returns the check.
func awaitHealth(t *testing.T, m *member, want string) api.Check {
	t.Helper()
	var check api.Check
	eventually.Holds(t, func() bool {
		health, err := m.Health(t.Context(), api.Empty{})
		must(t, err)
		check = health.Checks.Store
		return check.Status == want
	}, func() string { return fmt.Sprintf("the store's check is %+v, want %s", check, want) })
	return check
}

// A store that can be read but not written makes the supervisor unhealthy and unready
// until it can be written again, and the webhook is sent both, directly.
func TestAStoreThatCannotBeWrittenIsReported(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	full := new(atomic.Bool)
	hook := newReceiver(t, 1)
	m := f.start(memberOptions{store: unwritable{f.store, full}, webhook: hook.webhook(t)})
	m.create(t, api.MissionSpec{ID: "before"})
	must(t, m.Ready(t.Context()))

	full.Store(true)
	_, err := m.Create(t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{Name: "m"}})
	if wire := api.FromError(err); wire == nil || wire.Code != missions.CodeUnavailable || !wire.NothingDone {
		t.Errorf("create: %+v", wire)
	}
	if check := awaitHealth(t, m, api.HealthError); !strings.Contains(check.Message, "the store's disk is full") {
		t.Errorf("the check says %q", check.Message)
	}
	if err := m.Ready(t.Context()); !errors.Is(err, supervisor.ErrUnwritable) || m.Writable() {
		t.Errorf("ready: %v, writable: %t", err, m.Writable())
	}
	raised := wantAlertEvent(t, hook.next(t).body, "alert_raised", "store-cannot-be-written")

	full.Store(false)
	awaitHealth(t, m, api.HealthOK)
	must(t, m.Ready(t.Context()))
	resolved := wantAlertEvent(t, hook.next(t).body, "alert_resolved", "store-cannot-be-written")
	if resolved["since"] != raised["since"] || raised["value"] != 1.0 || resolved["value"] != 0.0 {
		t.Errorf("raised %v, resolved %v", raised, resolved)
	}
	m.create(t, api.MissionSpec{ID: "after"})
}

// A step that fails alone, while the store can be written, changes nothing.
func TestAFailedStepDoesNotMakeTheStoreUnwritable(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	checked := wakeup.New()
	store := oneFailure{f.store, new(atomic.Bool), checked}
	m := f.start(memberOptions{store: store})
	if _, err := m.Create(t.Context(), api.CreateRequest{MissionSpec: api.MissionSpec{Name: "m"}}); err == nil {
		t.Fatal("the step did not fail")
	}
	await(t, checked)
	must(t, m.Ready(t.Context()))
	awaitHealth(t, m, api.HealthOK)
}

// oneFailure is a store whose first Create fails.
type oneFailure struct {
	missions.Store
	failed  *atomic.Bool
	checked wakeup.Signal
}

func (o oneFailure) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	if !o.failed.Swap(true) {
		return nil, missions.Unavailable("the store failed", nil)
	}
	return o.Store.Create(ctx, batch)
}

func (o oneFailure) CheckWrite(ctx context.Context) error {
	err := o.Store.CheckWrite(ctx)
	o.checked.Send()
	return err
}

// nearlyFull is a store that has no room for missions with a description while full is set.
// Its check succeeds all the same.
type nearlyFull struct {
	missions.Store
	full *atomic.Bool
}

func (n nearlyFull) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	if n.full.Load() && batch[0].Description != "" {
		return nil, missions.Full("the store's disk is full; nothing was done", nil)
	}
	return n.Store.Create(ctx, batch)
}

// A store that has no room for a large step is full, although a small step still succeeds.
func TestAStoreWithoutRoomForALargeStepIsFull(t *testing.T) {
	t.Parallel()
	f := newFleet(t)
	full := new(atomic.Bool)
	m := f.start(memberOptions{store: nearlyFull{f.store, full}})
	full.Store(true)
	large := api.CreateRequest{MissionSpec: api.MissionSpec{Name: "m", Description: "large"}}
	if _, err := m.Create(t.Context(), large); !errors.Is(err, missions.ErrUnavailable) {
		t.Errorf("create: %v", err)
	}
	if check := awaitHealth(t, m, api.HealthError); !strings.Contains(check.Message, "the store's disk is full") {
		t.Errorf("the check says %q", check.Message)
	}
	m.create(t, api.MissionSpec{ID: "small"})
}
