// Package api is the wire vocabulary of Mission Control: subjects, requests, replies
// and error codes, each defined here once. The NATS endpoints, the HTTP gateway, the Go
// client and the agent kit all use it. docs/PROTOCOL.md describes the same for other
// languages.
package api

import "strings"

// Service is the name of the NATS micro service and of its queue group.
const Service = "supervisor"

// Subjects of the requests that any client may send.
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
	SubjectMissionsQueues  = "supervisor.missions.queues"
	SubjectMissionsSignal  = "supervisor.missions.signal"
	SubjectMissionsGraph   = "supervisor.missions.graph"
	SubjectMissionsBulk    = "supervisor.missions.bulk"
	SubjectBatchesGet      = "supervisor.batches.get"
	SubjectBatchesList     = "supervisor.batches.list"
	SubjectBatchesClose    = "supervisor.batches.close"
	SubjectAlerts          = "supervisor.alerts"

	SubjectMissionsWaitMany = "supervisor.missions.wait_many"

	SubjectLimitsSet    = "supervisor.limits.set"
	SubjectLimitsGet    = "supervisor.limits.get"
	SubjectLimitsList   = "supervisor.limits.list"
	SubjectLimitsDelete = "supervisor.limits.delete"

	SubjectSchedulesSet      = "supervisor.schedules.set"
	SubjectSchedulesGet      = "supervisor.schedules.get"
	SubjectSchedulesList     = "supervisor.schedules.list"
	SubjectSchedulesDelete   = "supervisor.schedules.delete"
	SubjectSchedulesTrigger  = "supervisor.schedules.trigger"
	SubjectSchedulesBackfill = "supervisor.schedules.backfill"
	SubjectSchedulesPreview  = "supervisor.schedules.preview"
)

// SubjectAll covers every subject of the service. No stream may cover any part of it;
// otherwise JetStream would answer the requests with acknowledgements.
const SubjectAll = "supervisor.>"

// PeersSubject returns the root of the subjects on which the supervisors that share a
// store send each other hints about changes. They are not part of the protocol.
func PeersSubject(store string) string { return "supervisor.peers." + store }

// SubjectPresence is the subject on which supervisors ask each other which store they
// use.
const SubjectPresence = "supervisor.peers.presence"

// SubjectForward is the root of the subjects on which supervisors that share a store forward
// changes to the one that leads. They are not part of the protocol.
const SubjectForward = "supervisor.peers.forward"

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
	AgentCreate    = "create"
	AgentSignals   = "signals"
	AgentInputs    = "inputs"
)

// agentCommands is the last token of the subject on which the supervisor pushes
// commands to an agent.
const agentCommands = "commands"

// AgentSubject returns the subject of an agent's request. It contains the agent's id,
// so that a broker's permissions on supervisor.agent.ID.> prove which agent sends a
// request.
func AgentSubject(agentID, verb string) string { return "supervisor.agent." + agentID + "." + verb }

// CommandsSubject returns the subject on which an agent receives commands.
func CommandsSubject(agentID string) string { return AgentSubject(agentID, agentCommands) }

// AgentOf returns the agent's id in a subject built by [AgentSubject].
func AgentOf(subject string) string {
	tokens := strings.SplitN(subject, ".", 4)
	if len(tokens) < 4 {
		return ""
	}
	return tokens[2]
}

// ConnectionName returns the name that an agent gives its broker connection. The
// supervisor uses this name to find out whose connection has ended.
func ConnectionName(agentID string) string { return connectionPrefix + agentID }

const connectionPrefix = "agent:"

// AgentOfConnection returns the agent's id in a name built by [ConnectionName], and
// whether it is such a name.
func AgentOfConnection(name string) (agentID string, ok bool) {
	return strings.CutPrefix(name, connectionPrefix)
}

// InboxPrefix returns the prefix of an agent's reply subjects, _INBOX.ID, if the broker
// only lets agents subscribe to their own. Every NATS client has an option for it.
// Without it, clients use subjects anywhere below _INBOX.
func InboxPrefix(agentID string) string { return "_INBOX." + agentID }

// Headers of replies that are errors, as the NATS micro framework defines them.
const (
	HeaderErrorCode = "Nats-Service-Error-Code"
	HeaderError     = "Nats-Service-Error"
)
