package alerts

import (
	"context"

	"missioncontrol/missions"
)

// Source provides the figures.
type Source interface {
	Stats(ctx context.Context, missionType string) (missions.Stats, error)
	Counts(ctx context.Context) (missions.Counts, error)
	Unserved(ctx context.Context) (map[string]int64, error)
	AgentCount(ctx context.Context, state missions.AgentState, missionType string) (int64, error)
	Waiting(ctx context.Context) (int64, error)
	Schedules(ctx context.Context) (missions.ScheduleFigures, error)
	Limits(ctx context.Context) (missions.LimitFigures, error)
	Stream() StreamFigures // does no I/O
}

// StreamFigures are the event stream's own figures.
type StreamFigures struct {
	Degraded                       bool
	Published, Dropped, Duplicates uint64
}

// Figures reads the figures for one check of the rules, each at most once. It is not
// for concurrent use.
type Figures struct {
	source Source
	memory map[string]any
}

// NewFigures returns figures that have not been read yet.
func NewFigures(source Source) *Figures { return &Figures{source, map[string]any{}} }

// once returns a stored figure, or reads it if it has not been read yet.
func once[T any](f *Figures, what string, read func() (T, error)) (T, error) {
	if value, ok := f.memory[what].(T); ok {
		return value, nil
	}
	value, err := read()
	if err == nil {
		f.memory[what] = value
	}
	return value, err
}

func (f *Figures) stats(ctx context.Context, kind string) (missions.Stats, error) {
	return once(f, "stats "+kind, func() (missions.Stats, error) { return f.source.Stats(ctx, kind) })
}

func (f *Figures) counts(ctx context.Context) (missions.Counts, error) {
	return once(f, "counts", func() (missions.Counts, error) { return f.source.Counts(ctx) })
}

func (f *Figures) unserved(ctx context.Context) (map[string]int64, error) {
	return once(f, "unserved", func() (map[string]int64, error) { return f.source.Unserved(ctx) })
}

func (f *Figures) agents(ctx context.Context, state missions.AgentState, kind string) (int64, error) {
	return once(f, "agents "+string(state)+" "+kind, func() (int64, error) { return f.source.AgentCount(ctx, state, kind) })
}

func (f *Figures) waiting(ctx context.Context) (int64, error) {
	return once(f, "waiting", func() (int64, error) { return f.source.Waiting(ctx) })
}

func (f *Figures) limits(ctx context.Context) (missions.LimitFigures, error) {
	return once(f, "limits", func() (missions.LimitFigures, error) { return f.source.Limits(ctx) })
}

func (f *Figures) schedules(ctx context.Context) (missions.ScheduleFigures, error) {
	return once(f, "schedules", func() (missions.ScheduleFigures, error) { return f.source.Schedules(ctx) })
}
