package leader

import (
	"context"
	"time"

	"missioncontrol/missions"
)

// outbox implements [missions.Outbox].
type outbox struct {
	commands
	reads
	identity func() string
}

// Identity implements [missions.Outbox].
func (o outbox) Identity() string { return o.identity() }

// Pending implements [missions.Outbox].
func (o outbox) Pending(ctx context.Context, after int64, limit int) ([]missions.Event, error) {
	return read(ctx, o.reads.by, func() ([]missions.Event, error) { return o.backend.Pending(ctx, after, limit) })
}

// Acknowledge implements [missions.Outbox].
func (o outbox) Acknowledge(ctx context.Context, upTo int64, mark string) error {
	return o.acknowledge(ctx, upTo, mark)
}

// Acknowledged implements [missions.Outbox].
func (o outbox) Acknowledged(ctx context.Context) (upTo int64, mark string, err error) {
	_, marks, err := o.reads.by.overview(ctx)
	return marks.Acknowledged, marks.Mark, err
}

// Forget implements [missions.Outbox].
func (o outbox) Forget(ctx context.Context, upTo int64) error { return o.forget(ctx, upTo) }

// retain deletes missions that ended longer ago than retention.
func retain(ctx context.Context, c commands, r reads, retention time.Duration, limit int) (deleted int, err error) {
	ended, err := read(ctx, r.by, func() ([]string, error) { return r.backend.Ended(ctx, r.by.now().Add(-retention), limit) })
	if err != nil {
		return 0, err
	}
	return c.retain(ctx, ended, retention)
}
