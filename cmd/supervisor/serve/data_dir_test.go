//go:build unix

package serve

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/cmd/supervisor/config"
)

// A data directory becomes its owner's alone if it is ours, and a warning says so if it
// holds something else.
func TestTheDataDirectoryIsClosedToOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode, want fs.FileMode
		holds      []string
		server     string
		logs       string // "" for nothing
	}{
		"closed":                {mode: 0o700, want: 0o700},
		"made by us before":     {mode: 0o750, want: 0o700, holds: []string{config.StoreFileName, config.StoreFileName + ".lock", config.JetStreamName}, logs: "level=INFO"},
		"empty":                 {mode: 0o755, want: 0o700, logs: "level=INFO"},
		"of a volume":           {mode: 0o775, want: 0o700, holds: []string{"lost+found"}, logs: "level=INFO"},
		"with something else":   {mode: 0o755, want: 0o755, holds: []string{config.StoreFileName, "photos"}, logs: "level=WARN"},
		"not used at all":       {mode: 0o755, want: 0o755, server: "nats://elsewhere:4222"},
		"not used, and foreign": {mode: 0o777, want: 0o777, holds: []string{"photos"}, server: "nats://elsewhere:4222"},
	} {
		dir := filepath.Join(t.TempDir(), "data")
		must(t, os.Mkdir(dir, 0o700))
		for _, file := range c.holds {
			must(t, os.WriteFile(filepath.Join(dir, file), nil, 0o600))
		}
		must(t, os.Chmod(dir, c.mode))
		var out bytes.Buffer
		h := instance{cfg: config.Config{DataDir: dir, Server: c.server}, log: slog.New(slog.NewTextHandler(&out, nil))}
		if c.server != "" {
			h.cfg.Store = "redis://elsewhere"
		}
		must(t, h.checkDataDir(context.Background()))
		if out.Len() > 0 {
			t.Errorf("%s: logged before the start was over: %q", name, out.String())
		}
		h.logStarted()
		info, err := os.Stat(dir)
		must(t, err)
		if got := info.Mode().Perm(); got != c.want {
			t.Errorf("%s: %v became %v", name, c.mode, got)
		}
		if text := out.String(); (text == "") != (c.logs == "") || !strings.Contains(text, c.logs) || strings.Count(text, "\n") > 1 {
			t.Errorf("%s: logged %q", name, text)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
