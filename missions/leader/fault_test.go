package leader_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
)

// faulty is a backend whose commits fail when they are told so.
type faulty struct {
	*enginetest.Memory
	after  atomic.Pointer[error] // after it was stored
	before atomic.Pointer[error]
}

func (b *faulty) Commit(ctx context.Context, epoch int64, changes *engine.Changes) error {
	if err := b.before.Swap(nil); err != nil {
		return *err
	}
	err := b.Memory.Commit(ctx, epoch, changes)
	if after := b.after.Swap(nil); err == nil && after != nil {
		return *after
	}
	return err
}

func open(t *testing.T, backend engine.Backend) *leader.Store {
	t.Helper()
	store, err := leader.Open(t.Context(), leader.Config{Engine: engine.Config{OutboxLimit: 1000}, Backend: backend, Logger: quiet, Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	return store
}

func mission(id string) missions.Mission {
	m := missions.Mission{ID: id, Name: id}
	m.Normalize()
	return m
}

// A commit that is not stored leaves nothing, one whose outcome is unknown leaves all or
// nothing, and the store goes on after both.
func TestACommitFails(t *testing.T) {
	t.Parallel()
	backend := &faulty{Memory: enginetest.NewMemory()}
	store := open(t, backend)
	cause := errors.New("the plug was pulled")
	for _, c := range []struct {
		id    string
		fault *atomic.Pointer[error]
		there bool
	}{{"before", &backend.before, false}, {"after", &backend.after, true}} {
		c.fault.Store(&cause)
		_, err := store.Create(t.Context(), []missions.Mission{mission(c.id)})
		if !errors.Is(err, missions.ErrUnavailable) || strings.Contains(err.(*missions.Error).Message, "plug") { //nolint:errorlint // not wrapped
			t.Errorf("%s: the error is %v", c.id, err)
		}
		results, err := store.Create(t.Context(), []missions.Mission{mission(c.id)})
		must(t, err)
		must(t, results[0].Err)
		if results[0].Created == c.there {
			t.Errorf("%s: created again is %v", c.id, results[0].Created)
		}
	}
	counts, err := store.Counts(t.Context())
	must(t, err)
	if counts.Total() != 2 {
		t.Errorf("%d missions are counted, want 2", counts.Total())
	}
}

// A store whose term another one has ended stores nothing, if it was for one term, and begins a
// new one otherwise.
func TestAReplacedLeaderStoresNothing(t *testing.T) {
	t.Parallel()
	backend := enginetest.NewMemory()
	old, err := leader.Open(t.Context(), leader.Config{Engine: engine.Config{OutboxLimit: 1000}, Backend: backend, Logger: quiet, Now: time.Now, OneTerm: true})
	must(t, err)
	t.Cleanup(func() { must(t, old.Close()) })
	current := open(t, backend)
	for range 2 {
		_, err := old.Create(t.Context(), []missions.Mission{mission("m")})
		if !engine.IsNotLeader(err) {
			t.Errorf("the error is %v", err)
		}
	}
	if _, err := current.Get(t.Context(), "m"); !errors.Is(err, missions.ErrNotFound) {
		t.Errorf("the mission was stored: %v", err)
	}
	another := open(t, backend)
	for _, store := range []*leader.Store{current, another} {
		_, err := store.Create(t.Context(), []missions.Mission{mission("m")})
		must(t, err)
	}
}

// A step that panics is refused and changes nothing; the steps beside it are stored.
func TestAStepThatPanicsIsRefused(t *testing.T) {
	t.Parallel()
	store := open(t, enginetest.NewMemory())
	if _, err := store.Create(t.Context(), []missions.Mission{mission("m")}); err != nil {
		t.Fatal(err)
	}
	_, err := store.ChangeAlerts(t.Context(), []missions.AlertChange{{Alert: missions.Alert{Rule: "r", State: missions.AlertFiring}}})
	must(t, err)
	refused := store.Panic(t.Context())
	var domain *missions.Error
	if !errors.As(refused, &domain) || !domain.NothingDone {
		t.Errorf("the error is %v", refused)
	}
	results, err := store.Create(t.Context(), []missions.Mission{mission("n")})
	must(t, err)
	must(t, results[0].Err)
	alerts, err := store.Alerts(t.Context())
	must(t, err)
	if len(alerts) != 1 {
		t.Errorf("%d alerts are left, want 1", len(alerts))
	}
}
