package agent_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/agent"
	"missioncontrol/supervisor/api"
)

// The trace context of a mission, and of the span of its handler.
const (
	missionTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	handlerTrace = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
)

// ownTracer is a tracer that imports nothing.
type ownTracer struct{ begun, ended chan []string }

func (o ownTracer) Trace(ctx context.Context, name string, about ...string) (context.Context, func(error)) {
	o.begun <- append([]string{api.TraceOf(ctx), name}, about...)
	return api.WithTrace(ctx, handlerTrace), func(err error) { o.ended <- []string{err.Error()} }
}

// A tracer of one's own gets the mission's trace, and what the handler creates is below its
// span.
func TestATracerOfOnesOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	tracer := ownTracer{make(chan []string, 1), make(chan []string, 1)}
	child := make(chan missions.Mission, 1)
	b.start(t, agent.Config{ID: "w1", Tracer: tracer, Handler: func(ctx context.Context, task *agent.Task) (any, error) {
		m, _, err := b.client.Create(ctx, api.MissionSpec{Name: "below", Type: "other"})
		child <- m
		return nil, agent.Permanent(errors.Join(err, errors.New("no")))
	}})
	m, _, err := b.client.Create(api.WithTrace(t.Context(), missionTrace), api.MissionSpec{Name: "traced"})
	must(t, err)
	want := []string{missionTrace, "work on default", "missioncontrol.mission.id", m.ID, "missioncontrol.agent.id", "w1"}
	if begun := <-tracer.begun; !slices.Equal(begun, want) {
		t.Errorf("begun with %q, not %q", begun, want)
	}
	if ended := <-tracer.ended; !slices.Equal(ended, []string{"no"}) {
		t.Errorf("ended with %q", ended)
	}
	if m := <-child; m.Traceparent != handlerTrace {
		t.Errorf("the child is below %q", m.Traceparent)
	}
}
