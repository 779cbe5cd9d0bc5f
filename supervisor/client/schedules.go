package client

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// SetSchedule adds a schedule, or changes it.
func (c *Client) SetSchedule(ctx context.Context, spec missions.ScheduleSpec) (api.Schedule, error) {
	return send(ctx, c, api.OpSetSchedule, api.SetScheduleRequest{ScheduleSpec: spec})
}

// ChangeSchedule changes a schedule that was read, with the ChangedAt that it had. If it has changed since, the error
// is [api.ErrConflict], and nothing is done.
func (c *Client) ChangeSchedule(ctx context.Context, spec missions.ScheduleSpec, read missions.Time) (api.Schedule, error) {
	return send(ctx, c, api.OpSetSchedule, api.SetScheduleRequest{ScheduleSpec: spec, IfChangedAt: read})
}

// Schedule returns a schedule and when it is due next.
func (c *Client) Schedule(ctx context.Context, id string) (api.Schedule, error) {
	return send(ctx, c, api.OpSchedule, api.IDRequest{ID: id})
}

// Schedules returns one page of schedules, by id.
func (c *Client) Schedules(ctx context.Context, request api.SchedulesRequest) (api.ScheduleList, error) {
	return send(ctx, c, api.OpSchedules, request)
}

// DeleteSchedule deletes a schedule, not its missions, and returns its last state.
func (c *Client) DeleteSchedule(ctx context.Context, id string) (missions.Schedule, error) {
	return send(ctx, c, api.OpDeleteSchedule, api.IDRequest{ID: id})
}

// TriggerSchedule creates a mission of a schedule now.
func (c *Client) TriggerSchedule(ctx context.Context, id string) (api.Triggered, error) {
	return send(ctx, c, api.OpTriggerSchedule, api.IDRequest{ID: id})
}

// Backfill creates the missions of past occurrences of a schedule, each once.
func (c *Client) Backfill(ctx context.Context, request api.BackfillRequest) (api.Backfilled, error) {
	return send(ctx, c, api.OpBackfill, request)
}

// Preview returns when a schedule would be due next.
func (c *Client) Preview(ctx context.Context, request api.PreviewRequest) ([]missions.Time, error) {
	reply, err := send(ctx, c, api.OpPreview, request)
	return reply.Times, err
}
