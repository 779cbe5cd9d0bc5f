package charter

import "time"

// Types of agent events.
const (
	TypeAgentOnline  = "agent.online"
	TypeAgentOffline = "agent.offline"
)

// AgentOnline reports that an agent registered or returned.
type AgentOnline struct {
	AgentID   string
	Name      string
	Role      string   // may be empty
	Types     []string // the mission types it works on
	Reason    string   // for people; may be empty
	ChangedAt time.Time
}

// EventType returns [TypeAgentOnline].
func (p AgentOnline) EventType() string { return TypeAgentOnline }

// AppendJSON implements [Payload].
func (p AgentOnline) AppendJSON(dst []byte) []byte { return agentState(p).appendJSON(dst) }

func (p AgentOnline) sizeHint() int { return agentState(p).sizeHint() }

func decodeAgentOnline(o *object) Payload { return AgentOnline(decodeAgentState(o)) }

// AgentOffline reports that an agent left or fell silent.
type AgentOffline struct {
	AgentID   string
	Name      string
	Role      string   // may be empty
	Types     []string // the mission types it worked on
	Reason    string   // for people; may be empty
	ChangedAt time.Time
}

// EventType returns [TypeAgentOffline].
func (p AgentOffline) EventType() string { return TypeAgentOffline }

// AppendJSON implements [Payload].
func (p AgentOffline) AppendJSON(dst []byte) []byte { return agentState(p).appendJSON(dst) }

func (p AgentOffline) sizeHint() int { return agentState(p).sizeHint() }

func decodeAgentOffline(o *object) Payload { return AgentOffline(decodeAgentState(o)) }

// agentState is the payload shared by an agent's two events.
type agentState struct {
	AgentID   string
	Name      string
	Role      string
	Types     []string
	Reason    string
	ChangedAt time.Time
}

func (p agentState) appendJSON(dst []byte) []byte {
	return open(dst).
		text("agent_id", p.AgentID).
		text("name", p.Name).
		text("role", p.Role).
		texts("types", p.Types).
		text("reason", p.Reason).
		time("changed_at", p.ChangedAt).
		close()
}

func (p agentState) sizeHint() int {
	size := 128 + len(p.AgentID) + len(p.Name) + len(p.Role) + len(p.Reason)
	for _, t := range p.Types {
		size += len(`"",`) + len(t)
	}
	return size
}

func decodeAgentState(o *object) agentState {
	return agentState{
		AgentID:   o.text("agent_id"),
		Name:      o.text("name"),
		Role:      o.text("role"),
		Types:     o.texts("types"),
		Reason:    o.text("reason"),
		ChangedAt: o.time("changed_at"),
	}
}
