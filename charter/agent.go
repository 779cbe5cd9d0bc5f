package charter

import "time"

// Types of agent events.
const (
	TypeAgentOnline  = "agent.online"
	TypeAgentOffline = "agent.offline"
)

// AgentOnline reports that an agent registered or returned.
type AgentOnline struct {
	AgentID   string    `json:"agent_id" doc:"The agent's ID."`
	Name      string    `json:"name" doc:"The agent's name, for people."`
	Role      string    `json:"role" doc:"The agent's role, for people; may be empty."`
	Types     []string  `json:"types" doc:"The mission types that the agent works on."`
	Reason    string    `json:"reason" doc:"The reason, for people; may be empty."`
	ChangedAt time.Time `json:"changed_at" doc:"When the change was stored."`
}

// EventType returns [TypeAgentOnline].
func (p AgentOnline) EventType() string { return TypeAgentOnline }

// AppendJSON implements [Payload].
func (p AgentOnline) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

// AgentOffline reports that an agent left or fell silent, with the fields of
// [AgentOnline].
type AgentOffline AgentOnline

// EventType returns [TypeAgentOffline].
func (p AgentOffline) EventType() string { return TypeAgentOffline }

// AppendJSON implements [Payload].
func (p AgentOffline) AppendJSON(dst []byte) []byte { return appendPayload(dst, p) }

var agentEntries = []Entry{
	{
		Source:       sourceSupervisor,
		SourceModule: "agents",
		Kind:         Durable,
		Description:  "An agent is online and can claim missions.",
		When:         "Sent once when an agent comes online: it registers, or sends a heartbeat or a claim after it was offline.",
		Example: AgentOnline{
			AgentID: "rover-1", Name: "Rover 1", Role: "scout", Types: []string{"survey", "default"},
			Reason: "registered", ChangedAt: exampleTime,
		},
	},
	{
		Source:       sourceSupervisor,
		SourceModule: "agents",
		Kind:         Durable,
		Description:  "An agent is offline, and its running missions return to the queue.",
		When:         "Sent once when an agent leaves, or when the supervisor notices that it died.",
		Example: AgentOffline{
			AgentID: "rover-1", Name: "Rover 1", Role: "scout", Types: []string{"survey", "default"},
			Reason: "left", ChangedAt: exampleTime,
		},
	},
}
