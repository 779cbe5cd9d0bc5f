package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"missioncontrol/lograte"
	"missioncontrol/wakeup"
)

// slogLogger sends nats-server's log lines to slog. Lines that clients can cause at
// will are counted and rate limited; level error is for what needs an operator.
//
// It also catches Fatalf, with which the server library reports that it cannot
// start: the standard logger would exit the process, and without any logger the
// start would fail silently.
type slogLogger struct {
	log   *slog.Logger
	once  sync.Once
	fatal chan error // receives the first fatal error; never blocks

	broken wakeup.Signal // a stream could not be written

	refusals, others *lograte.Limiter
}

func newLogger(log *slog.Logger, now func() time.Time) *slogLogger {
	return &slogLogger{log: log, fatal: make(chan error, 1), broken: wakeup.New(),
		refusals: newRefusals(now), others: newOthers(now)}
}

// debug reports whether debug lines are enabled.
func (l *slogLogger) debug() bool {
	return l.log.Enabled(context.Background(), slog.LevelDebug)
}

func (l *slogLogger) write(level slog.Level, what line, more ...any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, what.text(), more...) //nolint:sloglint // the text is the broker's
	}
}

// bounded writes a rate-limited line at one of the two levels that are always
// enabled in practice.
func (l *slogLogger) bounded(level slog.Level, what line) {
	kind := otherWarnings
	if level >= slog.LevelError {
		kind = otherErrors
	}
	if left, ok := l.others.Count(kind); ok {
		l.write(level, what, leftOut(left)...)
	}
}

// refused counts a line that reports a refusal to a client, and logs it when one is
// due. It reports whether the line was one.
func (l *slogLogger) refused(level slog.Level, what line) bool {
	r, ok := refusalOf(level, what)
	if !ok {
		return false
	}
	if left, ok := l.refusals.Count(r.kind); ok {
		attributes := append([]any{"kind", r.kind, "reason", r.what.text()}, leftOut(left)...)
		if r.client != "" {
			attributes = append(attributes, "client", line{format: r.client}.text())
		}
		l.log.Warn(refusalText(r.kind), attributes...) //nolint:sloglint // one of a few texts
	}
	return true
}

// leftOut returns the number of similar lines left out since the last one, as log
// attributes.
func leftOut(n uint64) []any {
	if n == 0 {
		return nil
	}
	return []any{"more", n}
}

func refusalText(kind string) string {
	for _, r := range refusals {
		if r.kind == kind {
			return r.text
		}
	}
	return kind
}

// flush logs how many lines were left out in the intervals that have ended or, with
// all, in all intervals.
func (l *slogLogger) flush(all bool) {
	for _, left := range l.refusals.TakeLeft(all) {
		l.log.Warn(refusalText(left.Kind), "kind", left.Kind, "more", left.Events) //nolint:sloglint // one of a few texts
	}
	for _, left := range l.others.TakeLeft(all) {
		l.log.Warn("omitted lines of the broker's log", "level", left.Kind, "more", left.Events)
	}
}

// flushing calls flush until stop is closed.
func (s *Server) flushing(stop <-chan struct{}) {
	defer close(s.flushed)
	tick := time.NewTicker(lograte.Interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.log.flush(false)
		case <-stop:
			return
		}
	}
}

// Noticef implements the server's logger at level debug: what a standalone broker
// would announce, such as its version or its banner, is a detail inside another
// program. The notice that it closed a connection that did not read is an
// exception.
func (l *slogLogger) Noticef(format string, v ...any) {
	if what := (line{format, v}); !l.refused(slog.LevelInfo, what) {
		l.write(slog.LevelDebug, what)
	}
}

// Warnf implements the server's logger at level warn.
func (l *slogLogger) Warnf(format string, v ...any) {
	if what := (line{format, v}); !l.refused(slog.LevelWarn, what) {
		l.bounded(slog.LevelWarn, what)
	}
}

// Errorf implements the server's logger at level error, unless a client caused the
// line.
func (l *slogLogger) Errorf(format string, v ...any) {
	what := line{format, v}
	if l.refused(slog.LevelError, what) {
		return
	}
	l.bounded(slog.LevelError, what)
	if isWriteFailure(format) {
		l.broken.Send()
	}
}

// Debugf implements the server's logger at level debug.
func (l *slogLogger) Debugf(format string, v ...any) { l.write(slog.LevelDebug, line{format, v}) }

// Tracef implements the server's logger below debug. The server does not call it,
// because protocol tracing is never enabled.
func (l *slogLogger) Tracef(format string, v ...any) { l.write(slog.LevelDebug-4, line{format, v}) }

// Fatalf records the first fatal error and does not exit.
func (l *slogLogger) Fatalf(format string, v ...any) {
	l.write(slog.LevelError, line{format, v})
	l.once.Do(func() { l.fatal <- errors.New(strings.TrimSpace(fmt.Sprintf(format, v...))) })
}
