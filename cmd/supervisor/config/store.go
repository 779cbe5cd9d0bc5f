package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"missioncontrol/eventstream"
	"missioncontrol/missions/redisstore"
)

// StoreLocation says where missions are stored: sqlite:PATH, a Redis URL, or "" for a file in
// the data directory.
type StoreLocation struct {
	Text    string
	DataDir string
	Where   string // what named it, as in errors
}

// Path returns the file of an embedded store; false for Redis.
func (in StoreLocation) Path() (string, bool) {
	if in.Text == "" {
		return filepath.Join(in.DataDir, StoreFileName), true
	}
	return strings.CutPrefix(in.Text, "sqlite:")
}

// checkStore rejects what cannot be a store, without opening it.
func checkStore(text string) error {
	in := StoreLocation{Text: text}
	if path, ok := in.Path(); ok {
		if path == "" {
			return fmt.Errorf("sqlite: has no file; write sqlite:PATH")
		}
		return nil
	}
	if !strings.HasPrefix(text, "redis") {
		shown := eventstream.RedactURL(text)
		if scheme, _, ok := strings.Cut(shown, "://"); ok {
			shown = scheme + "://…" // a URL can hold a password anywhere
		}
		return fmt.Errorf("%q is not a store; write sqlite:PATH, or redis://HOST", shown)
	}
	_, err := redisstore.ParseURL(text)
	return err
}

// String describes the store's location for people.
func (in StoreLocation) String() string {
	if path, ok := in.Path(); ok {
		if absolute, err := filepath.Abs(path); err == nil {
			path = absolute
		}
		return "SQLite, " + path
	}
	where, err := redisstore.ParseURL(in.Text)
	if err != nil {
		return eventstream.RedactURL(in.Text)
	}
	return "Redis, " + where.String()
}

// Shared reports whether other supervisors may use the store, too.
func (in StoreLocation) Shared() bool {
	_, embedded := in.Path()
	return !embedded
}
