package main

import (
	"context"

	"missioncontrol/supervisor/tracing"
)

// tracer returns a tracer for a service, if the environment asks for one.
func (c *cli) tracer(ctx context.Context, service string) (*tracing.Tracer, error) {
	t, err := tracing.FromEnvironment(ctx, service, version(), c.lookup)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return t, nil
}
