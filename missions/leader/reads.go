package leader

import (
	"context"
	"errors"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// reads are the methods of [missions.Store] that read.
type reads struct {
	backend engine.Backend
	by      reader
	sums    *missions.WindowCache
}

// reader gives reads what they need.
type reader interface {
	// look calls f with an engine as of some moment since the call began. f changes nothing.
	look(ctx context.Context, f func(*engine.Engine)) error

	// overview returns the sum over all types and the marks, as of such a moment.
	overview(ctx context.Context) (missions.Counts, engine.Marks, error)

	// usable returns an error if ctx has ended or the store is closed.
	usable(ctx context.Context) error

	// public returns what a caller may know of an error of the backend.
	public(err error) error

	now() missions.Time
}

// read runs a read of the backend.
func read[T any](ctx context.Context, by reader, read func() (T, error)) (result T, err error) {
	if err := by.usable(ctx); err != nil {
		return result, err
	}
	result, err = read()
	return result, by.public(err)
}

// Get implements [missions.Missions].
func (r reads) Get(ctx context.Context, id string) (missions.Mission, error) {
	return read(ctx, r.by, func() (missions.Mission, error) {
		found, err := r.backend.Records(ctx, []string{id})
		var unreachable *engine.Unreachable
		if err != nil && !(errors.As(err, &unreachable) && len(unreachable.NoRoom) > 0) {
			return missions.Mission{}, err
		}
		if len(found) == 0 {
			return missions.Mission{}, missions.NotFound("mission", id)
		}
		return found[0].Output(), nil
	})
}

// List implements [missions.Missions].
func (r reads) List(ctx context.Context, filter missions.Filter) (missions.Page, error) {
	return read(ctx, r.by, func() (missions.Page, error) { return r.backend.List(ctx, filter) })
}

// Log implements [missions.Missions].
func (r reads) Log(ctx context.Context, id string, after int64, limit int) (missions.LogPage, error) {
	return read(ctx, r.by, func() (missions.LogPage, error) { return r.backend.Log(ctx, id, after, limit) })
}

// ListAgents implements [missions.Agents].
func (r reads) ListAgents(ctx context.Context, filter missions.AgentFilter) (page missions.AgentPage, err error) {
	err = r.by.look(ctx, func(e *engine.Engine) { page = e.ListAgents(filter) })
	return page, err
}

// Alerts implements [missions.Alerts].
func (r reads) Alerts(ctx context.Context) (alerts []missions.Alert, err error) {
	err = r.by.look(ctx, func(e *engine.Engine) { alerts = e.Alerts() })
	return alerts, err
}

// Notices implements [missions.Alerts].
func (r reads) Notices(ctx context.Context, limit int) ([]missions.Event, error) {
	return read(ctx, r.by, func() ([]missions.Event, error) { return r.backend.Notices(ctx, limit) })
}

// Waiting implements [missions.Store].
func (r reads) Waiting(ctx context.Context) (int64, error) {
	_, marks, err := r.by.overview(ctx)
	return marks.Waiting(), err
}

// Now implements [missions.Store].
func (r reads) Now(ctx context.Context) (missions.Time, error) {
	return read(ctx, r.by, func() (missions.Time, error) { return r.by.now(), nil })
}

// Ping implements [missions.Store].
func (r reads) Ping(ctx context.Context) error {
	_, err := read(ctx, r.by, func() (any, error) { return r.backend.Records(ctx, nil) })
	return err
}
