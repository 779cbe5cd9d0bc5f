//go:build unix

package main

import (
	"os"
	"path/filepath"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// An agent whose program cannot be started, for whatever reason, hands missions back, and
// a healthy agent does them. No attempt is used up.
func TestAnAgentThatCannotStartItsProgramHandsMissionsBack(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, program string){
		"no such file or directory": func(t *testing.T, program string) { must(t, os.Remove(program)) },
		"permission denied":         func(t *testing.T, program string) { must(t, os.Chmod(program, 0o600)) },
		"exec format error":         func(t *testing.T, program string) { must(t, os.WriteFile(program, []byte{0, 1, 2}, 0o700)) },
		"text file busy": func(t *testing.T, program string) {
			file, err := os.OpenFile(program, os.O_WRONLY, 0)
			must(t, err)
			t.Cleanup(func() { _ = file.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestbed(t)
			program := filepath.Join(t.TempDir(), "program")
			must(t, os.WriteFile(program, []byte("#!/bin/sh\necho 1\n"), 0o700)) //nolint:gosec // it is executed
			c := b.start(t, "agent", "run", "--type", "t", "--id", "broken", "--", program)
			c.err.await(t, "Agent broken works on", 1)
			spoil(t, program)
			b.create(t, api.MissionSpec{ID: "m1"})
			c.err.await(t, "■ m1 job m1: handed back: the command could not be started: ", 1)
			c.err.await(t, "claiming no missions for a while", 1)
			contains(t, c.err.String(), name)
			b.agentOf(t, "echo 2")
			m := b.ended(t, "m1")
			equal(t, "status", m.Status, missions.Completed)
			equal(t, "result", string(m.Result), "2")
			equal(t, "attempt", m.Attempt, 1)
		})
	}
}
