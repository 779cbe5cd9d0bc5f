// Package spec describes the protocol to machines: as an OpenAPI 3.1 document for HTTP
// and an AsyncAPI 3.0 document for NATS and the events. Both are generated from the
// types that the code itself reads and writes.
package spec

import (
	_ "embed"
	"reflect"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

//go:generate go run ./gen

// OpenAPI is the OpenAPI 3.1 document of the HTTP front end, as JSON.
//
//go:embed openapi.json
var OpenAPI []byte

// AsyncAPI is the AsyncAPI 3.0 document of the requests over NATS and of the events, as
// JSON.
//
//go:embed asyncapi.json
var AsyncAPI []byte

// Paths of the documents.
const (
	PathOpenAPI  = "/api/openapi.json"
	PathAsyncAPI = "/api/asyncapi.json"
)

// Operation is a request of the protocol, over NATS, over HTTP or over both.
type Operation struct {
	Does    string // the method of the service, "" if the front end itself answers
	Summary string
	Subject string // over NATS, with * for an agent's id; "" if not available
	HTTP    string // method and path; "" if not available

	Request, Reply reflect.Type // nil: none

	// Media is the media type of the HTTP reply if it is not JSON.
	Media string
}

// op returns an operation whose request and reply have these types.
func op[Q, R any](does, subject, http, summary string) Operation {
	return Operation{Does: does, Summary: summary, Subject: subject, HTTP: http, Request: reflect.TypeFor[Q](), Reply: reflect.TypeFor[R]()}
}

// agentOp returns an operation of an agent, whose id is in the subject.
func agentOp[Q, R any](does, verb, summary string) Operation {
	return op[Q, R](does, api.AgentSubject("*", verb), "", summary)
}

// sessionOp returns an operation that only exists over HTTP.
func sessionOp(method, summary string) Operation {
	return Operation{HTTP: method + " /api/session", Summary: summary, Reply: reflect.TypeFor[api.Session]()}
}

// Operations lists every request of the protocol.
func Operations() []Operation {
	return []Operation{
		op[api.Empty, api.Health]("Health", api.SubjectHealth, "GET /api/supervisor/health", "How the supervisor is"),
		op[api.Empty, api.Status]("Status", api.SubjectStatus, "GET /api/supervisor/status", "How the missions stand"),
		op[api.AgentsRequest, api.Agents]("Agents", api.SubjectAgents, "GET /api/supervisor/agents", "Who works on missions"),

		op[api.CreateRequest, api.CreateReply]("Create", api.SubjectMissionsCreate, "POST /api/missions", "Create a mission, or up to 1000"),
		op[api.ListRequest, api.MissionList]("List", api.SubjectMissionsList, "GET /api/missions", "List missions, newest first"),
		op[api.StatsRequest, api.StatsReply]("Stats", api.SubjectMissionsStats, "GET /api/missions/stats", "Statistics of all missions or of one type's"),
		op[api.HistoryRequest, api.History]("History", api.SubjectMissionsHistory, "GET /api/missions/history", "The statistics minute by minute"),
		op[api.Empty, api.Alerts]("Alerts", api.SubjectAlerts, "GET /api/alerts", "How the alert rules stand"),
		op[api.IDRequest, api.Mission]("Get", api.SubjectMissionsGet, "GET /api/missions/{id}", "One mission"),
		op[api.IDRequest, api.Mission]("Delete", api.SubjectMissionsDelete, "DELETE /api/missions/{id}", "Delete a mission that nobody is working on"),
		op[api.CancelRequest, api.Mission]("Cancel", api.SubjectMissionsCancel, "POST /api/missions/{id}/cancel", "Cancel a mission"),
		op[api.IDRequest, api.Mission]("Retry", api.SubjectMissionsRetry, "POST /api/missions/{id}/retry", "Put a mission that failed or was cancelled back into the queue"),
		op[api.WaitRequest, api.Mission]("Wait", api.SubjectMissionsWait, "GET /api/missions/{id}/wait", "Wait until a mission has ended"),
		op[api.LogRequest, api.MissionLog]("Log", api.SubjectMissionsLog, "GET /api/missions/{id}/log", "A mission's log, oldest first"),

		agentOp[api.RegisterRequest, api.Registered]("Register", api.AgentRegister, "Make an agent known"),
		agentOp[api.HeartbeatRequest, api.HeartbeatReply]("Heartbeat", api.AgentHeartbeat, "Say that the agent lives, and renew its leases"),
		agentOp[api.ClaimRequest, api.Claimed]("Claim", api.AgentClaim, "Claim missions, and wait for them if need be"),
		agentOp[api.ProgressRequest, api.Empty]("Progress", api.AgentProgress, "Say how far a mission has come"),
		agentOp[api.LogAppendRequest, api.Empty]("AppendLog", api.AgentLog, "Add to a mission's log"),
		agentOp[api.CompleteRequest, api.FinishReply]("Complete", api.AgentComplete, "Report missions done"),
		agentOp[api.FailRequest, api.FinishReply]("Fail", api.AgentFail, "Report attempts failed"),
		agentOp[api.ReleaseRequest, api.FinishReply]("Release", api.AgentRelease, "Hand missions back"),
		agentOp[api.Empty, api.Empty]("Leave", api.AgentLeave, "Go, and hand back what is left"),

		op[api.Empty, api.Queries]("Queries", "", "GET /api/queries", "Who asked for the status in the last hour, and how often"),
		{Does: "Watch", HTTP: "GET /api/events", Request: reflect.TypeFor[api.EventsRequest](), Media: "text/event-stream",
			Summary: "Events as the stream stores them, as server-sent events; Last-Event-ID goes on behind an event"},
		{Does: "Pulse", HTTP: "GET /api/supervisor/live", Media: "text/event-stream",
			Summary: "The status whenever it has changed, as server-sent events"},
		sessionOp("GET", "Who is asking, and what they may do"),
		sessionOp("POST", "Have a browser keep the token in the Authorization header"),
		sessionOp("DELETE", "Have a browser forget its token"),
		{HTTP: "GET " + PathOpenAPI, Summary: "This document", Media: "application/json"},
		{HTTP: "GET " + PathAsyncAPI, Summary: "The AsyncAPI document of the requests over NATS and of the events", Media: "application/json"},
		{HTTP: "GET /healthz", Summary: "Whether the process lives", Media: "text/plain"},
		{HTTP: "GET /readyz", Summary: "Whether requests can be served", Media: "text/plain"},
		{HTTP: "GET /metrics", Summary: "Metrics for Prometheus", Media: "text/plain"},
	}
}

// Command returns the subject and type of the messages that the supervisor pushes to an
// agent.
func Command() (subject string, message reflect.Type) {
	return api.CommandsSubject("*"), reflect.TypeFor[api.Command]()
}

// ErrorReply returns the type of the body of an error reply.
func ErrorReply() reflect.Type { return reflect.TypeFor[api.ErrorReply]() }

// Values returns the values that a string type may have, or none for free text.
func Values(t reflect.Type) (values []string) {
	switch t {
	case reflect.TypeFor[missions.Status]():
		return texts(missions.Statuses())
	case reflect.TypeFor[missions.Priority]():
		return texts(missions.Priorities())
	case reflect.TypeFor[missions.AgentState]():
		return texts(missions.AgentStates())
	case reflect.TypeFor[missions.AlertState]():
		return texts(missions.AlertStates())
	}
	return nil
}

func texts[T ~string](values []T) (out []string) {
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
