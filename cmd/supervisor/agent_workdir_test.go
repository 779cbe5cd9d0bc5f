//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// dirsIn returns the missions that have a directory.
func dirsIn(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, entry := range entries {
		if entry.Name() != ".missions" {
			names = append(names, entry.Name())
		}
	}
	return strings.Join(names, " ")
}

// awaitDirs returns when exactly these missions have a directory.
func awaitDirs(t *testing.T, dir, want string) {
	t.Helper()
	eventually.Holds(t, func() bool { return dirsIn(t, dir) == want }, func() string {
		return fmt.Sprintf("the directories are %s; want %s", dirsIn(t, dir), want)
	})
}

// A mission's directory keeps its files while the mission is retried and parked, and is gone
// when it has ended, however it has.
func TestAMissionHasAWorkingDirectory(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	dir := filepath.Join(t.TempDir(), "new", "work")
	c := b.agentWith(t, []string{"--workdir", dir}, `[ "$PWD" = "$(pwd -P)" ] || exit 65
echo $MISSION_TURN >> turns; cp "$MISSION_INPUTS" inputs
case $MISSION_ID$MISSION_TURN in
flow1) exit 1;;
flow2) echo 'park {"after":[{"signal":"go"}]}' >&3; exit;;
fails*) mkdir -p a/b; touch a/b/c; chmod 500 a/b a; exit 1;;
data*) exit 65;;
esac; [ $MISSION_ID = cancelled ] && sleep 1000; echo "$PWD $(cat turns | tr '\n' ' ')"`)
	two := 2
	soon := &missions.RetryOptions{FirstSeconds: ptr(0.0)}
	b.create(t, api.MissionSpec{ID: "flow", MaxAttempts: &two, RetryPolicy: soon})
	c.err.await(t, ", parked until signal go\n", 1)
	b.create(t, api.MissionSpec{ID: "fails", MaxAttempts: &two, RetryPolicy: soon})
	b.create(t, api.MissionSpec{ID: "data", MaxAttempts: &two})
	equal(t, "status", b.ended(t, "fails").Status, missions.Failed)
	equal(t, "status", b.ended(t, "data").Status, missions.Failed)
	b.create(t, api.MissionSpec{ID: "cancelled"})
	c.err.await(t, "cancelled: started", 1)
	b.ok(t, "missions", "cancel", "cancelled")
	awaitDirs(t, dir, "flow")
	b.signal(t, "flow", "go", "")
	m := b.ended(t, "flow")
	equal(t, "result", string(m.Result)+string(m.Error), fmt.Sprintf("%q", filepath.Join(dir, "flow")+" 1 2 3 "))
	awaitDirs(t, dir, "")
}

// Directories that no program has used for long are removed, also those that an agent left
// half removed. Those of other missions are not, nor is what is not a mission's.
func TestUnusedWorkingDirectoriesAreRemoved(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	dir := t.TempDir()
	b.agentWith(t, []string{"--workdir", dir}, "true") // marks it
	for _, name := range []string{"old/sub", "new", ".removed-x/y", "not a mission"} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	longAgo := time.Now().Add(-time.Hour)
	for _, name := range []string{"old", "not a mission", "file"} {
		must(t, os.Chtimes(filepath.Join(dir, name), longAgo, longAgo))
	}
	second := b.start(t, "agent", "run", "--type", "t", "--id", "w2", "--workdir", dir, "--workdir-keep", "30m", "--", "true")
	second.err.await(t, "Agent w2 works on", 1)
	awaitDirs(t, dir, "file new not a mission")
}

// A directory with something else in it is not used, and nothing in it is touched.
func TestAWorkingDirectoryMustBeItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "home"), 0o700))
	file := filepath.Join(dir, "file")
	must(t, os.WriteFile(file, nil, 0o600))
	for flag, want := range map[string]string{
		dir:                      "--workdir: " + dir + " cannot be used: it is not empty, and was not made by --workdir",
		file:                     "--workdir: " + file + " cannot be used: ",
		filepath.Join(file, "x"): "--workdir: " + filepath.Join(file, "x") + " cannot be used: ",
	} {
		code, _, stderr := runIn(t, nil, "agent", "run", "--type", "t", "--workdir", flag, "--", "true")
		equal(t, "exit code", code, 2)
		contains(t, stderr, want)
	}
	code, _, stderr := runIn(t, nil, "agent", "run", "--type", "t", "--workdir-keep", "never", "--", "true")
	equal(t, "exit code", code, 2)
	contains(t, stderr, "--workdir-keep: ")
	equal(t, "entries", dirsIn(t, dir), "file home")
}

// Two programs never run in a directory at once: that of a mission whose lease was lost ends
// before the next one begins, also if agents share the directory.
func TestAWorkingDirectoryIsOnePrograms(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	dir, path := t.TempDir(), fifo(t)
	file := holders(t, path)
	script := fmt.Sprintf(`[ $MISSION_TURN != 1 ] && { [ -e ended ] && echo '"alone"'; exit; }
trap 'sleep 0.2; echo > ended; exit' TERM; exec 9>%s; echo up >&9; while :; do sleep 0.01; done`, path)
	run := []string{"agent", "run", "--type", "t", "--workdir", dir, "--id"}
	first := newCall(map[string]string{"NATS_URL": b.url})
	first.cli.worker.Grace = testTimeout
	first.start(t, slices.Concat(run, []string{"w1", "--", "sh", "-c", script})...)
	two, timeout := 2, 1.0
	b.create(t, api.MissionSpec{ID: "m1", MaxAttempts: &two, TimeoutSeconds: &timeout, RetryPolicy: &missions.RetryOptions{FirstSeconds: ptr(0.0)}})
	awaitLine(t, first, file)
	b.start(t, slices.Concat(run, []string{"w2", "--", "sh", "-c", script})...)
	m := b.ended(t, "m1")
	equal(t, "result", string(m.Result)+string(m.Error), `"alone"`)
}
