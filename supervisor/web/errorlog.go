package web

import (
	"context"
	"log"
	"log/slog"
	"strings"
	"time"

	"missioncontrol/lograte"
)

// The kinds of messages that net/http logs. Clients can cause all of them at will,
// except panics.
const (
	logHandshake = "handshake"
	logAccept    = "accept"
	logPanic     = "panic"
	logOther     = "other"
)

// logKinds are the kinds, with the beginning of net/http's lines and the text logged
// here.
var logKinds = []struct {
	kind, begins, text string
	level              slog.Level
	burst              int // lines per minute
}{
	{logHandshake, "http: TLS handshake error", "a TLS handshake over HTTP failed", slog.LevelWarn, 1},
	{logAccept, "http: Accept error", "cannot accept a connection over HTTP", slog.LevelWarn, 1},
	{logPanic, "http: panic serving", "a request over HTTP panicked", slog.LevelError, 10},
	{logOther, "", "unexpected error of the HTTP server", slog.LevelWarn, 1},
}

// maxReason is how many bytes of a net/http line are logged: enough for a stack.
const maxReason = 8 << 10

// errorLog receives what net/http logs. It logs at a bounded rate, and uses the error
// level only for what needs an operator.
type errorLog struct {
	log    *slog.Logger
	limits *lograte.Limiter
}

func newErrorLog(log *slog.Logger, now func() time.Time) *errorLog {
	kinds := make([]lograte.Kind, len(logKinds))
	for i, k := range logKinds {
		kinds[i] = lograte.Kind{Name: k.kind, Burst: k.burst}
	}
	return &errorLog{log: log, limits: lograte.New(lograte.Interval, now, kinds...)}
}

// logger returns e as net/http wants it.
func (e *errorLog) logger() *log.Logger { return log.New(e, "", 0) }

// Write implements io.Writer, for one line.
func (e *errorLog) Write(p []byte) (int, error) {
	reason := strings.TrimSpace(string(p[:min(len(p), maxReason)]))
	for _, k := range logKinds {
		if !strings.HasPrefix(reason, k.begins) {
			continue
		}
		if left, ok := e.limits.Count(k.kind); ok {
			attributes := []any{"reason", reason}
			if left > 0 {
				attributes = append(attributes, "more", left)
			}
			e.log.Log(context.Background(), k.level, k.text, attributes...) //nolint:sloglint // one of a few texts
		}
		break
	}
	return len(p), nil
}

// flush logs how many lines were left out since the last one.
func (e *errorLog) flush() {
	for _, left := range e.limits.TakeLeft(true) {
		for _, k := range logKinds {
			if k.kind == left.Kind {
				e.log.Log(context.Background(), k.level, k.text, "more", left.Events) //nolint:sloglint // one of a few texts
			}
		}
	}
}
