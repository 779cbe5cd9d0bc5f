// Package api is the wire vocabulary of Mission Control: subjects, requests,
// replies and error codes, each standing here once. The NATS endpoints, the HTTP
// gateway, the Go client and the agent kit all speak it. docs/PROTOCOL.md tells
// the same to those who write in other languages.
package api

import "strings"

// Service is the name of the NATS micro service and of its queue group.
const Service = "supervisor"

// Subjects of the requests that anybody may send.
const (
	SubjectHealth          = "supervisor.health"
	SubjectStatus          = "supervisor.status"
	SubjectAgents          = "supervisor.agents"
	SubjectMissionsCreate  = "supervisor.missions.create"
	SubjectMissionsGet     = "supervisor.missions.get"
	SubjectMissionsCancel  = "supervisor.missions.cancel"
	SubjectMissionsRetry   = "supervisor.missions.retry"
	SubjectMissionsDelete  = "supervisor.missions.delete"
	SubjectMissionsWait    = "supervisor.missions.wait"
	SubjectMissionsList    = "supervisor.missions.list"
	SubjectMissionsLog     = "supervisor.missions.log"
	SubjectMissionsStats   = "supervisor.missions.stats"
	SubjectMissionsHistory = "supervisor.missions.history"
	SubjectAlerts          = "supervisor.alerts"
)

// SubjectAll covers every subject of the service. No stream may cover any part
// of it, or JetStream would answer the requests with acknowledgements.
const SubjectAll = "supervisor.>"

// PeersSubject returns the root of the subjects on which the supervisors that share
// a store tell each other what they have done. They are no part of the protocol.
func PeersSubject(store string) string { return "supervisor.peers." + store }

// SubjectPresence is where supervisors tell each other which store they have.
const SubjectPresence = "supervisor.peers.presence"

// Verbs of the requests that an agent sends, to [AgentSubject].
const (
	AgentRegister  = "register"
	AgentHeartbeat = "heartbeat"
	AgentClaim     = "claim"
	AgentProgress  = "progress"
	AgentLog       = "log"
	AgentComplete  = "complete"
	AgentFail      = "fail"
	AgentRelease   = "release"
	AgentLeave     = "leave"
)

// agentCommands is where the supervisor pushes commands to an agent.
const agentCommands = "commands"

// AgentSubject returns the subject of an agent's request. The agent's id stands
// in it, so that a broker's permissions on supervisor.agent.ID.> prove who asks.
func AgentSubject(agentID, verb string) string { return "supervisor.agent." + agentID + "." + verb }

// CommandsSubject returns the subject that an agent listens to for commands.
func CommandsSubject(agentID string) string { return AgentSubject(agentID, agentCommands) }

// AgentOf returns the agent's id that stands in a subject built by [AgentSubject].
func AgentOf(subject string) string {
	tokens := strings.SplitN(subject, ".", 4)
	if len(tokens) < 4 {
		return ""
	}
	return tokens[2]
}

// ConnectionName returns the name that an agent gives its broker connection, by
// which the supervisor knows whose connection has ended.
func ConnectionName(agentID string) string { return connectionPrefix + agentID }

const connectionPrefix = "agent:"

// AgentOfConnection returns the agent's id that stands in a name built by
// [ConnectionName], and whether it is one.
func AgentOfConnection(name string) (agentID string, ok bool) {
	return strings.CutPrefix(name, connectionPrefix)
}

// InboxPrefix returns where an agent's connection receives replies, if the broker
// lets agents listen to their own only: _INBOX.ID. It is an option of every NATS
// client, which otherwise listens somewhere below _INBOX.
func InboxPrefix(agentID string) string { return "_INBOX." + agentID }

// Headers of replies that are errors, as the NATS micro framework defines them.
const (
	HeaderErrorCode = "Nats-Service-Error-Code"
	HeaderError     = "Nats-Service-Error"
)
