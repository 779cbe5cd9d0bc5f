package agent

import "context"

// Tracer makes a span of each run of a handler. The *tracing.Tracer of package
// missioncontrol/supervisor/tracing is one, for OpenTelemetry; this package imports no
// tracing library. Its method may be called concurrently.
type Tracer interface {
	// Trace begins a span below the trace context of ctx, which api.TraceOf returns and
	// which is "" for a mission that belongs to no trace. It returns the context for the
	// handler, which carries the span's own trace context by api.WithTrace, so that what
	// the handler creates is below the span. about are pairs of an attribute's name and
	// value. end ends the span with the handler's error; it is called once.
	Trace(ctx context.Context, name string, about ...string) (traced context.Context, end func(err error))
}

// trace begins the span of the handler, if there is a tracer, and returns what ends it.
func (t *Task) trace() (end func(err error)) {
	tracer := t.runner.cfg.Tracer
	if tracer == nil {
		return func(error) {}
	}
	t.ctx, end = tracer.Trace(t.ctx, "work on "+t.Mission.Type, // nothing else uses ctx yet
		"missioncontrol.mission.id", t.Mission.ID, "missioncontrol.agent.id", t.runner.cfg.ID)
	return end
}
