package client

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// CreateAll creates the request's Missions, with one outcome for each. Its own MissionSpec is not used.
func (c *Client) CreateAll(ctx context.Context, request api.CreateRequest) ([]api.Created, error) {
	var reply api.CreateReply
	err := c.Do(ctx, api.OpCreate.Subject, creations{Missions: request.Missions, Brief: request.Brief, CloseBatch: request.CloseBatch}, &reply)
	return reply.Results, err
}

// Signal sends a signal to a mission. With a signal id it can be sent again.
func (c *Client) Signal(ctx context.Context, request api.SignalRequest) (api.Signalled, error) {
	return send(ctx, c, api.OpSignal, request)
}

// Bulk applies an action to one page of the missions that match a filter, or counts them. With the as_of of an
// earlier reply it can be sent again: what it has changed has changed after that.
func (c *Client) Bulk(ctx context.Context, request api.BulkRequest) (api.BulkReply, error) {
	return send(ctx, c, api.OpBulk, request)
}

// Graph returns the missions before and behind a mission.
func (c *Client) Graph(ctx context.Context, id string) (api.Graph, error) {
	return send(ctx, c, api.OpGraph, api.IDRequest{ID: id})
}

// Batch returns a batch.
func (c *Client) Batch(ctx context.Context, id string) (missions.Batch, error) {
	return send(ctx, c, api.OpBatch, api.IDRequest{ID: id})
}

// Batches returns one page of batches, those created last first.
func (c *Client) Batches(ctx context.Context, request api.BatchesRequest) (api.BatchList, error) {
	return send(ctx, c, api.OpBatches, request)
}

// CloseBatch closes a batch, and creates it if it does not exist.
func (c *Client) CloseBatch(ctx context.Context, id string) (missions.Batch, error) {
	return send(ctx, c, api.OpCloseBatch, api.IDRequest{ID: id})
}
