package main

import (
	"context"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/tracing"
)

// tracer returns a tracer for a service, if the environment asks for one.
func (c *cli) tracer(ctx context.Context, service string) (*tracing.Tracer, error) {
	t, err := tracing.FromEnvironment(ctx, service, version(), c.LookupEnv)
	if err != nil {
		return nil, ui.Usagef("%v", err)
	}
	return t, nil
}
