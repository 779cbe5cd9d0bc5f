package mcp

import (
	"context"
	"errors"
	"net/url"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const (
	missionURI = "mission://"
	logSuffix  = "/log"
	mediaType  = "application/json"
)

// addResources adds missions and their logs.
func (cfg *Config) addResources(server *sdk.Server) {
	if !cfg.allows(api.OpGet.Operation) || !cfg.allows(api.OpLog.Operation) {
		return
	}
	server.AddResourceTemplate(&sdk.ResourceTemplate{
		Name: "mission", Title: "Mission", URITemplate: missionURI + "{id}", MIMEType: mediaType,
		Description: "A mission by its id",
	}, cfg.readResource)
	server.AddResourceTemplate(&sdk.ResourceTemplate{
		Name: "mission_log", Title: "Log of a mission", URITemplate: missionURI + "{id}" + logSuffix, MIMEType: mediaType,
		Description: "The log of a mission, oldest entry first, at most 1000 entries; the tool mission_log has the others",
	}, cfg.readResource)
}

// readResource reads a mission or its log.
func (cfg *Config) readResource(ctx context.Context, r *sdk.ReadResourceRequest) (*sdk.ReadResourceResult, error) {
	path, found := strings.CutPrefix(r.Params.URI, missionURI)
	path, log := strings.CutSuffix(path, logSuffix)
	id, err := url.PathUnescape(path)
	if !found || err != nil {
		return nil, sdk.ResourceNotFoundError(r.Params.URI)
	}
	op, request := api.OpGet.Operation, any(api.IDRequest{ID: id})
	if log {
		op, request = api.OpLog.Operation, api.LogRequest{ID: id, Limit: api.MaxPage}
	}
	asked, err := api.Encode(request)
	if err != nil {
		return nil, err
	}
	reply, err := cfg.Backend.Ask(ctx, op, asked)
	if err != nil {
		wire := cfg.wire(ctx, "resource", err)
		if errors.Is(wire, api.ErrNotFound) || wire.Code == missions.CodeInvalid {
			return nil, sdk.ResourceNotFoundError(r.Params.URI)
		}
		return nil, wire
	}
	return &sdk.ReadResourceResult{Contents: []*sdk.ResourceContents{{URI: r.Params.URI, MIMEType: mediaType, Text: string(reply)}}}, nil
}
