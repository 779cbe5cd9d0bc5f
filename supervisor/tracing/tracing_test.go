package tracing_test

import (
	"testing"
	"time"

	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/tracing"
)

func TestOffItTakesNoMemory(t *testing.T) {
	var off *tracing.Tracer
	ctx := api.WithTrace(t.Context(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	begun := time.Now()
	allocated := testing.AllocsPerRun(100, func() {
		below, span := off.Start(ctx, "name", tracing.Server)
		span.About("key", "value")
		span.End(nil)
		off.Record(api.TraceOf(below), "part", tracing.Client, begun, nil)
	})
	if allocated != 0 {
		t.Errorf("%v allocations", allocated)
	}
	if err := off.Stop(ctx); err != nil {
		t.Error(err)
	}
}
