package leader_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
)

// parted is a backend of which a part can be cut off: the missions whose ids begin with far.
type parted struct {
	*enginetest.Memory
	cut   atomic.Bool
	stale atomic.Bool // the next commit is of a term before the latest change of cut
}

func far(id string) bool { return strings.HasPrefix(id, "far") }

func (b *parted) change(cut bool) {
	b.cut.Store(cut)
	b.stale.Store(true)
}

func (b *parted) Commit(ctx context.Context, epoch int64, changes *engine.Changes) error {
	if b.stale.Swap(false) {
		return engine.ErrStale
	}
	for _, m := range changes.Missions {
		if m.After != nil && b.cut.Load() && far(m.After.ID) {
			panic("a mission that cannot be reached is changed")
		}
	}
	return b.Memory.Commit(ctx, epoch, changes)
}

func (b *parted) Records(ctx context.Context, ids []string) ([]*engine.Record, error) {
	if !b.cut.Load() {
		return b.Memory.Records(ctx, ids)
	}
	cut := engine.Unreachable{Err: missions.Refused("it cannot be reached", nil)}
	near := slices.DeleteFunc(slices.Clone(ids), far)
	for _, id := range ids {
		if far(id) {
			cut.IDs = append(cut.IDs, id)
		}
	}
	found, err := b.Memory.Records(ctx, near)
	if err != nil || len(cut.IDs) == 0 {
		return found, err
	}
	return found, &cut
}

func (b *parted) Queue(ctx context.Context, missionType string, limit int) ([]engine.Head, error) {
	heads, err := b.Memory.Queue(ctx, missionType, limit)
	return slices.DeleteFunc(heads, func(h engine.Head) bool { return b.cut.Load() && far(h.ID) }), err
}

func (b *parted) Planned(ctx context.Context, limit int) ([]engine.Planned, error) {
	planned, err := b.Memory.Planned(ctx, limit)
	return slices.DeleteFunc(planned, func(p engine.Planned) bool { return b.cut.Load() && far(p.ID) }), err
}

// While missions cannot be reached, they are refused one by one, their leases stay, and
// everything else goes on. Once they can be reached again, what is due with them is done.
func TestMissionsThatCannotBeReached(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	backend := &parted{Memory: enginetest.NewMemory()}
	var ahead atomic.Int64
	s, err := leader.Open(ctx, leader.Config{Engine: engine.Config{OutboxLimit: 1000}, Backend: backend, Logger: quiet,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	for _, agent := range []string{"a", "b", "leaves", "is lost"} {
		_, err = s.Register(ctx, missions.Agent{ID: agent, Capacity: 9, Types: []string{"default"}}, time.Hour)
		must(t, err)
	}
	claims := func(agent string, want ...string) (given []missions.LeaseRef) {
		t.Helper()
		r, err := s.Claim(ctx, []missions.ClaimRequest{{AgentID: agent, Max: 9, Lease: time.Minute}})
		must(t, err)
		must(t, r[0].Err)
		var got []string
		for _, m := range r[0].Missions {
			got = append(got, m.ID)
			given = append(given, missions.LeaseRef{MissionID: m.ID, Lease: m.Lease})
		}
		if !slices.Equal(got, want) {
			t.Fatalf("agent %s was given %v, want %v", agent, got, want)
		}
		return given
	}
	add := func(ids ...string) []missions.CreateResult {
		t.Helper()
		var batch []missions.Mission
		for _, id := range ids {
			batch = append(batch, mission(id))
		}
		r, err := s.Create(ctx, batch)
		must(t, err)
		return r
	}
	add("near-1", "far-1")
	held := claims("a", "near-1", "far-1")
	add("far-leaves")
	claims("leaves", "far-leaves")
	add("far-lost")
	claims("is lost", "far-lost")
	add("far-2")

	backend.change(true)
	created := add("near-2", "far-3", "far-1")
	if created[0].Err != nil || !created[0].Created {
		t.Errorf("near-2: %+v", created[0])
	}
	refused := func(what string, err error) {
		t.Helper()
		var domain *missions.Error
		if !errors.As(err, &domain) || domain.Code != missions.CodeUnavailable || !domain.NothingDone {
			t.Errorf("%s: %v, want that it cannot be reached and that nothing was done", what, err)
		}
	}
	refused("far-3 is created", created[1].Err)
	refused("far-1 is created again", created[2].Err)
	finished, err := s.Finish(ctx, []missions.Finish{{AgentID: "a", LeaseRef: held[1], Outcome: missions.OutcomeComplete},
		{AgentID: "a", LeaseRef: held[0], Outcome: missions.OutcomeComplete}})
	must(t, err)
	refused("far-1 is completed", finished[0].Err)
	must(t, finished[1].Err)
	changed, err := s.Cancel(ctx, []missions.CancelRequest{{ID: "far-2"}})
	must(t, err)
	refused("far-2 is cancelled", changed[0].Err)
	claims("b", "near-2")

	for range 3 { // an agent that no longer lists its lease keeps it for now
		beat, err := s.Heartbeat(ctx, []missions.Heartbeat{{AgentID: "a", Lease: time.Minute}})
		must(t, err)
		if len(beat[0].GivenUp)+len(beat[0].Lost)+len(beat[0].Cancel) > 0 {
			t.Errorf("the heartbeat was answered with %+v", beat[0])
		}
	}
	_, err = s.Leave(ctx, "leaves", "done")
	must(t, err)
	lost, err := s.Lost(ctx, "is lost", "killed", missions.At(time.Now().Add(time.Hour)))
	must(t, err)
	if !lost.Gone {
		t.Error("the agent that is lost is not gone")
	}

	ahead.Store(int64(2 * time.Minute))
	due, err := s.Due(ctx, 100)
	must(t, err)
	if due.NextDue <= due.StoreNow {
		t.Error("what is due, and cannot be reached, is due again at once")
	}
	if len(due.Stop) != 1 || due.Stop[0].MissionID != "near-2" {
		t.Errorf("taken back: %+v, want near-2", due.Stop)
	}
	claims("b", "near-2")

	backend.change(false)
	_, err = s.Heartbeat(ctx, []missions.Heartbeat{{AgentID: "b", Lease: time.Minute, Receiving: true}})
	must(t, err)
	_, err = s.Due(ctx, 100)
	must(t, err)
	claims("b", "far-1", "far-leaves", "far-lost", "far-2")
}
