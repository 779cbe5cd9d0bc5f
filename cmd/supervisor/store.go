package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/missions/redisstore"
	"missioncontrol/missions/sqlitestore"
)

// storeIn says where missions are stored: sqlite:PATH, a Redis URL, or "" for a file in
// the data directory.
type storeIn struct {
	text    string
	dataDir string
}

// path returns the file of an embedded store; false for Redis.
func (in storeIn) path() (string, bool) {
	if in.text == "" {
		return filepath.Join(in.dataDir, storeFileName), true
	}
	return strings.CutPrefix(in.text, "sqlite:")
}

// check rejects what cannot be a store, without opening it.
func (in storeIn) check() error {
	if path, ok := in.path(); ok {
		if path == "" {
			return fmt.Errorf("sqlite: names no file; write sqlite:PATH")
		}
		return nil
	}
	if !strings.HasPrefix(in.text, "redis") {
		shown := redactURL(in.text)
		if scheme, _, ok := strings.Cut(shown, "://"); ok {
			shown = scheme + "://…" // a URL can hold a password anywhere
		}
		return fmt.Errorf("%q is not a store; write sqlite:PATH, or redis://HOST", shown)
	}
	_, err := redisstore.ParseURL(in.text)
	return err
}

// String describes the store's location for people.
func (in storeIn) String() string {
	if path, ok := in.path(); ok {
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		return "SQLite, " + path
	}
	where, err := redisstore.ParseURL(in.text)
	if err != nil {
		return redactURL(in.text)
	}
	return "Redis, " + where.String()
}

// mayBeShared reports whether other supervisors may use the store, too.
func (in storeIn) mayBeShared() bool {
	_, embedded := in.path()
	return !embedded
}

// open opens the store.
func (in storeIn) open(ctx context.Context, outboxLimit int64, log *slog.Logger) (missions.Store, error) {
	if path, ok := in.path(); ok {
		return sqlitestore.Open(sqlitestore.Config{Path: path, OutboxLimit: outboxLimit, Logger: log})
	}
	return redisstore.Open(ctx, redisstore.Config{URL: in.text, OutboxLimit: outboxLimit, Logger: log})
}
