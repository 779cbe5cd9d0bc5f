package tracing_test

import (
	"strings"
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

func TestAMalformedVariableIsRefusedAndNotQuoted(t *testing.T) {
	for name, texts := range map[string][]string{
		"OTEL_EXPORTER_OTLP_ENDPOINT":       {"http://u:secret#x@h", "http://[secret", "http://u:1/secret@h"},
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS": {"secret", "key=se%cret", "a b=secret", "ok=1,secret"},
	} {
		for _, text := range texts {
			env := map[string]string{"OTEL_TRACES_EXPORTER": "otlp", name: text}
			lookup := func(name string) (string, bool) { text, ok := env[name]; return text, ok }
			_, err := tracing.FromEnvironment(t.Context(), "test", "1", lookup)
			if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "cret") {
				t.Errorf("%s=%s: %v", name, text, err)
			}
		}
	}
}
