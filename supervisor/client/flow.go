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
