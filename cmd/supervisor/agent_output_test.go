//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/eventually"
)

// awaitMission returns a mission when it is as wanted.
func (h *testbed) awaitMission(t *testing.T, id string, wanted func(m *missions.Mission) bool) missions.Mission {
	t.Helper()
	var m missions.Mission
	is := func() string {
		return fmt.Sprintf("mission %s is %s at attempt %d with the progress %+v and the error %s", id, m.Status, m.Attempt, m.Progress, m.Error)
	}
	eventually.Holds(t, func() bool {
		var err error
		m, err = h.client.Get(t.Context(), id)
		must(t, err)
		holds := wanted(&m)
		if !holds && (m.Status == missions.Failed || m.Attempt > 1) {
			t.Fatal(is())
		}
		return holds
	}, is)
	return m
}

// until returns shell code that waits for a file, and a function that creates it.
func until(t *testing.T) (script string, open func()) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "gate")
	return fmt.Sprintf("while [ ! -e %s ]; do sleep 0.05; %%s; done", path), func() { must(t, os.WriteFile(path, nil, 0o600)) }
}

// Whatever a program writes shows that it works, so that its mission does not stall.
func TestOutputIsProgress(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]string{
		"standard output": `printf .`, "carriage returns": `printf 'still\r' >&2`, "dots": `printf . >&2`, "lines": `echo line >&2`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTestbed(t)
			wait, open := until(t)
			b.agentOf(t, fmt.Sprintf(wait, write))
			b.create(t, api.MissionSpec{ID: "m1", StallSeconds: 3})
			b.awaitMission(t, "m1", func(m *missions.Mission) bool {
				return m.Progress != nil && m.UpdatedAt.Time().Sub(m.StartedAt.Time()) > 4*time.Second || name == "lines" && len(b.logOf(t, "m1")) > 80
			})
			open()
			m := b.ended(t, "m1")
			equal(t, "status", m.Status, missions.Completed)
			equal(t, "attempt", m.Attempt, 1)
		})
	}
}

// A bar that redraws its line is shown as progress, with its percentage, and logged in its
// last form only.
func TestABarIsProgress(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	wait, open := until(t)
	b.agentOf(t, `printf '\033[32m 10%% of it\r\033[K 42.5%% of it\r' >&2; `+fmt.Sprintf(wait, ":")+`; printf '100%% of it\r\nthe end\n' >&2`)
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.awaitMission(t, "m1", func(m *missions.Mission) bool { return m.Progress != nil })
	equal(t, "percent", m.Progress.Percent, 42.5)
	equal(t, "message", m.Progress.Message, "42.5% of it")
	open()
	equal(t, "status", b.ended(t, "m1").Status, missions.Completed)
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"), "info 100% of it\ninfo the end")
}

// A prompt, which ends no line, is shown. There is no terminal to ask at, so that a program
// that must ask fails rather than waits.
func TestAPromptIsShown(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	wait, open := until(t)
	b.agentOf(t, `(: < /dev/tty) 2>/dev/null && echo "there is a terminal" >&2; printf 'Continue? [y/N] ' >&2; `+fmt.Sprintf(wait, ":"))
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.awaitMission(t, "m1", func(m *missions.Mission) bool { return m.Progress != nil })
	equal(t, "message", m.Progress.Message, "Continue? [y/N]")
	open()
	equal(t, "status", b.ended(t, "m1").Status, missions.Completed)
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"), "info Continue? [y/N] ")
}

// What is JSON but for a detail becomes a string, and the log says why.
func TestResultsThatAreAlmostJSONAreLogged(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.agentOf(t, `case $MISSION_ID in
nan) echo '{"a": NaN}';;
twice) echo '{"a":1,"a":2}';;
two) echo '[1] [2]';;
latin) printf '{"file":"caf\351"}';;
bytes) printf 'caf\351';;
text) echo 'plain text';;
json) echo '{"a":1}';;
esac`)
	for id, want := range map[string][]string{
		"nan":   {"warn the standard output begins like JSON, but is not valid JSON, so the result is a string: ", "invalid character 'N'"},
		"twice": {"duplicate object member name"},
		"two":   {"there is more after the value that ends at byte 3"},
		"latin": {"begins like JSON", "bytes that are not UTF-8"},
		"bytes": {"bytes that are not UTF-8"},
		"text":  nil,
		"json":  nil,
	} {
		b.create(t, api.MissionSpec{ID: id})
		equal(t, id+" status", b.ended(t, id).Status, missions.Completed)
		log := b.logOf(t, id)
		contains(t, strings.Join(log, "\n"), want...)
		if want == nil && len(log) > 0 {
			t.Errorf("%s: %q", id, log)
		}
	}
}

// Programs do not get what the agent signs in with.
func TestProgramsDoNotInheritCredentials(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "geheim")
	t.Setenv("NATS_CREDS", "/secret")
	t.Setenv("OTHER", "stays")
	b := newTestbed(t)
	b.agentOf(t, `env`)
	b.create(t, api.MissionSpec{ID: "m1"})
	result := string(b.ended(t, "m1").Result)
	contains(t, result, "OTHER=stays", "MISSION_ID=m1")
	if strings.Contains(result, "NATS_") {
		t.Errorf("the program was given %s", result)
	}
}

// An agent's line that looks like a change of status is shown as the agent's, and a
// cancelled mission says why and by whom it was cancelled.
func TestTheLogSaysWhoWroteIt(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	wait, open := until(t)
	b.agentOf(t, `echo 'RUNNING → CANCELLED: cancelled by the operator' >&2; `+fmt.Sprintf(wait, ":"))
	b.create(t, api.MissionSpec{ID: "m1"})
	eventually.Holds(t, func() bool { return strings.Contains(b.ok(t, "missions", "log", "m1"), "by the operator") },
		func() string { return "the line is not logged" })
	b.ok(t, "missions", "cancel", "m1", "--reason", "too late")
	open()
	log := b.ok(t, "missions", "log", "m1")
	contains(t, log, "info  | RUNNING → CANCELLED: cancelled by the operator\n", "info  RUNNING → CANCELLED: cancelled by supervisor-cli: too late\n")
	contains(t, b.ok(t, "missions", "get", "m1"), "This mission was cancelled by supervisor-cli: too late\n")
	reply, err := b.client.Log(t.Context(), api.LogRequest{ID: "m1"})
	must(t, err)
	var authors []missions.Author
	for _, entry := range reply.Log {
		authors = append(authors, entry.By)
	}
	equal(t, "authors", fmt.Sprint(authors), "[supervisor supervisor agent supervisor]")
}
