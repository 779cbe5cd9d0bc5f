package web

import (
	"context"
	"log"
	"log/slog"
	"strings"
	"time"

	"missioncontrol/lograte"
)

// The kinds of what net/http logs. All but the panics are what clients can cause at will.
const (
	logHandshake = "handshake"
	logAccept    = "accept"
	logPanic     = "panic"
	logOther     = "other"
)

// logKinds are the kinds with how net/http's lines begin, and how they are logged here.
var logKinds = []struct {
	kind, begins, text string
	level              slog.Level
	burst              int // lines in a minute
}{
	{logHandshake, "http: TLS handshake error", "a TLS handshake over HTTP failed", slog.LevelWarn, 1},
	{logAccept, "http: Accept error", "a connection over HTTP could not be accepted", slog.LevelWarn, 1},
	{logPanic, "http: panic serving", "a request over HTTP ended in a panic", slog.LevelError, 10},
	{logOther, "", "the HTTP server met what it did not expect", slog.LevelWarn, 1},
}

// maxReason is how many bytes of a line of net/http's are logged: enough for a stack.
const maxReason = 8 << 10

// errorLog is where net/http logs: at a bounded rate, and as errors only what needs an
// operator.
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

// logger returns it as net/http wants it.
func (e *errorLog) logger() *log.Logger { return log.New(e, "", 0) }

// Write implements io.Writer, for one line.
func (e *errorLog) Write(p []byte) (int, error) {
	reason := strings.TrimSpace(string(p[:min(len(p), maxReason)]))
	for _, k := range logKinds {
		if !strings.HasPrefix(reason, k.begins) {
			continue
		}
		if left, ok := e.limits.Count(k.kind); ok {
			e.log.Log(context.Background(), k.level, k.text, "reason", reason, "more", left) //nolint:sloglint // one of a few texts
		}
		break
	}
	return len(p), nil
}

// flush logs how many lines were left out since the last.
func (e *errorLog) flush() {
	for _, left := range e.limits.TakeLeft(true) {
		for _, k := range logKinds {
			if k.kind == left.Kind {
				e.log.Log(context.Background(), k.level, k.text, "more", left.Events) //nolint:sloglint // one of a few texts
			}
		}
	}
}
