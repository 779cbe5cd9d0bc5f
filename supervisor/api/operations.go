package api

import (
	"reflect"
	"strings"
)

// Operation is a request of the protocol, over NATS, over HTTP or over both. The
// endpoints, the HTTP routes, the permissions of the roles, the specifications, the
// client's methods and what doctor tries are made from this table, or a test holds them
// against it.
type Operation struct {
	Name    string // of the endpoint over NATS, in its counters and metrics: missions-create
	Method  string // of the service; "" if the front end itself answers
	Summary string // half a sentence, for the specifications
	Subject string // over NATS, with * for an agent's id; "" if not available
	HTTP    string // method and path; "" if not available
	Access  Access
	Kind    Kind

	Request, Reply reflect.Type // nil: none

	// Media is the media type of the HTTP reply if it is not JSON.
	Media string
}

// Access says who may send a request.
type Access int

// The kinds of access.
const (
	AccessRead   Access = iota // viewers, and everybody who may do more
	AccessChange               // operators: the request creates or controls missions
	AccessAgent                // the agent whose id is in the subject
)

// Kind says how much a request may cost, which decides how many may be in progress.
type Kind int

// The kinds of requests.
const (
	KindBrief    Kind = iota // the reply is small
	KindSingle               // the reply has one mission
	KindPage                 // the reply may be as large as the broker allows
	KindParking              // the request may wait as long as it says
	KindWatching             // the reply lasts until the client ends it
)

// Op is an [Operation] with the types of its request and reply.
type Op[Q, R any] struct{ *Operation }

// AgentOp is an [Operation] of an agent. The request does not contain the agent's id,
// which is in the subject.
type AgentOp[Q, R any] struct {
	*Operation
	Verb string // see AgentSubject
}

// operations is filled by the declarations below, in their order.
var operations []*Operation

// Operations returns every request of the protocol. Callers must not change them.
func Operations() []*Operation { return operations }

func declare(op Operation) *Operation {
	op.Name = strings.NewReplacer("supervisor.", "", ".*", "", ".", "-").Replace(op.Subject)
	operations = append(operations, &op)
	return &op
}

func typedOp[Q, R any](method string, kind Kind, access Access, subject, http, summary string) Op[Q, R] {
	return Op[Q, R]{declare(Operation{Method: method, Kind: kind, Access: access, Subject: subject, HTTP: http, Summary: summary,
		Request: reflect.TypeFor[Q](), Reply: reflect.TypeFor[R]()})}
}

func readOp[Q, R any](method string, kind Kind, subject, http, summary string) Op[Q, R] {
	return typedOp[Q, R](method, kind, AccessRead, subject, http, summary)
}

func changeOp[Q, R any](method, subject, http, summary string) Op[Q, R] {
	return typedOp[Q, R](method, KindBrief, AccessChange, subject, http, summary)
}

func agentOp[Q, R any](method string, kind Kind, verb, summary string) AgentOp[Q, R] {
	return AgentOp[Q, R]{typedOp[Q, R](method, kind, AccessAgent, AgentSubject("*", verb), "", summary).Operation, verb}
}

// Requests that any client may send, if its role allows it.
var (
	OpHealth = readOp[Empty, Health]("Health", KindBrief, SubjectHealth, "GET /api/supervisor/health", "How the supervisor is")
	OpStatus = readOp[Empty, Status]("Status", KindBrief, SubjectStatus, "GET /api/supervisor/status", "How the missions stand")
	OpAgents = readOp[AgentsRequest, Agents]("Agents", KindPage, SubjectAgents, "GET /api/supervisor/agents", "Who works on missions")

	OpCreate  = changeOp[CreateRequest, CreateReply]("Create", SubjectMissionsCreate, "POST /api/missions", "Create a mission, or up to 1000")
	OpGet     = readOp[IDRequest, Mission]("Get", KindSingle, SubjectMissionsGet, "GET /api/missions/{id}", "One mission")
	OpList    = readOp[ListRequest, MissionList]("List", KindPage, SubjectMissionsList, "GET /api/missions", "List missions, newest first")
	OpLog     = readOp[LogRequest, MissionLog]("Log", KindPage, SubjectMissionsLog, "GET /api/missions/{id}/log", "A mission's log, oldest first")
	OpWait    = readOp[WaitRequest, Mission]("Wait", KindParking, SubjectMissionsWait, "GET /api/missions/{id}/wait", "Wait until a mission has ended")
	OpStats   = readOp[StatsRequest, StatsReply]("Stats", KindBrief, SubjectMissionsStats, "GET /api/missions/stats", "Statistics of all missions or of one type's")
	OpHistory = readOp[HistoryRequest, History]("History", KindPage, SubjectMissionsHistory, "GET /api/missions/history", "The statistics minute by minute")
	OpAlerts  = readOp[Empty, Alerts]("Alerts", KindBrief, SubjectAlerts, "GET /api/alerts", "How the alert rules stand")
	OpCancel  = changeOp[CancelRequest, Mission]("Cancel", SubjectMissionsCancel, "POST /api/missions/{id}/cancel", "Cancel a mission")
	OpRetry   = changeOp[IDRequest, Mission]("Retry", SubjectMissionsRetry, "POST /api/missions/{id}/retry", "Put a mission that failed or was cancelled back into the queue")
	OpDelete  = changeOp[IDRequest, Mission]("Delete", SubjectMissionsDelete, "DELETE /api/missions/{id}", "Delete a mission that nobody is working on")
)

// Requests of agents.
var (
	OpRegister  = agentOp[RegisterRequest, Registered]("Register", KindBrief, AgentRegister, "Make an agent known")
	OpHeartbeat = agentOp[HeartbeatRequest, HeartbeatReply]("Heartbeat", KindBrief, AgentHeartbeat, "Say that the agent lives, and renew its leases")
	OpClaim     = agentOp[ClaimRequest, Claimed]("Claim", KindParking, AgentClaim, "Claim missions, and wait for them if need be")
	OpProgress  = agentOp[ProgressRequest, Empty]("Progress", KindBrief, AgentProgress, "Say how far a mission has come")
	OpAppendLog = agentOp[LogAppendRequest, Empty]("AppendLog", KindBrief, AgentLog, "Add to a mission's log")
	OpComplete  = agentOp[CompleteRequest, FinishReply]("Complete", KindBrief, AgentComplete, "Report missions done")
	OpFail      = agentOp[FailRequest, FinishReply]("Fail", KindBrief, AgentFail, "Report attempts failed")
	OpRelease   = agentOp[ReleaseRequest, FinishReply]("Release", KindBrief, AgentRelease, "Hand missions back")
	OpLeave     = agentOp[Empty, Empty]("Leave", KindBrief, AgentLeave, "Go, and hand back what is left")
)

// Requests that exist over HTTP only.
var (
	OpQueries = readOp[Empty, Queries]("Queries", KindBrief, "", "GET /api/queries", "Who asked for the status in the last hour, and how often")

	OpWatch = declare(Operation{Method: "Watch", HTTP: "GET /api/events", Request: reflect.TypeFor[EventsRequest](),
		Kind: KindWatching, Media: "text/event-stream",
		Summary: "Events as the stream stores them, as server-sent events; Last-Event-ID goes on behind an event"})
	OpWatchStatus = declare(Operation{Method: "WatchStatus", HTTP: "GET /api/supervisor/live", Request: reflect.TypeFor[LiveRequest](),
		Kind: KindWatching, Media: "text/event-stream",
		Summary: "The status whenever it has changed, as server-sent events, and watches of events on the same connection"})

	OpSession = declare(Operation{HTTP: "GET " + PathSession, Reply: reflect.TypeFor[Session](), Summary: "Who is asking, and what they may do"})
	OpSignIn  = declare(Operation{HTTP: "POST " + PathSession, Reply: reflect.TypeFor[Session](), Access: AccessChange,
		Summary: "Have a browser keep the token in the Authorization header"})
	OpSignOut = declare(Operation{HTTP: "DELETE " + PathSession, Reply: reflect.TypeFor[Session](), Access: AccessChange,
		Summary: "Have a browser forget its token"})
	OpOpenAPI  = declare(Operation{HTTP: "GET " + PathOpenAPI, Summary: "This document", Media: "application/json"})
	OpAsyncAPI = declare(Operation{HTTP: "GET " + PathAsyncAPI, Media: "application/json",
		Summary: "The AsyncAPI document of the requests over NATS and of the events"})
	OpHealthz = declare(Operation{HTTP: "GET " + PathHealthz, Summary: "Whether the process lives", Media: "text/plain"})
	OpReadyz  = declare(Operation{HTTP: "GET " + PathReadyz, Summary: "Whether requests can be served", Media: "text/plain"})
	OpMetrics = declare(Operation{HTTP: "GET /metrics", Summary: "Metrics for Prometheus", Media: "text/plain"})
)

// Paths that the front end treats apart.
const (
	PathSession  = "/api/session"
	PathOpenAPI  = "/api/openapi.json"
	PathAsyncAPI = "/api/asyncapi.json"
	PathHealthz  = "/healthz"
	PathReadyz   = "/readyz"
)
