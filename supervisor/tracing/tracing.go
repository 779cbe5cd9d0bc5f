// Package tracing sends OpenTelemetry spans of what a supervisor or an agent does. The
// standard OTEL_ variables enable it. Otherwise it costs one comparison with nil.
//
// The W3C traceparent that requests, missions and events carry anyway connects one span
// to the next; see [api.WithTrace].
package tracing

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"missioncontrol/supervisor/api"
)

// Tracer makes spans. A nil Tracer makes none. Its methods may be called concurrently.
type Tracer struct {
	tracer   trace.Tracer
	provider *sdk.TracerProvider
}

// FromEnvironment returns a tracer that sends spans by OTLP over HTTP, or nil if the
// environment does not enable it with OTEL_EXPORTER_OTLP_ENDPOINT,
// OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_TRACES_EXPORTER=otlp. The other variables
// of OpenTelemetry's SDK have their usual effect. An error means that a variable is
// invalid.
func FromEnvironment(ctx context.Context, service, version string, lookup func(string) (string, bool)) (*Tracer, error) {
	on, err := wanted(lookup)
	if !on || err != nil {
		return nil, err
	}
	if err := checkSecretive(lookup); err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("OTEL_EXPORTER_OTLP_…: %w", err)
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv(), // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES take precedence
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES: %w", err), exporter.Shutdown(ctx))
	}
	return New(sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about))), nil
}

// checkSecretive finds what is wrong with variables that can hold secrets: the exporter
// would print their values.
func checkSecretive(lookup func(string) (string, bool)) error {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		if text, _ := lookup(name); text != "" {
			if u, err := url.Parse(text); err != nil || strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
				return fmt.Errorf("%s: it is not a URL like http://127.0.0.1:4318; write characters such as / ? # and @ of a password as %%2F %%3F %%23 and %%40", name)
			}
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		text, _ := lookup(name)
		for header := range strings.SplitSeq(text, ",") {
			key, value, ok := strings.Cut(header, "=")
			_, err := url.PathUnescape(value)
			if text != "" && (!ok || err != nil || !isHeaderName(strings.TrimSpace(key))) {
				return fmt.Errorf("%s: it is not written like key=value,key=value; write characters such as %% and , of a value as %%25 and %%2C", name)
			}
		}
	}
	return nil
}

// isHeaderName reports whether HTTP allows a name for a header.
func isHeaderName(name string) bool {
	const signs = "!#$%&'*+-.^_`|~"
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(signs, r)
	})
}

// wanted reports whether the environment enables tracing.
func wanted(lookup func(string) (string, bool)) (bool, error) {
	get := func(name string) string { text, _ := lookup(name); return text }
	if get("OTEL_SDK_DISABLED") == "true" {
		return false, nil
	}
	switch exporter := get("OTEL_TRACES_EXPORTER"); exporter {
	case "none":
		return false, nil
	case "":
		if get("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
			return false, nil
		}
	case "otlp":
	default:
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER: %q is neither otlp nor none", exporter)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if protocol := get(name); protocol != "" {
			if protocol != "http/protobuf" {
				return false, fmt.Errorf("%s: %q is not supported; use http/protobuf, with port 4318 of the collector", name, protocol)
			}
			break
		}
	}
	return true, nil
}

// New returns a tracer that passes its spans to a provider, which Stop shuts down.
func New(provider *sdk.TracerProvider) *Tracer {
	return &Tracer{provider: provider, tracer: provider.Tracer("missioncontrol")}
}

// Stop sends the remaining spans, until ctx ends.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.provider.Shutdown(ctx)
}

// Kind says which side of a request or an event a span is on.
type Kind = trace.SpanKind

// The kinds.
const (
	Server   = trace.SpanKindServer
	Consumer = trace.SpanKindConsumer
	Producer = trace.SpanKindProducer
	Client   = trace.SpanKindClient
)

// Span is an operation in progress. The zero Span belongs to no trace.
type Span struct{ span trace.Span }

// Start begins a span below the trace context of ctx, or a new trace. Spans started
// with the returned context are below this span.
func (t *Tracer) Start(ctx context.Context, name string, kind Kind) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	_, span := t.tracer.Start(parent(api.TraceOf(ctx)), name, trace.WithSpanKind(kind))
	return api.WithTrace(ctx, traceparent(span)), Span{span}
}

// Trace begins a span of work, as Start does, with pairs of an attribute's name and value,
// and returns what ends it with the outcome. It is what an agent needs of a tracer.
func (t *Tracer) Trace(ctx context.Context, name string, about ...string) (context.Context, func(err error)) {
	ctx, span := t.Start(ctx, name, Consumer)
	span.aboutAll(about)
	return ctx, span.End
}

// Record records a span that began at since and ends now, below a trace context.
// Without a trace context it records nothing: it is for parts of an operation, which
// mean little alone.
func (t *Tracer) Record(under, name string, kind Kind, since time.Time, err error, about ...string) {
	if t == nil || under == "" {
		return
	}
	_, span := t.tracer.Start(parent(under), name, trace.WithSpanKind(kind), trace.WithTimestamp(since))
	s := Span{span}
	s.aboutAll(about)
	s.End(err)
}

// Name changes the span's name, once it is known.
func (s Span) Name(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// About adds an attribute to the span.
func (s Span) About(key, value string) {
	if s.span != nil {
		s.span.SetAttributes(attribute.String(key, value))
	}
}

// aboutAll adds pairs of an attribute's key and value.
func (s Span) aboutAll(pairs []string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		s.About(pairs[i], pairs[i+1])
	}
}

// End ends the span with the outcome err. The span only gets the error's code, as does
// the caller.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, string(api.FromError(err).Code))
	}
	s.span.End()
}

// parent returns a context below which the SDK makes spans.
func parent(traceparent string) context.Context {
	if traceparent == "" {
		return context.Background()
	}
	return propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{api.HeaderTraceparent: traceparent})
}

// traceparent returns the trace context of a span.
func traceparent(span trace.Span) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpan(context.Background(), span), carrier)
	return carrier[api.HeaderTraceparent]
}
