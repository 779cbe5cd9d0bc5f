package config

import (
	"context"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/tracing"
)

// Tracer returns a tracer for a service, nil unless the environment asks for one.
func Tracer(ctx context.Context, service, version string, lookup Lookup) (*tracing.Tracer, error) {
	t, err := tracing.FromEnvironment(ctx, service, version, lookup)
	if err != nil {
		return nil, ui.Usagef("%v", err)
	}
	return t, nil
}
