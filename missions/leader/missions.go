package leader

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// each applies a step to each item of a batch.
func each[Item, Result any](ctx context.Context, s *Store, l lane, batch []Item, id func(*Item) string,
	apply func(*engine.Engine, *Item) Result) (results []Result, err error) {
	need := func(e *engine.Engine, n *engine.Need) {
		for i := range batch {
			e.NeedMissions(n, id(&batch[i]))
		}
	}
	err = s.do(ctx, l, need, func(e *engine.Engine) { results = applyEach(e, batch, apply) })
	if err != nil {
		return nil, err
	}
	return results, nil
}

func applyEach[Item, Result any](e *engine.Engine, batch []Item, apply func(*engine.Engine, *Item) Result) []Result {
	results := make([]Result, len(batch))
	for i := range batch {
		results[i] = apply(e, &batch[i])
	}
	return results
}

func itself(id *string) string { return *id }

func idOf(m *missions.Mission) string { return m.ID }

// Create implements [missions.Missions].
func (s *Store) Create(ctx context.Context, batch []missions.Mission) ([]missions.CreateResult, error) {
	return each(ctx, s, laneCreate, batch, idOf, (*engine.Engine).Create)
}

// CreateAndClaim implements [missions.Missions].
func (s *Store) CreateAndClaim(ctx context.Context, batch []missions.Mission, claims []missions.ClaimRequest) (
	created []missions.CreateResult, claimed []missions.ClaimResult, err error) {
	need := func(e *engine.Engine, n *engine.Need) {
		for i := range batch {
			e.NeedMissions(n, batch[i].ID)
		}
		e.NeedClaims(n, claims)
	}
	err = s.do(ctx, laneCreate, need, func(e *engine.Engine) {
		created = applyEach(e, batch, (*engine.Engine).Create)
		claimed = applyEach(e, claims, (*engine.Engine).Claim)
	})
	if err != nil {
		return nil, nil, err
	}
	missions.MarkGiven(created, claimed)
	return created, claimed, nil
}

// Get implements [missions.Missions].
func (s *Store) Get(ctx context.Context, id string) (missions.Mission, error) {
	return read(ctx, s, func() (missions.Mission, error) {
		found, err := s.backend.Records(ctx, []string{id})
		if err != nil {
			return missions.Mission{}, err
		}
		if len(found) == 0 {
			return missions.Mission{}, missions.NotFound("mission", id)
		}
		return found[0].Mission, nil
	})
}

// List implements [missions.Missions].
func (s *Store) List(ctx context.Context, filter missions.Filter) (missions.Page, error) {
	return read(ctx, s, func() (missions.Page, error) { return s.backend.List(ctx, filter) })
}

// Log implements [missions.Missions].
func (s *Store) Log(ctx context.Context, id string, after int64, limit int) (missions.LogPage, error) {
	return read(ctx, s, func() (missions.LogPage, error) { return s.backend.Log(ctx, id, after, limit) })
}

// Cancel implements [missions.Missions].
func (s *Store) Cancel(ctx context.Context, batch []missions.CancelRequest) ([]missions.Result, error) {
	return each(ctx, s, laneChange, batch, func(c *missions.CancelRequest) string { return c.ID }, (*engine.Engine).Cancel)
}

// Retry implements [missions.Missions].
func (s *Store) Retry(ctx context.Context, ids []string) ([]missions.Result, error) {
	return each(ctx, s, laneChange, ids, itself, func(e *engine.Engine, id *string) missions.Result { return e.Retry(*id) })
}

// Delete implements [missions.Missions].
func (s *Store) Delete(ctx context.Context, ids []string) ([]missions.Result, error) {
	return each(ctx, s, laneChange, ids, itself, func(e *engine.Engine, id *string) missions.Result { return e.Delete(*id) })
}

// Claim implements [missions.Leases].
func (s *Store) Claim(ctx context.Context, batch []missions.ClaimRequest) (results []missions.ClaimResult, err error) {
	need := func(e *engine.Engine, n *engine.Need) { e.NeedClaims(n, batch) }
	err = s.do(ctx, laneClaim, need, func(e *engine.Engine) { results = applyEach(e, batch, (*engine.Engine).Claim) })
	if err != nil {
		return nil, err
	}
	return results, nil
}

// Heartbeat implements [missions.Leases].
func (s *Store) Heartbeat(ctx context.Context, batch []missions.Heartbeat) (results []missions.HeartbeatResult, err error) {
	need := func(e *engine.Engine, n *engine.Need) {
		for i := range batch {
			e.NeedHeartbeat(n, &batch[i])
		}
	}
	err = s.do(ctx, laneBeat, need, func(e *engine.Engine) { results = applyEach(e, batch, (*engine.Engine).Heartbeat) })
	if err != nil {
		return nil, err
	}
	return results, nil
}

// Progress implements [missions.Leases].
func (s *Store) Progress(ctx context.Context, batch []missions.ProgressUpdate) ([]missions.ProgressResult, error) {
	return each(ctx, s, laneReport, batch, func(p *missions.ProgressUpdate) string { return p.MissionID }, (*engine.Engine).Progress)
}

// AppendLog implements [missions.Leases].
func (s *Store) AppendLog(ctx context.Context, batch []missions.LogAppend) ([]error, error) {
	return each(ctx, s, laneReport, batch, func(l *missions.LogAppend) string { return l.MissionID }, (*engine.Engine).AppendLog)
}

// Finish implements [missions.Leases].
func (s *Store) Finish(ctx context.Context, batch []missions.Finish) ([]missions.Result, error) {
	return each(ctx, s, laneFinish, batch, func(f *missions.Finish) string { return f.MissionID }, (*engine.Engine).Finish)
}
