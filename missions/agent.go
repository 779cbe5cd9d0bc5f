package missions

// AgentState is the state of an agent in the registry.
type AgentState string

// States of an agent. A draining agent finishes the missions it holds and claims no
// more.
const (
	Online   AgentState = "online"
	Draining AgentState = "draining"
	Offline  AgentState = "offline"
)

// AgentStates lists every state.
func AgentStates() []AgentState { return []AgentState{Online, Draining, Offline} }

// Agent is a process that works on missions, as registered.
type Agent struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	Role            string            `json:"role"`
	State           AgentState        `json:"state"`
	LastHeartbeat   Time              `json:"last_heartbeat"`
	MissionsRunning int               `json:"missions_running"`
	Capacity        int               `json:"capacity"` // slots: how many missions it runs at once
	Types           []string          `json:"types"`
	Version         string            `json:"version"`
	Host            string            `json:"host"`
	Labels          map[string]string `json:"labels"`
	CPU             *float64          `json:"cpu"`          // as reported by the agent: 1 is one busy core; null if not reported
	MemoryBytes     *int64            `json:"memory_bytes"` // resident, as reported by the agent; null if not reported
	RegisteredAt    Time              `json:"registered_at"`
}
