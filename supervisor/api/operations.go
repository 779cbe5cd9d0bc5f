package api

import (
	"reflect"
	"strings"

	"missioncontrol/missions"
)

// Operation is a request of the protocol, over NATS, over HTTP or over both. The
// endpoints, the HTTP routes, the permissions of the roles, the specifications, the
// client's methods and what doctor tries are derived from this table, or a test
// compares them with it.
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
	AccessAgent                // the agent whose id is in the subject or the path
)

// Kind says how much a request may cost, which decides how many may be in progress.
type Kind int

// The kinds of requests.
const (
	KindBrief       Kind = iota // the reply is small
	KindSingle                  // the reply has one mission
	KindPage                    // the reply may be as large as the broker allows
	KindParking                 // the request may wait as long as it says
	KindParkingPage             // both: it may wait, and its reply may be large
	KindWatching                // the reply lasts until the client ends it
	KindConnected               // the reply lasts for as long as an agent is connected
)

// Parks reports whether a request of this kind may wait as long as it says.
func (k Kind) Parks() bool { return k == KindParking || k == KindParkingPage }

// Op is an [Operation] with the types of its request and reply.
type Op[Q, R any] struct{ *Operation }

// AgentOp is an [Operation] of an agent. The request does not contain the agent's id,
// which is in the subject or the path.
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
	return AgentOp[Q, R]{typedOp[Q, R](method, kind, AccessAgent, AgentSubject("*", verb), "POST "+agentPath+verb, summary).Operation, verb}
}

// AgentPath returns the beginning of the paths of an agent's requests.
func AgentPath(agentID string) string { return "/api/agents/" + agentID + "/" }

// PathAgent names the agent's id in the patterns of these paths.
const PathAgent = "agent"

const agentPath = "/api/agents/{" + PathAgent + "}/"

// Requests that any client may send, if its role allows it.
var (
	OpHealth = readOp[Empty, Health]("Health", KindBrief, SubjectHealth, "GET /api/supervisor/health", "Health of the supervisor")
	OpStatus = readOp[Empty, Status]("Status", KindBrief, SubjectStatus, "GET /api/supervisor/status", "Counts of missions and agents")
	OpAgents = readOp[AgentsRequest, Agents]("Agents", KindPage, SubjectAgents, "GET /api/supervisor/agents", "List agents")

	OpCreate  = changeOp[CreateRequest, CreateReply]("Create", SubjectMissionsCreate, "POST /api/missions", "Create a mission, or up to 1000")
	OpGet     = readOp[IDRequest, Mission]("Get", KindSingle, SubjectMissionsGet, "GET /api/missions/{id}", "Get a mission")
	OpList    = readOp[ListRequest, MissionList]("List", KindPage, SubjectMissionsList, "GET /api/missions", "List missions, newest first")
	OpLog     = readOp[LogRequest, MissionLog]("Log", KindPage, SubjectMissionsLog, "GET /api/missions/{id}/log", "Get a mission's log, oldest entry first")
	OpWait    = readOp[WaitRequest, Mission]("Wait", KindParking, SubjectMissionsWait, "GET /api/missions/{id}/wait", "Wait until a mission ends")
	OpStats   = readOp[StatsRequest, StatsReply]("Stats", KindBrief, SubjectMissionsStats, "GET /api/missions/stats", "Statistics of all missions or of one type")
	OpHistory = readOp[HistoryRequest, History]("History", KindPage, SubjectMissionsHistory, "GET /api/missions/history", "Statistics minute by minute")
	OpQueues  = readOp[Empty, missions.Queues]("Queues", KindPage, SubjectMissionsQueues, "GET /api/missions/queues", "What is pending, by type and key, and who serves it")
	OpAlerts  = readOp[Empty, Alerts]("Alerts", KindBrief, SubjectAlerts, "GET /api/alerts", "State of the alert rules")
	OpCancel  = changeOp[CancelRequest, Mission]("Cancel", SubjectMissionsCancel, "POST /api/missions/{id}/cancel", "Cancel a mission")
	OpRetry   = changeOp[RetryRequest, Mission]("Retry", SubjectMissionsRetry, "POST /api/missions/{id}/retry", "Requeue a failed or cancelled mission")
	OpDelete  = changeOp[IDRequest, Mission]("Delete", SubjectMissionsDelete, "DELETE /api/missions/{id}", "Delete a mission that is not running")

	OpWaitMany = readOp[WaitManyRequest, Waited]("WaitMany", KindParkingPage, SubjectMissionsWaitMany, "POST /api/missions/wait", "Wait until all of up to 100 missions end, or any of them")

	OpBulk = typedOp[BulkRequest, BulkReply]("Bulk", KindPage, AccessChange, SubjectMissionsBulk, "POST /api/missions/bulk", "Cancel, retry, delete or signal all missions that match a filter, a page at a time")

	OpSignal     = changeOp[SignalRequest, Signalled]("Signal", SubjectMissionsSignal, "POST /api/missions/{id}/signal", "Send a signal to a mission")
	OpGraph      = readOp[IDRequest, Graph]("Graph", KindPage, SubjectMissionsGraph, "GET /api/missions/{id}/graph", "Get the missions before and behind a mission")
	OpBatch      = readOp[IDRequest, missions.Batch]("Batch", KindBrief, SubjectBatchesGet, "GET /api/batches/{id}", "Get a batch")
	OpBatches    = readOp[BatchesRequest, BatchList]("Batches", KindPage, SubjectBatchesList, "GET /api/batches", "List batches, those created last first")
	OpCloseBatch = changeOp[IDRequest, missions.Batch]("CloseBatch", SubjectBatchesClose, "POST /api/batches/{id}/close", "Close a batch, and create it if it does not exist")
)

// Requests about limits.
var (
	OpSetLimit    = changeOp[SetLimitRequest, missions.LimitStatus]("SetLimit", SubjectLimitsSet, "PUT /api/limits/{name}", "Add or change a limit")
	OpLimit       = readOp[LimitNameRequest, missions.LimitStatus]("Limit", KindBrief, SubjectLimitsGet, "GET /api/limits/{name}", "Get a limit and what it counts")
	OpLimits      = readOp[LimitsRequest, LimitList]("Limits", KindPage, SubjectLimitsList, "GET /api/limits", "List limits")
	OpDeleteLimit = changeOp[LimitNameRequest, missions.LimitStatus]("DeleteLimit", SubjectLimitsDelete, "DELETE /api/limits/{name}", "Delete a limit; missions that name it run without it")
)

// Requests about schedules.
var (
	OpSetSchedule     = changeOp[SetScheduleRequest, Schedule]("SetSchedule", SubjectSchedulesSet, "PUT /api/schedules/{id}", "Add or change a schedule")
	OpSchedule        = readOp[IDRequest, Schedule]("Schedule", KindBrief, SubjectSchedulesGet, "GET /api/schedules/{id}", "Get a schedule and its next times")
	OpSchedules       = readOp[SchedulesRequest, ScheduleList]("Schedules", KindPage, SubjectSchedulesList, "GET /api/schedules", "List schedules")
	OpDeleteSchedule  = changeOp[IDRequest, missions.Schedule]("DeleteSchedule", SubjectSchedulesDelete, "DELETE /api/schedules/{id}", "Delete a schedule, not its missions")
	OpTriggerSchedule = changeOp[IDRequest, Triggered]("TriggerSchedule", SubjectSchedulesTrigger, "POST /api/schedules/{id}/trigger", "Create a mission of a schedule now")
	OpBackfill        = changeOp[BackfillRequest, Backfilled]("Backfill", SubjectSchedulesBackfill, "POST /api/schedules/{id}/backfill", "Create the missions of past occurrences of a schedule")
	OpPreview         = readOp[PreviewRequest, Preview]("Preview", KindBrief, SubjectSchedulesPreview, "GET /api/schedules/preview", "Times at which a schedule would be due")
)

// Requests of agents.
var (
	OpRegister  = agentOp[RegisterRequest, Registered]("Register", KindBrief, AgentRegister, "Register an agent")
	OpHeartbeat = agentOp[HeartbeatRequest, HeartbeatReply]("Heartbeat", KindBrief, AgentHeartbeat, "Report that the agent is alive, and renew its leases")
	OpClaim     = agentOp[ClaimRequest, Claimed]("Claim", KindParking, AgentClaim, "Claim missions, and wait if there are none")
	OpProgress  = agentOp[ProgressRequest, Empty]("Progress", KindBrief, AgentProgress, "Report the progress of a mission")
	OpAppendLog = agentOp[LogAppendRequest, Empty]("AppendLog", KindBrief, AgentLog, "Append to a mission's log")
	OpComplete  = agentOp[CompleteRequest, FinishReply]("Complete", KindBrief, AgentComplete, "Complete missions")
	OpFail      = agentOp[FailRequest, FinishReply]("Fail", KindBrief, AgentFail, "Report failed attempts")
	OpRelease   = agentOp[ReleaseRequest, FinishReply]("Release", KindBrief, AgentRelease, "Return missions to the queue")
	OpLeave     = agentOp[Empty, Empty]("Leave", KindBrief, AgentLeave, "Go offline, and return the missions still held")

	OpCreateChildren = agentOp[ChildrenRequest, CreateReply]("CreateChildren", KindBrief, AgentCreate, "Create children of a mission")
	OpSignals        = agentOp[SignalsRequest, Signals]("Signals", KindPage, AgentSignals, "Read the signals of a mission")
	OpInput          = agentOp[InputRequest, InputReply]("Input", KindSingle, AgentInputs, "Read the outcome of what a mission has waited for")
)

// Requests that exist over HTTP only.
var (
	OpQueries = readOp[Empty, Queries]("Queries", KindBrief, "", "GET /api/queries", "Which clients requested the status in the last hour, and how often")

	OpActivity = readOp[ActivityRequest, Activity]("Activity", KindPage, "", "GET /api/agents/activity", "What agents worked on in the last hour")

	OpPast = readOp[PastRequest, Past]("Past", KindPage, "", "GET /api/events/past", "The latest events that are stored, oldest first")

	OpWatch = declare(Operation{Method: "Watch", HTTP: "GET /api/events", Request: reflect.TypeFor[EventsRequest](),
		Kind: KindWatching, Media: "text/event-stream",
		Summary: "Events from the stream, as server-sent events; with Last-Event-ID, those after that event"})
	OpWatchStatus = declare(Operation{Method: "WatchStatus", HTTP: "GET /api/supervisor/live", Request: reflect.TypeFor[LiveRequest](),
		Kind: KindWatching, Media: "text/event-stream",
		Summary: "The status whenever it changes, and watches of events on the same connection, as server-sent events"})

	OpCommands = declare(Operation{Method: "Commands", HTTP: "GET " + agentPath + agentCommands, Access: AccessAgent,
		Kind: KindConnected, Media: "text/event-stream",
		Summary: "Commands to an agent, as server-sent events; its end counts as the end of the agent's connection"})

	OpSession = declare(Operation{HTTP: "GET " + PathSession, Reply: reflect.TypeFor[Session](), Summary: "The current user and role"})
	OpSignIn  = declare(Operation{HTTP: "POST " + PathSession, Reply: reflect.TypeFor[Session](), Access: AccessChange,
		Summary: "Sign a browser in, with the token in the Authorization header"})
	OpSignOut = declare(Operation{HTTP: "DELETE " + PathSession, Reply: reflect.TypeFor[Session](), Access: AccessChange,
		Summary: "Sign a browser out"})
	OpOpenAPI  = declare(Operation{HTTP: "GET " + PathOpenAPI, Summary: "This document", Media: "application/json"})
	OpAsyncAPI = declare(Operation{HTTP: "GET " + PathAsyncAPI, Media: "application/json",
		Summary: "The AsyncAPI document of the requests over NATS and of the events"})
	OpHealthz = declare(Operation{HTTP: "GET " + PathHealthz, Summary: "Whether the process is alive", Media: "text/plain"})
	OpReadyz  = declare(Operation{HTTP: "GET " + PathReadyz, Summary: "Whether requests can be served", Media: "text/plain"})
	OpMetrics = declare(Operation{HTTP: "GET /metrics", Summary: "Metrics for Prometheus", Media: "text/plain"})
)

// Paths that the front end handles separately.
const (
	PathSession  = "/api/session"
	PathOpenAPI  = "/api/openapi.json"
	PathAsyncAPI = "/api/asyncapi.json"
	PathHealthz  = "/healthz"
	PathReadyz   = "/readyz"
)
