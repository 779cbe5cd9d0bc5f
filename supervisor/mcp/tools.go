package mcp

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
)

// tool is a tool that sends the request of one operation.
type tool struct {
	name, title string
	about       string // for the model: what it does and when to use it
	op          *api.Operation
	needs       *api.Operation // another one that the client must be allowed, or nil

	request, reply reflect.Type // if they are not those of the operation
	page           int          // how many items it returns by default: fewer than the operation, since a model reads them
	destructive    bool         // it ends or removes something
	repeatable     bool         // calling it again changes nothing more

	ask func(ctx context.Context, b Backend, request []byte) ([]byte, error) // nil: it sends the arguments as they are
}

// tools are those for people's requests, the reading ones first.
var tools = []tool{
	{name: "status", title: "Status", op: api.OpStatus.Operation, about: "Counts of missions by status and of agents, success rate, average duration and utilization."},
	{name: "create_mission", title: "Create a mission", op: api.OpCreate.Operation, repeatable: true, request: reflect.TypeFor[api.MissionSpec](), reply: reflect.TypeFor[api.Created](),
		about: "Create a mission, which an agent of its type then works on. Only name is required; data is a JSON object for the agent. With an id of your own, a repeated call creates nothing twice."},
	{name: "get_mission", title: "Get a mission", op: api.OpGet.Operation, about: "A mission with its status, progress, result, error, what it waits for, and its signals."},
	{name: "list_missions", title: "List missions", op: api.OpList.Operation, page: 20, about: `Missions, newest first, filtered by status, type, agent_id, tag, text or what they wait for. waiting:"signal" lists those that wait for a person.`},
	{name: "wait_for_mission", title: "Wait for a mission", op: api.OpWait.Operation, needs: api.OpGet.Operation, ask: wait,
		about: "Wait until a mission has ended, at most timeout_seconds (default 30, at most 55), and return it. Its status tells whether it has ended; if not, call again."},
	{name: "mission_log", title: "Log of a mission", op: api.OpLog.Operation, page: 50, about: "A mission's log, oldest entry first. next_cursor goes into after for the next page."},
	{name: "mission_graph", title: "Graph of a mission", op: api.OpGraph.Operation, about: "The missions before and behind a mission: those that it waits for, those that wait for it, its parent and its children."},
	{name: "mission_stats", title: "Statistics", op: api.OpStats.Operation, about: "Counts, run times and queueing times of all missions or of one type, overall and in the last 5 minutes, hour and day."},
	{name: "list_queues", title: "Queues", op: api.OpQueues.Operation, about: "What is pending, by type and key, why it waits, and who serves it."},
	{name: "list_agents", title: "List agents", op: api.OpAgents.Operation, page: 20, about: "Agents with their state, types, slots and what they run."},
	{name: "list_events", title: "Past events", op: api.OpPast.Operation, page: 20, about: "The latest stored events, oldest first: what happened to missions and agents. Without since and after, those of the last hour. cursor goes into after for what comes later."},
	{name: "list_alerts", title: "Alerts", op: api.OpAlerts.Operation, about: "The alert rules and whether they are raised."},
	{name: "list_limits", title: "List limits", op: api.OpLimits.Operation, page: 20, about: "Limits of how many missions run at once or start per time, with what they count now."},
	{name: "list_schedules", title: "List schedules", op: api.OpSchedules.Operation, page: 20, about: "Schedules, which create missions at set times."},

	{name: "cancel_mission", title: "Cancel a mission", op: api.OpCancel.Operation, destructive: true, about: "Cancel a pending or running mission. Its agent is told to stop."},
	{name: "retry_mission", title: "Retry a mission", op: api.OpRetry.Operation, about: "Put a failed or cancelled mission back to the queue."},
	{name: "signal_mission", title: "Send a signal", op: api.OpSignal.Operation,
		about: "Send a signal to a mission: the answer to what it asks (name is the signal in its waiting_for, data one of the choices), or a message to the agent that works on it. With a signal_id, a repeated call counts once. Answer a question that is put to people only if a person has told you the answer."},
	{name: "set_limit", title: "Set a limit", op: api.OpSetLimit.Operation, repeatable: true, destructive: true, about: "Add a limit, or replace one of this name; paused:true stops new starts."},
	{name: "delete_limit", title: "Delete a limit", op: api.OpDeleteLimit.Operation, destructive: true, about: "Delete a limit. Missions that name it run without it."},
	{name: "set_schedule", title: "Set a schedule", op: api.OpSetSchedule.Operation, repeatable: true, destructive: true, about: "Add a schedule, or replace one of this id: cron or every_seconds, and the mission that it creates."},
	{name: "trigger_schedule", title: "Trigger a schedule", op: api.OpTriggerSchedule.Operation, about: "Create a mission of a schedule now."},
	{name: "delete_schedule", title: "Delete a schedule", op: api.OpDeleteSchedule.Operation, destructive: true, about: "Delete a schedule. Its missions stay."},
}

// definition returns what clients learn about the tool.
func (t *tool) definition() *sdk.Tool {
	request, reply := spec.RequestOf(t.op), t.op.Reply
	if t.request != nil {
		request = spec.SchemaOf(t.request)
	}
	if t.reply != nil {
		reply = t.reply
	}
	properties := propertiesOf(request)
	if t.page > 0 {
		properties["limit"] = map[string]any{"type": "integer", "minimum": 1, "maximum": api.MaxPage, "default": t.page}
	}
	if t.op == api.OpWait.Operation {
		properties["timeout_seconds"] = waitProperty
	}
	request["additionalProperties"] = false
	no, destructive := false, t.destructive
	return &sdk.Tool{
		Name: t.name, Title: t.title, Description: t.about, InputSchema: request, OutputSchema: spec.SchemaOf(reply),
		Annotations: &sdk.ToolAnnotations{
			Title: t.title, ReadOnlyHint: t.op.Access == api.AccessRead, DestructiveHint: &destructive,
			IdempotentHint: t.repeatable || t.op.Access == api.AccessRead, OpenWorldHint: &no,
		},
	}
}

func propertiesOf(schema spec.Schema) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	if properties == nil {
		properties = map[string]any{}
		schema["properties"] = properties
	}
	return properties
}

// handler returns what a call of the tool does.
func (cfg *Config) handler(t *tool) sdk.ToolHandler {
	return func(ctx context.Context, call *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		request, err := t.arguments(call.Params.Arguments)
		if err != nil {
			return cfg.failed(ctx, t.name, err), nil
		}
		ask := t.ask
		if ask == nil {
			ask = func(ctx context.Context, b Backend, request []byte) ([]byte, error) { return b.Ask(ctx, t.op, request) }
		}
		reply, err := ask(ctx, cfg.Backend, request)
		if err != nil {
			return cfg.failed(ctx, t.name, err), nil
		}
		return succeeded(reply), nil
	}
}

// arguments returns the request that a client's arguments are. The operation decodes it, and
// refuses what it does not understand.
func (t *tool) arguments(raw []byte) ([]byte, error) {
	fields, err := argumentFields(raw)
	if err != nil {
		return nil, err
	}
	if t.op == api.OpCreate.Operation {
		for _, name := range []string{"missions", "brief", "close_batch"} { // of a batch
			if _, given := fields[name]; given {
				return nil, missions.Invalid(name, "is not a field of this request")
			}
		}
	}
	if _, given := fields["limit"]; t.page > 0 && !given {
		if fields["limit"], err = json.Marshal(t.page); err != nil {
			return nil, err
		}
	}
	return json.Marshal(fields, json.Deterministic(true))
}

// argumentFields returns the fields of a client's arguments.
func argumentFields(raw []byte) (map[string]jsontext.Value, error) {
	fields, err := api.Decode[map[string]jsontext.Value](raw)
	if err != nil {
		return nil, err
	}
	if fields == nil {
		fields = map[string]jsontext.Value{}
	}
	return fields, nil
}

// How long a tool may wait, in seconds: less than the minute after which common clients give up.
const (
	mostWait    = 55
	defaultWait = 30
	waitAtOnce  = 5 // one request: a supervisor that is killed loses those that are parked there
)

var waitProperty = map[string]any{"type": "number", "minimum": 0, "maximum": mostWait, "default": defaultWait, "description": "how long to wait at most"}

// checkWait returns how long a call waits.
func checkWait(field string, given *float64) (time.Duration, error) {
	if given == nil {
		return defaultWait * time.Second, nil
	}
	if *given < 0 || *given > mostWait {
		return 0, missions.Invalid(field, "must be between 0 and %d", mostWait)
	}
	return time.Duration(*given * float64(time.Second)), nil
}

// wait waits until a mission has ended, or the time is up, and returns it.
func wait(ctx context.Context, b Backend, raw []byte) ([]byte, error) {
	request, err := api.Decode[api.WaitRequest](raw)
	if err != nil {
		return nil, err
	}
	most, err := checkWait("timeout_seconds", request.TimeoutSeconds)
	if err != nil {
		return nil, err
	}
	until := time.Now().Add(most)
	for left := most; left > 0; left = time.Until(until) {
		seconds := min(waitAtOnce, left.Seconds())
		asked, err := api.Encode(api.WaitRequest{ID: request.ID, TimeoutSeconds: &seconds})
		if err != nil {
			return nil, err
		}
		reply, err := b.Ask(ctx, api.OpWait.Operation, asked)
		if !errors.Is(err, api.ErrTimeout) {
			return reply, err
		}
	}
	asked, err := api.Encode(api.IDRequest{ID: request.ID})
	if err != nil {
		return nil, err
	}
	return b.Ask(ctx, api.OpGet.Operation, asked)
}
