package api

import "missioncontrol/missions"

// ActivityRequest requests what agents worked on in the last hour.
type ActivityRequest struct {
	After Cursor `json:"after,omitzero"` // cursor of an earlier reply: only what has changed since
}

// Activity is what agents worked on in the last hour, as far as the event stream shows. Of
// many turns, there are only the latest.
type Activity struct {
	State  string        `json:"state"`  // of the event stream, as far as it can be read: "connected" or "degraded"
	Reason string        `json:"reason"` // why it is degraded, in a sentence; "" while connected
	From   missions.Time `json:"from"`   // since when all turns are known
	To     missions.Time `json:"to"`     // now
	All    bool          `json:"all"`    // these are all turns, and not only those that have changed since after
	Turns  []AgentTurn   `json:"turns"`  // in the order in which they began, at most 3000

	Agents  []AgentChange      `json:"agents"`      // who came and went, in order
	Slow    map[string]float64 `json:"p95_seconds"` // of run times in the last day, by the types that are running
	Changes Cursor             `json:"cursor"`      // for after
}

// AgentTurn is an agent's turn at a mission: from its claim to the end of the attempt.
type AgentTurn struct {
	MissionID string        `json:"mission_id"`
	Name      string        `json:"name,omitzero"` // of the mission, at most 80 characters; "" if it is not known
	Type      string        `json:"type,omitzero"` // of the mission; "" if it is not known
	AgentID   string        `json:"agent_id"`
	Attempt   int64         `json:"attempt"`
	StartedAt missions.Time `json:"started_at"`       // null if it began before the first event that was read
	EndedAt   missions.Time `json:"ended_at"`         // null while it goes on
	Outcome   string        `json:"outcome,omitzero"` // once it has ended
	Reason    string        `json:"reason,omitzero"`  // why it ended, unless it is completed
	Sequence  uint64        `json:"-"`                // of the event that changed it last
}

// Outcomes of a turn.
const (
	TurnCompleted = "completed"
	TurnFailed    = "failed" // the attempt failed, or its agent was lost; the mission may be tried again
	TurnCancelled = "cancelled"
	TurnReturned  = "returned" // parked or released
)

// AgentChange says that an agent came online or went offline.
type AgentChange struct {
	AgentID  string        `json:"agent_id"`
	Online   bool          `json:"online"`
	At       missions.Time `json:"at"`
	Sequence uint64        `json:"-"` // of its event
}
