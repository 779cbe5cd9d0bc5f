package mcp

import (
	"context"
	"encoding/json"
	"errors"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// succeeded returns the result of a tool: the JSON of a reply, for programs and as text.
func succeeded(reply []byte) *sdk.CallToolResult {
	return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: string(reply)}}, StructuredContent: json.RawMessage(reply)}
}

// failed returns the error of a tool, as a model can read it and act on it: the JSON of the
// protocol's error reply. It is text only, since structured content must match the schema of a
// result.
func (cfg *Config) failed(ctx context.Context, tool string, err error) *sdk.CallToolResult {
	text, encodingErr := api.Encode(api.ErrorReply{Error: cfg.wire(ctx, tool, err)})
	if encodingErr != nil {
		text = []byte(encodingErr.Error())
	}
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: string(text)}}}
}

// wire returns an error that may be sent, and logs what may not.
func (cfg *Config) wire(ctx context.Context, tool string, err error) *api.Error {
	var plain *Plain
	if errors.As(err, &plain) {
		return &api.Error{Code: missions.CodeUnavailable, Message: plain.Error()}
	}
	wire := api.FromError(err)
	if level, logged := wire.Logged(); logged && !errors.Is(err, context.Canceled) { // else the client has left, or the server stops
		cfg.Logger.Log(ctx, level, "a tool failed", "tool", tool, "error", err)
	}
	return wire
}

// Plain is an error of a [Backend] whose text is for the client: why nobody can be asked.
type Plain struct{ Err error }

func (e *Plain) Error() string { return e.Err.Error() }

// Unwrap returns what the error wraps.
func (e *Plain) Unwrap() error { return e.Err }
