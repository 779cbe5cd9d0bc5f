package client

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// SetLimit adds a limit, or changes it, and returns it with what it counts.
func (c *Client) SetLimit(ctx context.Context, spec missions.LimitSpec) (missions.LimitStatus, error) {
	return send(ctx, c, api.OpSetLimit, api.SetLimitRequest{LimitSpec: spec})
}

// ChangeLimit changes a limit that has not changed since it was read, with that ChangedAt. Otherwise, the error is an
// [api.ErrConflict], or an [api.ErrNotFound] if it was deleted.
func (c *Client) ChangeLimit(ctx context.Context, spec missions.LimitSpec, read missions.Time) (missions.LimitStatus, error) {
	return send(ctx, c, api.OpSetLimit, api.SetLimitRequest{LimitSpec: spec, IfChangedAt: read})
}

// Limit returns a limit and what it counts.
func (c *Client) Limit(ctx context.Context, name string) (missions.LimitStatus, error) {
	return send(ctx, c, api.OpLimit, api.LimitNameRequest{Name: name})
}

// Limits returns one page of limits, by name.
func (c *Client) Limits(ctx context.Context, request api.LimitsRequest) (api.LimitList, error) {
	return send(ctx, c, api.OpLimits, request)
}

// DeleteLimit deletes a limit and returns its last state. Missions that name it run without it.
func (c *Client) DeleteLimit(ctx context.Context, name string) (missions.LimitStatus, error) {
	return send(ctx, c, api.OpDeleteLimit, api.LimitNameRequest{Name: name})
}
