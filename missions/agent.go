package missions

// AgentState is how an agent stands with the supervisor.
type AgentState string

// The states of an agent. Draining agents finish what they hold and claim no more.
const (
	Online   AgentState = "online"
	Draining AgentState = "draining"
	Offline  AgentState = "offline"
)

// AgentStates lists every state.
func AgentStates() []AgentState { return []AgentState{Online, Draining, Offline} }

// Agent is a process that works on missions, as the registry knows it.
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
	CPU             *float64          `json:"cpu"`          // as the agent reports it: 1 is one core busy; null when it does not
	MemoryBytes     *int64            `json:"memory_bytes"` // resident, as the agent reports it; null when it does not
	RegisteredAt    Time              `json:"registered_at"`
}
