//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// signal sends a signal to a mission.
func (h *testbed) signal(t *testing.T, id, name, data string) {
	t.Helper()
	request := api.SignalRequest{ID: id, Name: name}
	if data != "" {
		request.Data = json.RawMessage(data)
	}
	_, err := h.client.Signal(t.Context(), request)
	must(t, err)
}

// waiting returns a mission once it waits.
func (h *testbed) waiting(t *testing.T, id string) missions.Mission {
	t.Helper()
	return h.awaitMission(t, id, func(m *missions.Mission) bool { return m.Flow != nil && len(m.WaitingFor) > 0 })
}

// A program reports by name, as any language can, and by descriptor, and its mission has it.
func TestAProgramReports(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	wait, open := until(t)
	b.agentOf(t, `echo "progress 12.5% a  bit of it" >> "$MISSION_REPORT"
echo 'checkpoint {"step": 1}' >&$MISSION_FD
exec 3>&- # from here on, only the name is left
(echo 'usage usd=0.25 input_tokens=1200'; echo usage usd=0.5) > "$MISSION_REPORT"
printf 'checkpoint   { "step" : 2 }\r\n\n' >> "$MISSION_REPORT"
`+fmt.Sprintf(wait, ":")+`
printf 'usage usd=0.25' >> "$MISSION_REPORT"; echo 7`)
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.awaitMission(t, "m1", func(m *missions.Mission) bool {
		return m.Progress != nil && string(m.Checkpoint) == `{"step":2}` && m.Flow != nil && m.Flow.Usage["usd"] == 0.75
	})
	equal(t, "percent", m.Progress.Percent, 12.5)
	equal(t, "message", m.Progress.Message, "a  bit of it")
	open()
	m = b.ended(t, "m1")
	equal(t, "status", string(m.Status)+string(m.Error), "COMPLETED")
	equal(t, "result", string(m.Result), "7")
	equal(t, "usage", fmt.Sprint(m.Flow.Usage), "map[input_tokens:1200 usd:1]")
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"), "")
}

// Lines that say nothing are ignored, with a warning in the mission's log, and spoil nothing.
func TestBadReportsAreIgnored(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentOf(t, `{ echo 'hello'; echo 'progress half'; echo 'progress 101'; echo 'progress'; echo 'checkpoint {"a":'; echo 'checkpoint'
echo 'usage usd'; echo 'usage'; echo 'usage usd=1 US$=1'; echo 'usage usd=-1'; echo 'usage usd=NaN'
echo 'park'; echo 'park [1]'; echo 'park {"afer":[]}'; echo 'park {"after":[{"signal":"a b"}]}'; echo 'park {"after":[{"signal":"a","choices":["x","x"]}]}'
printf 'checkpoint "'; head -c 65536 /dev/zero | tr '\0' x; echo '"'
head -c 600000 /dev/zero | tr '\0' x; echo
printf 'nul\000 bad\377\n'; echo 'usage usd=2'; } >> "$MISSION_REPORT"
echo '"done"'`)
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.ended(t, "m1")
	equal(t, "status", string(m.Status)+string(m.Error), "COMPLETED")
	equal(t, "usage", fmt.Sprint(m.Flow.Usage), "map[usd:2]")
	log := b.logOf(t, "m1")
	equal(t, "warnings", len(log), 19)
	for _, line := range log {
		if !strings.HasPrefix(line, "warn ignored what the program reported: ") || len(line) > 400 {
			t.Errorf("%q", line)
		}
	}
	contains(t, strings.Join(log, "\n"),
		"reported: a line begins with progress, checkpoint, usage, park, result or retry-after: hello",
		"reported: progress needs a percentage from 0 to 100: progress half",
		"reported: checkpoint needs JSON, on one line: checkpoint {\"a\":",
		"reported: usage needs UNIT=NUMBER, not usd: usage usd",
		"reported: park: unknown field \"afer\"", "reported: after[0].choices[1] is empty or repeated",
		"reported: checkpoint is larger than 64 KiB", "reported: it is longer than 576 KiB")
}

// A program gets what its mission carries, parks it, and is started again with the answer.
func TestAProgramParksItsMission(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := b.agentOf(t, `if [ $MISSION_TURN = 1 ]; then
  [ ! -e "$MISSION_CHECKPOINT" ] && [ ! -s "$MISSION_SIGNALS" ] && [ "$(cat "$MISSION_INPUTS")" = '{}' ] || exit 9
  echo 'checkpoint {"step":4}' >> "$MISSION_REPORT"
  echo 'park {"after_timeout_seconds":0.01}' >> "$MISSION_REPORT"
  echo 'park {"after":[{"signal":"approved","prompt":"Deploy?","choices":["yes","no"]}],"after_timeout_seconds":60}' >> "$MISSION_REPORT"
  echo "not a result"; exit 0
fi
[ -z "${MISSION_TIMED_OUT+x}" ] || exit 8
jq -c --slurpfile c "$MISSION_CHECKPOINT" '[env.MISSION_TURN, env.MISSION_ATTEMPT, $c[0].step, .seq, .name, .data]' "$MISSION_SIGNALS"`)
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.waiting(t, "m1")
	equal(t, "prompt", m.WaitingFor[0].Prompt, "Deploy?")
	equal(t, "attempts", m.Attempt, 0)
	if m.WaitingUntil == 0 {
		t.Error("the wait has no limit")
	}
	c.err.await(t, ", parked until signal approved for 1m0s\n", 1)
	b.signal(t, "m1", "approved", `"yes"`)
	m = b.ended(t, "m1")
	equal(t, "status", string(m.Status)+string(m.Error), "COMPLETED")
	equal(t, "result", string(m.Result), `["2","1",4,1,"approved","yes"]`)
	if m.Signals[0].SeenAt == 0 {
		t.Error("the answer was not seen")
	}
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"), "warn the standard output is dropped, because the mission is parked")
}

// A parking counts only if the program ends well, and a program sees that its time was up.
func TestAProgramThatFailsDoesNotPark(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentOf(t, `echo 'park {"after":[{"signal":"never"}],"after_timeout_seconds":0.05}' >> "$MISSION_REPORT"
case $MISSION_TURN in 1) exit 3;; 3) echo "$MISSION_TIMED_OUT" >&2; echo 'park {"after":[{"mission":"nowhere"}]}' >> "$MISSION_REPORT";; esac`)
	two := 2
	b.create(t, api.MissionSpec{ID: "m1", MaxAttempts: &two})
	m := b.ended(t, "m1")
	equal(t, "status", m.Status, missions.Failed)
	equal(t, "turns", m.Turn, 3)
	contains(t, string(m.Error), "the mission cannot wait: ", "after[0].mission")
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"), "info 1")
}

// Signals that come while a program runs are appended for it, which is the receipt.
func TestSignalsReachAProgram(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentOf(t, `tail -n +1 -f "$MISSION_SIGNALS" | while read -r line; do
  echo "$line" | jq -r '.name + " " + (.data | tostring)' >&2
  case $line in *'"stop"'*) exit;; esac
done`)
	b.create(t, api.MissionSpec{ID: "m1", NotBefore: missions.At(time.Now().Add(200 * time.Millisecond))})
	b.signal(t, "m1", "early", `{"n":1}`)
	b.awaitMission(t, "m1", func(m *missions.Mission) bool { return m.Status == missions.Running })
	b.signal(t, "m1", "steer", `"left"`)
	m := b.awaitMission(t, "m1", func(m *missions.Mission) bool { return m.Signals[1].SeenAt != 0 })
	equal(t, "seen by", m.Signals[0].SeenBy+m.Signals[1].SeenBy, "w1w1")
	b.signal(t, "m1", "stop", "")
	equal(t, "status", b.ended(t, "m1").Status, missions.Completed)
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"), "info early {\"n\":1}\ninfo steer left\ninfo stop null")
}

// A program gets the results of what its mission has waited for.
func TestInputsReachAProgram(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentOf(t, `[ $MISSION_ID != join ] && exec echo "\"$MISSION_ID\""; jq -c '[.a.status, .a.result, .b1.result.total]' "$MISSION_INPUTS"`)
	results, err := b.client.CreateAll(t.Context(), api.CreateRequest{CloseBatch: true, Missions: []api.MissionSpec{
		{ID: "a", Name: "a", Type: "t"}, {ID: "b", Name: "b", Type: "t", Batch: "b1"},
		{ID: "join", Name: "join", Type: "t", After: []missions.Condition{{Mission: "a"}, {Batch: "b1"}, {Signal: "go"}}},
	}})
	must(t, err)
	for i := range results {
		if results[i].Error != nil {
			t.Fatal(results[i].Error)
		}
	}
	b.signal(t, "join", "go", "")
	m := b.ended(t, "join")
	equal(t, "result", string(m.Result)+string(m.Error), `["COMPLETED","a",1]`)
}

// A process that outlives its program and holds the pipe delays nothing, and nothing of a
// mission's files is left.
func TestNothingIsLeftOfAMissionsFiles(t *testing.T) {
	b := newPatientTestbed(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	path := fifo(t)
	file := holders(t, path)
	b.agentOf(t, fmt.Sprintf(`setsid sh -c 'exec </dev/null >/dev/null 2>&1; echo up >%s; sleep 3' & read word < %s; echo usage usd=1 >&3; dirname "$MISSION_REPORT"`, path, path))
	_ = file
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.ended(t, "m1")
	equal(t, "status", string(m.Status)+string(m.Error), "COMPLETED")
	equal(t, "usage", fmt.Sprint(m.Flow.Usage), "map[usd:1]")
	contains(t, string(m.Result), dir)
	entries, err := os.ReadDir(dir)
	must(t, err)
	equal(t, "files", len(entries), 0)
}

// A machine without room for a mission's files is at fault, and not the mission.
func TestAnAgentWithoutRoomForFilesHandsMissionsBack(t *testing.T) {
	b := newPatientTestbed(t)
	t.Setenv("TMPDIR", "/dev/null")
	c := b.agentOf(t, "echo 1")
	b.create(t, api.MissionSpec{ID: "m1"})
	c.err.await(t, "handed back: cannot create a directory for the mission's files; set TMPDIR to one that can be written: ", 1)
	c.interrupt()
	c.wait(t)
	m, err := b.client.Get(t.Context(), "m1")
	must(t, err)
	equal(t, "status", m.Status, missions.Pending)
	equal(t, "attempts", m.Attempt, 0)
}

// A program that uses too much is stopped, and says how far it got.
func TestAProgramThatUsesTooMuchIsStopped(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := b.agentOf(t, `[ $MISSION_TURN = 2 ] && exec cat "$MISSION_CHECKPOINT"; echo 'checkpoint {"step":1}' >&3; while :; do echo usage usd=1 >&3; sleep 0.05; done`)
	b.create(t, api.MissionSpec{ID: "m1", MaxUsage: missions.Usage{"usd": 3}, OnExceeded: missions.ExceededAsk})
	m := b.waiting(t, "m1")
	equal(t, "waits for", m.WaitingFor[0].Signal, missions.BudgetSignal)
	c.err.await(t, ": the mission was cancelled\n", 1)
	b.signal(t, "m1", missions.BudgetSignal, `{"usd":1000}`)
	m = b.ended(t, "m1")
	equal(t, "result", string(m.Result)+string(m.Error), `{"step":1}`)
}
