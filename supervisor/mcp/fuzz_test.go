package mcp

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/supervisor/api"
)

// echo answers with the request, and refuses what is no JSON object as a supervisor does.
type echo struct{}

func (echo) Ask(_ context.Context, op *api.Operation, request []byte) ([]byte, error) {
	if op == api.OpWait.Operation {
		return request, nil
	}
	_, err := api.Decode[map[string]any](request)
	return request, err
}

// Whatever the arguments of a tool are, the result is JSON: a reply, or an error with a code
// and a message.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", "[]", "{", `{"id":"m1"}`, `{"limit":1e9}`, `{"id":"m1","timeout_seconds":-1}`, `{"id":1,"id":2}`, "{\"\xff\":1}", `{"missions":[]}`} {
		f.Add(seed)
	}
	cfg := &Config{Backend: echo{}, Logger: slog.New(slog.DiscardHandler)}
	f.Fuzz(func(t *testing.T, arguments string) {
		for i := range tools {
			call := &sdk.CallToolRequest{Params: &sdk.CallToolParamsRaw{Name: tools[i].name, Arguments: json.RawMessage(arguments)}}
			result, err := cfg.handler(&tools[i])(t.Context(), call)
			if err != nil {
				t.Fatalf("%s: %v", tools[i].name, err)
			}
			text := result.Content[0].(*sdk.TextContent).Text
			var reply api.ErrorReply
			switch {
			case !json.Valid([]byte(text)):
				t.Errorf("%s: not JSON: %q", tools[i].name, text)
			case result.IsError && (json.Unmarshal([]byte(text), &reply) != nil || reply.Error == nil || reply.Error.Code == "" || reply.Error.Message == ""):
				t.Errorf("%s: the error is %s", tools[i].name, text)
			case result.IsError && reply.Error.Code == api.CodeInternal:
				t.Errorf("%s: an internal error", tools[i].name)
			}
		}
	})
}
