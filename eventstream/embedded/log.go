package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// slogLogger carries nats-server's log lines to slog. It also catches Fatalf,
// with which the server library reports that it cannot start: the stock logger
// would exit the process, and without any logger the start would fail silently.
type slogLogger struct {
	log   *slog.Logger
	once  sync.Once
	fatal chan error // receives the first fatal error; never blocks

	broken chan struct{} // receives when a stream could not be written; never blocks
}

func newLogger(log *slog.Logger) *slogLogger {
	return &slogLogger{log: log, fatal: make(chan error, 1), broken: make(chan struct{}, 1)}
}

// debug reports whether anybody would see debug lines.
func (l *slogLogger) debug() bool {
	return l.log.Enabled(context.Background(), slog.LevelDebug)
}

func (l *slogLogger) write(level slog.Level, format string, v []any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	l.log.Log(context.Background(), level, strings.TrimSpace(fmt.Sprintf(format, v...))) //nolint:sloglint // the text is the broker's
}

// Noticef implements the server's logger at level debug: what a broker of its own
// would announce, its version or its banner, is detail inside another program.
func (l *slogLogger) Noticef(format string, v ...any) { l.write(slog.LevelDebug, format, v) }

// Warnf implements the server's logger at level warn.
func (l *slogLogger) Warnf(format string, v ...any) { l.write(slog.LevelWarn, format, v) }

// Errorf implements the server's logger at level error.
func (l *slogLogger) Errorf(format string, v ...any) {
	l.write(slog.LevelError, format, v)
	if isWriteFailure(format) {
		select {
		case l.broken <- struct{}{}:
		default:
		}
	}
}

// Debugf implements the server's logger at level debug.
func (l *slogLogger) Debugf(format string, v ...any) { l.write(slog.LevelDebug, format, v) }

// Tracef implements the server's logger below debug. The server does not call
// it, because protocol tracing is never switched on.
func (l *slogLogger) Tracef(format string, v ...any) { l.write(slog.LevelDebug-4, format, v) }

// Fatalf records the first fatal error and lets the process live.
func (l *slogLogger) Fatalf(format string, v ...any) {
	l.write(slog.LevelError, format, v)
	l.once.Do(func() { l.fatal <- errors.New(strings.TrimSpace(fmt.Sprintf(format, v...))) })
}
