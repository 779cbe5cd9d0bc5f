//go:build unix

package main

import (
	"path/filepath"
	"testing"

	"missioncontrol/cmd/supervisor/config"
)

// Whatever a supervisor makes is its user's alone.
func TestNobodyElseCanReadTheDataDirectory(t *testing.T) {
	t.Parallel()
	dataDir := filepath.Join(t.TempDir(), "data")
	b := startTestbed(t, config.Config{Listen: "127.0.0.1:0", HTTP: "off", DataDir: dataDir,
		Lease: 5e9, Heartbeat: 5e8, Retention: 3600e9, OutboxLimit: 1000, Replicas: 1})
	b.awaitEvents(t)
	wantPrivate(t, dataDir)
}
