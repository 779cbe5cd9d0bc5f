package web_test

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"missioncontrol/supervisor/roles"
	"missioncontrol/supervisor/web"
)

// withBearer sends a token with every request.
type withBearer string

func (b withBearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if b != "" {
		r.Header.Set("Authorization", "Bearer "+string(b))
	}
	return http.DefaultTransport.RoundTrip(r)
}

// connectMCP connects the SDK's client with a token.
func connectMCP(t *testing.T, url, token string) (*sdk.ClientSession, error) {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "tester", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &sdk.StreamableClientTransport{
		Endpoint: url + "/mcp", HTTPClient: &http.Client{Transport: withBearer(token)}, DisableStandaloneSSE: true,
	}, nil)
	if err == nil {
		t.Cleanup(func() { _ = session.Close() }) // there is nothing to end
	}
	return session, err
}

// callTool returns the text of a result, and whether it is an error.
func callTool(ctx context.Context, t *testing.T, session *sdk.ClientSession, name string, arguments any) (string, bool) {
	t.Helper()
	result, err := session.CallTool(ctx, &sdk.CallToolParams{Name: name, Arguments: arguments})
	must(t, err)
	return result.Content[0].(*sdk.TextContent).Text, result.IsError
}

func toolNames(t *testing.T, session *sdk.ClientSession) (names []string) {
	t.Helper()
	tools, err := session.ListTools(t.Context(), nil)
	must(t, err)
	for _, tool := range tools.Tools {
		names = append(names, tool.Name)
	}
	return names
}

func token(name string, role roles.Role, text string) web.Token {
	return web.Token{Name: name, Role: role, Hash: sha256.Sum256([]byte(text))}
}

// The role of a token decides which tools there are.
func TestMCPOffersWhatTheRoleAllows(t *testing.T) {
	t.Parallel()
	url, _ := newGuarded(t, web.Guard{Tokens: web.Tokens{
		token("vera", roles.Viewer, "v"), token("otto", roles.Operator, "o"), token("w1", roles.Agent, "a"),
	}})
	viewer, err := connectMCP(t, url, "v")
	must(t, err)
	operator, err := connectMCP(t, url, "o")
	must(t, err)
	reading, all := toolNames(t, viewer), toolNames(t, operator)
	if !slices.Contains(reading, "get_mission") || slices.Contains(reading, "create_mission") || slices.Contains(reading, "claim_mission") {
		t.Errorf("a viewer's tools: %v", reading)
	}
	for _, name := range append([]string{"create_mission", "cancel_mission", "signal_mission", "set_limit"}, reading...) {
		if !slices.Contains(all, name) {
			t.Errorf("an operator lacks %s: %v", name, all)
		}
	}
	if _, err := viewer.CallTool(t.Context(), &sdk.CallToolParams{Name: "create_mission", Arguments: map[string]any{"name": "x"}}); err == nil {
		t.Error("a viewer creates a mission")
	}
	for _, stranger := range []string{"", "x", "a"} {
		if _, err := connectMCP(t, url, stranger); err == nil {
			t.Errorf("the token %q is let in", stranger)
		}
	}
}

// Results are those of the protocol, in the form that the tools' schemas say; errors name the
// field.
func TestMCPToolsAnswer(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	session, err := connectMCP(t, url, "")
	must(t, err)
	tools, err := session.ListTools(t.Context(), nil)
	must(t, err)
	schemas := map[string]*jsonschema.Schema{}
	for _, tool := range tools.Tools {
		schemas[tool.Name] = compiled(t, tool.Name, tool.OutputSchema)
		compiled(t, tool.Name+".input", tool.InputSchema)
		if reads := !strings.Contains(tool.Name, "_") || strings.HasPrefix(tool.Name, "get_") || strings.HasPrefix(tool.Name, "list_") ||
			strings.HasPrefix(tool.Name, "mission_") || strings.HasPrefix(tool.Name, "wait_"); tool.Annotations.ReadOnlyHint != reads {
			t.Errorf("%s: a hint says that it only reads: %t", tool.Name, tool.Annotations.ReadOnlyHint)
		}
	}
	for _, c := range []struct {
		tool, arguments string
		has             string // of a result
		code, field     string // of an error
	}{
		{tool: "create_mission", arguments: `{"id":"m1","name":"one","data":{"a":1},"after":[{"signal":"go","prompt":"Go?","choices":["yes"]}]}`, has: `"created":true`},
		{tool: "create_mission", arguments: `{"id":"m1","name":"one","data":{"a":1},"after":[{"signal":"go","prompt":"Go?","choices":["yes"]}]}`, has: `"created":false`},
		{tool: "create_mission", arguments: `{"id":"m1","name":"other"}`, code: "conflict"},
		{tool: "create_mission", arguments: `{"name":""}`, code: "invalid_request", field: "name"},
		{tool: "create_mission", arguments: `{"nam":"x"}`, code: "invalid_request", field: "nam"},
		{tool: "create_mission", arguments: `{"missions":[{"name":"x"}]}`, code: "invalid_request", field: "missions"},
		{tool: "create_mission", arguments: `{"name":7}`, code: "invalid_request", field: "name"},
		{tool: "create_mission", arguments: `{}`, code: "invalid_request", field: "name"},
		{tool: "get_mission", arguments: `{"id":"m1"}`, has: `"waiting_for":[{`},
		{tool: "get_mission", arguments: `{"id":"m2"}`, code: "not_found"},
		{tool: "list_missions", arguments: `{"waiting":"signal"}`, has: `"id":"m1"`},
		{tool: "list_missions", arguments: `{"limit":1001}`, code: "invalid_request", field: "limit"},
		{tool: "wait_for_mission", arguments: `{"id":"m1","timeout_seconds":0.01}`, has: `"status":"PENDING"`},
		{tool: "wait_for_mission", arguments: `{"id":"m1","timeout_seconds":56}`, code: "invalid_request", field: "timeout_seconds"},
		{tool: "mission_log", arguments: `{"id":"m1"}`, has: `"message":"created, PENDING`},
		{tool: "mission_graph", arguments: `{"id":"m1"}`, has: `"edges":[]`},
		{tool: "mission_stats", has: `"by_status"`},
		{tool: "list_queues", has: `"queues":[`},
		{tool: "list_agents", has: `"agents":[]`},
		{tool: "list_alerts", has: `"alerts":[]`},
		{tool: "list_events", code: "unavailable"}, // the broker is away
		{tool: "set_limit", arguments: `{"name":"l","total":2}`, has: `"name":"l"`},
		{tool: "set_limit", arguments: `{"name":"l","total":-2}`, code: "invalid_request", field: "total"},
		{tool: "list_limits", has: `"name":"l"`},
		{tool: "delete_limit", arguments: `{"name":"l"}`, has: `"name":"l"`},
		{tool: "set_schedule", arguments: `{"id":"s","cron":"0 2 * * *","mission":{"name":"n"}}`, has: `"id":"s"`},
		{tool: "list_schedules", has: `"id":"s"`},
		{tool: "trigger_schedule", arguments: `{"id":"s"}`, has: `"created":true`},
		{tool: "delete_schedule", arguments: `{"id":"s"}`, has: `"id":"s"`},
		{tool: "signal_mission", arguments: `{"id":"m1","name":"go","data":"no"}`, code: "invalid_request", field: "data"},
		{tool: "signal_mission", arguments: `{"id":"m1","name":"go","data":"yes"}`, has: `"delivered":"waiting"`},
		{tool: "cancel_mission", arguments: `{"id":"m1","reason":"enough"}`, has: `"status":"CANCELLED"`},
		{tool: "wait_for_mission", arguments: `{"id":"m1"}`, has: `"status":"CANCELLED"`},
		{tool: "retry_mission", arguments: `{"id":"m1"}`, has: `"status":"PENDING"`},
		{tool: "status", has: `"total_missions":2`},
	} {
		arguments := c.arguments
		if arguments == "" {
			arguments = "{}"
		}
		var decoded map[string]any
		must(t, json.Unmarshal([]byte(arguments), &decoded))
		text, failed := callTool(t.Context(), t, session, c.tool, decoded)
		if failed != (c.code != "") || !strings.Contains(text, c.has) {
			t.Errorf("%s %s: %s\nwant %s%s", c.tool, arguments, text, c.has, c.code)
			continue
		}
		if failed {
			var refusal struct {
				Error struct{ Code, Field, Message string }
			}
			must(t, json.Unmarshal([]byte(text), &refusal, json.MatchCaseInsensitiveNames(true)))
			if refusal.Error.Code != c.code || refusal.Error.Field != c.field || refusal.Error.Message == "" {
				t.Errorf("%s %s: %s\nwant %s of %s", c.tool, arguments, text, c.code, c.field)
			}
			continue
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		must(t, err)
		if err := schemas[c.tool].Validate(value); err != nil {
			t.Errorf("%s %s: the result is not as its schema says: %v\n%s", c.tool, arguments, err, text)
		}
	}
}

// compiled compiles a schema as clients get it. It must refer to nothing outside itself.
func compiled(t *testing.T, name string, schema any) *jsonschema.Schema {
	t.Helper()
	text, err := json.Marshal(schema)
	must(t, err)
	if !strings.Contains(string(text), `"type":"object"`) {
		t.Errorf("the schema of %s is not that of an object: %s", name, text)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	must(t, err)
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource(name+".json", value))
	made, err := compiler.Compile(name + ".json")
	must(t, err)
	return made
}

// Missions and their logs are resources.
func TestMCPReadsMissionsAsResources(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	session, err := connectMCP(t, url, "")
	must(t, err)
	templates, err := session.ListResourceTemplates(t.Context(), nil)
	must(t, err)
	if len(templates.ResourceTemplates) != 2 {
		t.Errorf("templates: %v", templates.ResourceTemplates)
	}
	callTool(t.Context(), t, session, "create_mission", map[string]any{"id": "m1", "name": "one"})
	for uri, want := range map[string]string{"mission://m1": `"name":"one"`, "mission://m1/log": `"message":"created, PENDING"`} {
		read, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
		must(t, err)
		if text := read.Contents[0].Text; !strings.Contains(text, want) {
			t.Errorf("%s: %s", uri, text)
		}
	}
	for _, uri := range []string{"mission://m2", "mission://m2/log", "mission://a%20b", "mission://", "other://m1"} {
		if read, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil {
			t.Errorf("%s: %v", uri, read)
		}
	}
}

// There are no sessions, and requests from the pages of other sites are refused.
func TestMCPKeepsNothingBetweenRequests(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`
	headers := []string{"Content-Type", "application/json", "Accept", "application/json, text/event-stream"}
	status, body, header := call(t, "POST", url+"/mcp", initialize, headers...)
	if status != http.StatusOK || !strings.Contains(body, `"name":"mission-control"`) || header.Get("Mcp-Session-Id") != "" || header.Get("Content-Type") != "application/json" {
		t.Errorf("initialize: %d %v\n%s", status, header, body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if status, body, _ := call(t, method, url+"/mcp", "", headers...); status != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d %s", method, status, body)
		}
	}
	status, body, _ = call(t, "POST", url+"/mcp", initialize, append(headers, "Origin", "https://elsewhere.example")...)
	if status != http.StatusForbidden {
		t.Errorf("from another site: %d %s", status, body)
	}
	for _, bad := range []string{"", "{", "[]", `{"jsonrpc":"2.0"}`, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_mission","arguments":[1]}}`, strings.Repeat("[", 100_000)} {
		if status, body, _ := call(t, "POST", url+"/mcp", bad, headers...); status >= http.StatusInternalServerError {
			t.Errorf("%.60s: %d %s", bad, status, body)
		}
	}
}

// A batch is refused: all of its replies would be kept until the last one is there.
func TestMCPTakesOneMessageAtATime(t *testing.T) {
	t.Parallel()
	url, _ := newServer(t)
	for _, body := range []string{`[]`, " \n[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]"} {
		status, reply, _ := call(t, http.MethodPost, url+"/mcp", body, "Content-Type", "application/json", "Accept", "application/json, text/event-stream")
		if status != http.StatusBadRequest || !strings.Contains(reply, "send one message at a time") {
			t.Errorf("%s: %d %s", body, status, reply)
		}
	}
}
