package test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"missioncontrol/eventstream/streamtest"
	"missioncontrol/supervisor/api"
)

// span is a received span.
type span struct{ service, name, id, parent string }

// traceCollector receives spans with OTLP over HTTP.
type traceCollector struct {
	url string

	mu    sync.Mutex
	spans map[string][]span // by trace
	more  chan struct{}     // closed at the next arrival
}

func collectTraces(t *testing.T) *traceCollector {
	t.Helper()
	c := &traceCollector{spans: map[string][]span{}, more: make(chan struct{})}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var request collector.ExportTraceServiceRequest
		if err != nil || r.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.take(&request)
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *traceCollector) take(request *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		service := ""
		for _, attribute := range resource.Resource.Attributes {
			if attribute.Key == "service.name" {
				service = attribute.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				trace := hex.EncodeToString(s.TraceId)
				c.spans[trace] = append(c.spans[trace], span{service, s.Name, hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId)})
			}
		}
	}
	close(c.more)
	c.more = make(chan struct{})
}

// tree formats a trace below a span, one line per span, for the test's output.
func (c *traceCollector) tree(trace, under string) string {
	c.mu.Lock()
	spans := slices.Clone(c.spans[trace])
	c.mu.Unlock()
	var lines strings.Builder
	var below func(parent, indent string)
	below = func(parent, indent string) {
		var children []span
		for _, s := range spans {
			if s.parent == parent {
				children = append(children, s)
			}
		}
		slices.SortFunc(children, func(a, b span) int { return strings.Compare(a.name, b.name) })
		for _, s := range children {
			fmt.Fprintf(&lines, "%s%s: %s\n", indent, s.service, s.name)
			below(s.id, indent+"  ")
		}
	}
	below(under, "")
	return lines.String()
}

// await waits until a trace is as wanted.
func (c *traceCollector) await(t *testing.T, trace, under, want string) {
	t.Helper()
	deadline := time.After(testTimeout)
	for {
		c.mu.Lock()
		more := c.more
		c.mu.Unlock()
		got := c.tree(trace, under)
		if got == want {
			t.Logf("one mission, from its client to its events, trace %s:\n%s", trace, got)
			return
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("the trace is\n%sand should be\n%s", got, want)
		}
	}
}

// A client's trace continues through the request, the store, the agent with the
// program it runs, and the events.
func TestOneMissionInOneTrace(t *testing.T) {
	c := collectTraces(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.url)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	p := start(t, t.TempDir())
	agent := spawn(t, t.TempDir(), []string{"NATS_URL=" + p.Broker}, binary, "agent", "run", "--type", "t", "--",
		"sh", "-c", `echo "progress" >&2; echo "$TRACEPARENT"`)

	const trace, root = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	ctx := api.WithTrace(t.Context(), "00-"+trace+"-"+root+"-01")
	_, _, err := p.client().Create(ctx, api.MissionSpec{ID: "m", Name: "m", Type: "t"})
	must(t, err)
	m, err := p.client().Wait(t.Context(), "m")
	must(t, err)

	c.await(t, trace, root, `supervisor: missions-create
  supervisor: relay created
  supervisor: relay log_appended
  supervisor: relay status_changed
  supervisor: relay status_changed
  supervisor: store create
  agent: work on t
    supervisor: agent-log
      supervisor: store append_log
`)
	for what, traceparent := range map[string]string{"the mission": m.Traceparent, "the program": string(m.Result)} {
		if !strings.Contains(traceparent, trace) || strings.Contains(traceparent, root) {
			t.Errorf("%s is told of %s", what, traceparent)
		}
	}
	awaitEmptyOutbox(t, p.client())
	for _, e := range streamtest.Events(t, p.Broker, "mission.") {
		if !strings.Contains(e.Meta.Traceparent, trace) {
			raw, _ := json.Marshal(e.Meta)
			t.Errorf("the event %s has %s", e.Type, raw)
		}
	}

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.HTTP+"/api/missions/m", nil)
	must(t, err)
	const httpTrace = "1af7651916cd43dd8448eb211c80319c"
	request.Header.Set("traceparent", "00-"+httpTrace+"-"+root+"-01")
	answer, err := http.DefaultClient.Do(request)
	must(t, err)
	must(t, answer.Body.Close())
	c.await(t, httpTrace, root, "supervisor: GET /api/missions/{id}\n  supervisor: store get\n")
	agent.kill()
	p.stop()
}

func TestTracesThatCannotBeSent(t *testing.T) {
	t.Parallel()
	for env, says := range map[string]string{
		"OTEL_TRACES_EXPORTER=zipkin":      "neither otlp nor none",
		"OTEL_EXPORTER_OTLP_PROTOCOL=grpc": "http/protobuf",
	} {
		_, stderr, code := run(t, []string{env, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "SUPERVISOR_LISTEN=127.0.0.1:0"},
			binary, "serve", "--data-dir", t.TempDir(), "--http", "off")
		if code != 2 || !strings.Contains(stderr, says) {
			t.Errorf("%s: exit code %d: %s", env, code, stderr)
		}
	}
}
