package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"missioncontrol/supervisor/api"
)

// TestAKilledAgentTakesItsCommandAlong kills the program with SIGKILL.
func TestAKilledAgentTakesItsCommandAlong(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	child := exec.Command(os.Args[0])
	stderr := newTape()
	child.Stderr = stderr
	script := fmt.Sprintf(`exec 9>%s; echo up >&9; while :; do read x < /dev/zero; done`, path)
	child.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{"agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", script}, "\n"))
	must(t, child.Start())
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, &call{err: stderr}, file)
	must(t, child.Process.Kill())
	awaitGone(t, file)
	if err := child.Wait(); err == nil {
		t.Error("the agent ended well")
	}
}
