package mcp

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/api/spec"
	"missioncontrol/supervisor/mcp/worker"
)

// workerTool is a tool of a client that is an agent. Its arguments are fields of an agent's
// request; the worker adds the lease.
type workerTool struct {
	name, title string
	about       string
	verb        string
	request     reflect.Type
	fields      []string // of the request that the tool takes
	required    []string
	reply       reflect.Type
	ends        string // what the client has done with the mission, if the tool ends its turn
	destructive bool

	// own are arguments that are no fields of the request, with their schemas.
	own map[string]any
	// do does something else than to send the fields; nil for that.
	do func(ctx context.Context, w *worker.Worker, t *workerTool, fields worker.Fields) (any, error)
}

var (
	waitSeconds = map[string]any{"wait_seconds": waitProperty}
	signals     = reflect.TypeFor[api.Signals]()
	finished    = reflect.TypeFor[api.Finished]()
)

var workerTools = []workerTool{
	{name: "claim_mission", title: "Claim a mission", reply: reflect.TypeFor[api.Claimed](), own: waitSeconds, do: claim,
		about: "Get a mission to work on, and wait at most wait_seconds (default 30, at most 55) for one. missions is empty if there was none; call again. The mission is yours until you complete, fail, release or park it."},
	{name: "check_mission", title: "Check a mission", reply: signals, fields: []string{"mission_id"}, own: waitSeconds, do: check, request: reflect.TypeFor[api.ProgressRequest](),
		about: "Learn whether a claimed mission is still yours, and get new signals to it. Waits for a signal at most wait_seconds (default 0 here). An error says that the mission was cancelled or lost: stop working on it."},
	{name: "report_progress", title: "Report progress", verb: api.AgentProgress, request: reflect.TypeFor[api.ProgressRequest](), reply: signals,
		fields: []string{"mission_id", "percent", "message", "usage"},
		about:  "Report the progress of a claimed mission, 0 to 100 percent, what you are doing, and what this turn has used so far. The reply has new signals to the mission."},
	{name: "save_checkpoint", title: "Save a checkpoint", verb: api.AgentProgress, request: reflect.TypeFor[api.ProgressRequest](), reply: signals,
		fields: []string{"mission_id", "checkpoint", "usage"}, required: []string{"checkpoint"},
		about: "Keep what is needed to go on with the mission if this turn ends early: any JSON up to 64 KiB, in place of the checkpoint before. Whoever claims the mission next gets it."},
	{name: "log_message", title: "Append to the log", verb: api.AgentLog, request: reflect.TypeFor[api.LogAppendRequest](), reply: signals,
		fields: []string{"mission_id", "level", "message", "data"}, about: "Append a line to the log of a claimed mission, for people. The reply has new signals to the mission."},
	{name: "ask_person", title: "Ask a person", verb: api.AgentRelease, request: reflect.TypeFor[api.Release](), reply: finished, ends: "parked", do: askPerson,
		fields: []string{"mission_id", "after_timeout_seconds", "checkpoint", "usage"}, own: questionProperties(), required: []string{"prompt"},
		about: "Ask a person something that you need for a claimed mission, such as an approval. The mission then waits, without being yours; save what you need in checkpoint. When a person has answered, claim_mission returns it again, to you if you are there, with the answer as data of the signal; if after_timeout_seconds have passed, its timed_out is true."},
	{name: "complete_mission", title: "Complete a mission", verb: api.AgentComplete, request: reflect.TypeFor[api.Completion](), reply: finished, ends: "completed",
		fields: []string{"mission_id", "result", "usage"}, about: "Report that a claimed mission is done, with its result, any JSON."},
	{name: "fail_mission", title: "Fail a mission", verb: api.AgentFail, request: reflect.TypeFor[api.Failure](), reply: finished, ends: "failed", destructive: true,
		fields: []string{"mission_id", "error", "retryable", "retry_after_seconds", "checkpoint", "usage"},
		about:  "Report that the attempt at a claimed mission has failed, and why. It is tried again while it has attempts left, unless retryable is false."},
	{name: "release_mission", title: "Release a mission", verb: api.AgentRelease, request: reflect.TypeFor[api.Release](), reply: finished, ends: "released",
		fields: []string{"mission_id", "after", "after_timeout_seconds", "checkpoint", "usage"},
		about:  "Give a claimed mission back without using up an attempt: at once, or until what after says has happened, such as the end of other missions."},
	{name: "create_children", title: "Create children", verb: api.AgentCreate, request: reflect.TypeFor[api.ChildrenRequest](), reply: reflect.TypeFor[api.CreateReply](),
		fields: []string{"mission_id", "missions"}, about: "Create missions that are children of a claimed mission. To wait for them, release it with after."},
	{name: "read_input", title: "Read an input", verb: api.AgentInputs, request: reflect.TypeFor[api.InputRequest](), reply: reflect.TypeFor[api.InputReply](),
		fields: []string{"mission_id", "source"}, about: "The outcome of a mission or batch that a claimed mission has waited for, if the claim left it out (its trimmed has inputs)."},
}

// questionProperties returns the schema of a question: it is a condition with a signal.
func questionProperties() map[string]any {
	return map[string]any{"prompt": nil, "choices": nil, "signal": nil, "prefer_seconds": nil}
}

// reads reports whether a tool changes nothing.
func (t *workerTool) reads() bool { return t.name == "check_mission" || t.verb == api.AgentInputs }

// definition returns what clients learn about the tool. The schemas of its arguments are those
// of the fields.
func (t *workerTool) definition() *sdk.Tool {
	schema := spec.Schema{"type": "object", "properties": map[string]any{}}
	properties, required := propertiesOf(schema), slices.Clone(t.required)
	if t.request != nil {
		whole := spec.SchemaOf(t.request)
		for _, name := range t.fields {
			properties[name] = propertiesOf(whole)[name]
		}
		for _, name := range stringsOf(whole["required"]) {
			if slices.Contains(t.fields, name) {
				required = append(required, name)
			}
		}
		if defs, ok := whole["$defs"]; ok {
			schema["$defs"] = defs
		}
	}
	for name, property := range t.own {
		switch {
		case property != nil:
		case name == "prefer_seconds":
			property = map[string]any{"type": "number", "minimum": 0, "maximum": missions.MaxPreferSeconds, "default": defaultPrefer,
				"description": "how long other agents leave the mission to you once it is answered"}
		case name == "signal":
			property = map[string]any{"type": "string", "default": defaultQuestion, "description": "the name of the signal that answers"}
		default:
			property = propertiesOf(spec.SchemaOf(reflect.TypeFor[missions.Condition]()))[name]
		}
		properties[name] = property
	}
	if len(required) > 0 {
		schema["required"] = required
	}
	schema["additionalProperties"] = false
	no, destructive := false, t.destructive
	return &sdk.Tool{
		Name: t.name, Title: t.title, Description: t.about, InputSchema: schema, OutputSchema: spec.SchemaOf(t.reply),
		Annotations: &sdk.ToolAnnotations{Title: t.title, ReadOnlyHint: t.reads(), DestructiveHint: &destructive, IdempotentHint: t.reads(), OpenWorldHint: &no},
	}
}

func stringsOf(list any) (texts []string) {
	values, _ := list.([]any)
	for _, value := range values {
		if text, ok := value.(string); ok {
			texts = append(texts, text)
		}
	}
	return texts
}

// workerHandler returns what a call of the tool does.
func (cfg *Config) workerHandler(t *workerTool) sdk.ToolHandler {
	return func(ctx context.Context, call *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		reply, err := t.call(ctx, cfg.Worker, call.Params.Arguments)
		var text []byte
		if err == nil {
			text, err = api.Encode(reply)
		}
		if err != nil {
			return cfg.failed(ctx, t.name, sayable(err)), nil
		}
		return succeeded(text), nil
	}
}

// sayable makes an error of the connection to the broker one that the client may see: it is the
// client's own.
func sayable(err error) error {
	var refusal *api.Error
	var domain *missions.Error
	if errors.As(err, &refusal) || errors.As(err, &domain) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &Plain{err}
}

// call checks the arguments, and does what the tool does.
func (t *workerTool) call(ctx context.Context, w *worker.Worker, raw []byte) (any, error) {
	given, err := argumentFields(raw)
	if err != nil {
		return nil, err
	}
	fields := worker.Fields(given)
	for name := range fields {
		if _, own := t.own[name]; !own && !slices.Contains(t.fields, name) {
			return nil, missions.Invalid(printable(name), "is not a field of this request")
		}
	}
	for _, name := range t.required {
		if _, there := fields[name]; !there {
			return nil, missions.Invalid(name, "is required")
		}
	}
	if t.do != nil {
		return t.do(ctx, w, t, fields)
	}
	return t.send(ctx, w, fields)
}

// send sends the fields as a request about a mission.
func (t *workerTool) send(ctx context.Context, w *worker.Worker, fields worker.Fields) (any, error) {
	id, err := missionID(fields)
	if err != nil {
		return nil, err
	}
	if t.ends != "" {
		ctx, cancel := context.WithTimeout(ctx, mostTrying)
		defer cancel()
		return w.Finish(ctx, t.verb, id, fields, t.ends)
	}
	reply, err := w.Send(ctx, t.verb, id, fields)
	if err != nil || t.reply != signals {
		return reply, err
	}
	return w.Signals(ctx, id, 0)
}

// missionID returns the mission that a call is about.
func missionID(fields worker.Fields) (id string, err error) {
	return id, decodeField(fields, "mission_id", &id, "a string")
}

// decodeField decodes a field, and leaves into alone if it is not there.
func decodeField(fields worker.Fields, name string, into any, wanted string) error {
	value, there := fields[name]
	if !there {
		return nil
	}
	if err := json.Unmarshal(value, into); err != nil {
		return missions.Invalid(name, "must be %s", wanted)
	}
	return nil
}

func claim(ctx context.Context, w *worker.Worker, _ *workerTool, fields worker.Fields) (any, error) {
	var given *float64
	if err := decodeField(fields, "wait_seconds", &given, "a number"); err != nil {
		return nil, err
	}
	most, err := checkWait("wait_seconds", given)
	if err != nil {
		return nil, err
	}
	return w.Claim(ctx, most)
}

func check(ctx context.Context, w *worker.Worker, _ *workerTool, fields worker.Fields) (any, error) {
	seconds := 0.0
	if err := decodeField(fields, "wait_seconds", &seconds, "a number"); err != nil {
		return nil, err
	}
	most, err := checkWait("wait_seconds", &seconds)
	if err != nil {
		return nil, err
	}
	id, err := missionID(fields)
	if err != nil {
		return nil, err
	}
	return w.Signals(ctx, id, most)
}

const (
	defaultQuestion = "answer" // the signal that answers
	defaultPrefer   = 300      // seconds

	// mostTrying bounds how long a report is sent again.
	mostTrying = 50 * time.Second
)

// askPerson parks a mission until a person has answered.
func askPerson(ctx context.Context, w *worker.Worker, t *workerTool, fields worker.Fields) (any, error) {
	question, prefer := missions.Condition{Signal: defaultQuestion}, float64(defaultPrefer)
	for name, field := range map[string]struct {
		into   any
		wanted string
	}{
		"prompt": {&question.Prompt, "a string"}, "choices": {&question.Choices, "an array of strings"},
		"signal": {&question.Signal, "a string"}, "prefer_seconds": {&prefer, "a number"},
	} {
		if err := decodeField(fields, name, field.into, field.wanted); err != nil {
			return nil, err
		}
		delete(fields, name)
	}
	var err error
	if fields["after"], err = json.Marshal([]missions.Condition{question}); err != nil {
		return nil, err
	}
	if prefer != 0 {
		if fields["prefer_agent"], err = json.Marshal(w.ID()); err != nil {
			return nil, err
		}
		if fields["prefer_seconds"], err = json.Marshal(prefer); err != nil {
			return nil, err
		}
	}
	return t.send(ctx, w, fields)
}

// printable returns a client's name of a field as an error may show it.
func printable(name string) string {
	quoted, err := jsontext.AppendQuote(nil, name[:min(len(name), 100)])
	if err != nil {
		return "a field"
	}
	return string(quoted[1 : len(quoted)-1])
}
