package api

import (
	"encoding/json"

	"missioncontrol/missions"
)

// Report is what any report of a lease's holder may say beside what it is for.
type Report struct {
	Checkpoint json.RawMessage `json:"checkpoint,omitzero"` // any JSON up to 64 KiB; replaces the previous one
	Usage      missions.Usage  `json:"usage,omitzero"`      // of this turn so far, by unit
}

// Held is a mission that an agent is working on.
type Held struct {
	LeaseRef
	Seen int `json:"seen,omitzero"` // the number of the last of its signals that the agent has seen
}

// RetryRequest puts a mission back to PENDING.
type RetryRequest struct {
	ID         string `json:"id"`
	Fresh      bool   `json:"fresh,omitzero"`      // without the checkpoint
	Dependents bool   `json:"dependents,omitzero"` // also the missions that were cancelled because this one did not complete
}

// SignalRequest sends a signal to a mission.
type SignalRequest struct {
	ID       string          `json:"id"` // of the mission
	Name     string          `json:"name"`
	Data     json.RawMessage `json:"data,omitzero"`      // any JSON up to 64 KiB
	SignalID string          `json:"signal_id,omitzero"` // accepted once, so that the request can be repeated
}

// Signalled says what became of a signal.
type Signalled struct {
	Seq       int               `json:"seq"` // its number among the mission's signals, from 1
	Delivered missions.Delivery `json:"delivered"`
}

// BatchesRequest lists batches, those created last first.
type BatchesRequest struct {
	Limit  int    `json:"limit,omitzero"` // 1 to 1000, default 100
	Cursor string `json:"cursor,omitzero"`
}

// BatchList is one page of batches.
type BatchList struct {
	Batches    []missions.Batch `json:"batches"`
	NextCursor string           `json:"next_cursor,omitzero"`
}

// Graph is what lies before and behind a mission.
type Graph struct {
	Missions  []GraphMission `json:"missions"` // the one asked for first, then by their distance from it; at most 1000
	Edges     []GraphEdge    `json:"edges"`
	Truncated bool           `json:"truncated"` // there are more
}

// GraphMission is a mission in a [Graph].
type GraphMission struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	Status     missions.Status `json:"status"`
	Waiting    bool            `json:"waiting"`
	Batch      string          `json:"batch,omitzero"`
	CreatedAt  missions.Time   `json:"created_at"`
	StartedAt  missions.Time   `json:"started_at"`
	FinishedAt missions.Time   `json:"finished_at"`
}

// GraphEdge leads from a mission to one that waits or waited for it, or to its child.
type GraphEdge struct {
	From  string   `json:"from"`
	To    string   `json:"to"`
	Kind  EdgeKind `json:"kind"`
	Batch string   `json:"batch,omitzero"` // of EdgeBatch: the batch of the mission it leads from
}

// EdgeKind says what connects two missions.
type EdgeKind string

// Kinds of edges.
const (
	EdgeAfter  EdgeKind = "after"  // To waits for From
	EdgeParent EdgeKind = "parent" // From is To's parent
	EdgeBatch  EdgeKind = "batch"  // To waits for a batch that From belongs to
)

// EdgeKinds lists every kind.
func EdgeKinds() []EdgeKind { return []EdgeKind{EdgeAfter, EdgeParent, EdgeBatch} }

// ChildrenRequest creates missions whose parent is the one that an agent holds.
type ChildrenRequest struct {
	LeaseRef
	Missions []MissionSpec `json:"missions"` // 1 to 1000
}

// SignalsRequest reads the signals of a mission that an agent holds.
type SignalsRequest struct {
	LeaseRef
	After int `json:"after,omitzero"` // only those with a higher number
}

// Signals are signals of a mission, in order.
type Signals struct {
	Signals []missions.Signal `json:"signals"`
	More    bool              `json:"more,omitzero"` // there are more after the last one
}

// InputRequest reads the outcome of a mission or a batch that a mission has waited for.
type InputRequest struct {
	LeaseRef
	Source string `json:"source"` // its id
}

// InputReply is the outcome of a mission or a batch.
type InputReply struct {
	Source string `json:"source"`
	missions.Input
}

// SignalRef says that a mission has signals up to a number.
type SignalRef struct {
	MissionID string `json:"mission_id"`
	Seq       int    `json:"seq"`
}

// Names of what supervisors of earlier versions do not understand, in [Health].
const (
	FeatureBatches     = "batches"
	FeatureBulk        = "bulk"
	FeatureCheckpoints = "checkpoints"
	FeatureChildren    = "children"
	FeatureGraph       = "graph"
	FeatureKeys        = "keys"
	FeatureLimits      = "limits"
	FeatureParking     = "parking"
	FeaturePreferAgent = "prefer_agent"
	FeatureRequires    = "requires"
	FeatureRetryPolicy = "retry_policy"
	FeatureSchedules   = "schedules"
	FeatureSignals     = "signals"
	FeatureUnique      = "unique"
	FeatureUsage       = "usage"
	FeatureWaits       = "waits"
)

// Features lists them in alphabetical order.
func Features() []string {
	return []string{FeatureBatches, FeatureBulk, FeatureCheckpoints, FeatureChildren, FeatureGraph, FeatureKeys, FeatureLimits, FeatureParking, FeaturePreferAgent,
		FeatureRequires, FeatureRetryPolicy, FeatureSchedules, FeatureSignals, FeatureUnique, FeatureUsage, FeatureWaits}
}
