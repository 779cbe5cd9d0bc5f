//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// agentWith is agentOf with more flags.
func (h *testbed) agentWith(t *testing.T, flags []string, script string) *call {
	t.Helper()
	args := slices.Concat([]string{"agent", "run", "--type", "t", "--id", "w1", "--concurrency", "2"}, flags, []string{"--", "sh", "-c", script})
	c := h.start(t, args...)
	c.err.await(t, "Agent w1 works on missions of type t, 2 at once, at "+h.url+".", 1)
	return c
}

// With --log-stdout, what a program prints is its log, in the order in which it was printed,
// and its result is what it reports.
func TestStandardOutputCanBeLogged(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentWith(t, []string{"--log-stdout"}, `echo '{"a":1}'; case $MISSION_ID in
reported) echo 'result {"b":2}' >&$MISSION_FD;;
long) head -c 600000 /dev/zero | tr '\0' x;;
fails) echo 'why' >&2; echo 'buffered'; exit 3;;
says) echo 'only there'; exit 4;;
esac`)
	for id, want := range map[string]string{
		"plain":    "COMPLETED|null|info {\"a\":1}",
		"reported": "COMPLETED|{\"b\":2}|info {\"a\":1}",
		"long":     "COMPLETED|null|info {\"a\":1}\ninfo " + strings.Repeat("x", 4093) + " … " + strings.Repeat("x", 4093),
	} {
		b.create(t, api.MissionSpec{ID: id})
		m := b.ended(t, id)
		equal(t, id, fmt.Sprintf("%s|%s|%s", m.Status, m.Result, strings.Join(b.logOf(t, id), "\n")), want)
	}
	for id, want := range map[string]string{"fails": "exit status 3: why", "says": "exit status 4: only there\nits last lines:\n{\"a\":1}\nonly there"} {
		b.create(t, api.MissionSpec{ID: id})
		equal(t, id, string(b.ended(t, id).Error), want)
	}
}

// With --directives, a program reports among the lines that are logged. What is no directive
// is logged as it is, and what is a bad one is a warning.
func TestDirectivesAmongTheLinesOfTheLog(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	wait, open := until(t)
	b.agentWith(t, []string{"--directives", "--log-stdout"}, `echo "::progress 50 half of it"
printf '::usage usd=0.25\r\n' >&2; echo '::checkpoint {"step":1}' >&2
printf '::checkpoint {"step":2,"text":"'; head -c 20000 /dev/zero | tr '\0' x; echo '"}'
`+fmt.Sprintf(wait, ":")+`
echo '::group::step'; echo '::' ; echo 'say ::progress 60'; echo ':: progress 70'; echo '::progresses 80'
echo '::progress much'; echo '::checkpoint {'; printf '::result "'; head -c 600000 /dev/zero | tr '\0' x; echo '"'
echo '::result 1'; printf '::result {"ok": true}'`)
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.awaitMission(t, "m1", func(m *missions.Mission) bool {
		return m.Progress != nil && len(m.Checkpoint) > 20000 && m.Flow != nil && m.Flow.Usage["usd"] == 0.25
	})
	equal(t, "progress", fmt.Sprint(m.Progress.Percent, " ", m.Progress.Message), "50 half of it")
	open()
	m = b.ended(t, "m1")
	equal(t, "status", string(m.Status)+string(m.Error), "COMPLETED")
	equal(t, "result", string(m.Result), `{"ok":true}`)
	log := b.logOf(t, "m1")
	equal(t, "log", strings.Join(log[:min(7, len(log))], "\n"), `info ::group::step
info ::
info say ::progress 60
info :: progress 70
info ::progresses 80
warn ignored what the program reported: progress needs a percentage from 0 to 100: ::progress much
warn ignored what the program reported: checkpoint needs JSON, on one line: ::checkpoint {`)
	equal(t, "entries", len(log), 8)
	contains(t, log[7], "warn ignored what the program reported: it is longer than 576 KiB: ::result ")
}

// Without --directives, a program's log is nothing but its log.
func TestDirectivesAreOffByDefault(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentOf(t, `echo '::park {"after":[{"signal":"never"}]}' >&2; echo '::usage usd=1'`)
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.ended(t, "m1")
	equal(t, "result", string(m.Result), `"::usage usd=1"`)
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"), `info ::park {"after":[{"signal":"never"}]}`)
}

// A reported result replaces the printed one, and neither counts if the mission is parked.
func TestAReportedResultReplacesTheOutput(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentOf(t, `echo printed; echo '::result [1]' >&3; echo 'result {"a":' >&3; case $MISSION_ID$MISSION_TURN in parked1) echo '::park {}' >&3;; fails*) exit 1;; esac`)
	for id, want := range map[string]string{
		"m1": "COMPLETED [1] warn the standard output is dropped, because the program has reported a result",
		"parked": "COMPLETED [1] warn the reported result is dropped, because the mission is parked\n" +
			"warn the standard output is dropped, because the mission is parked\n" +
			"warn the standard output is dropped, because the program has reported a result",
		"fails": "FAILED null ",
	} {
		b.create(t, api.MissionSpec{ID: id})
		m := b.ended(t, id)
		log := slices.DeleteFunc(b.logOf(t, id), func(line string) bool {
			return strings.HasPrefix(line, "warn ignored what the program reported: result needs JSON, on one line: ")
		})
		equal(t, id, fmt.Sprintf("%s %s %s", m.Status, m.Result, strings.Join(log, "\n")), want)
	}
}

// The exit code says whether a failed mission is tried again, and a line says when.
func TestExitCodesAndRetryAfter(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	b.agentOf(t, `case $MISSION_ID in
data) echo bad data >&2; exit 65;;
both) echo retry-after 60 >&3; exit 65;;
busy) [ $MISSION_ATTEMPT = 1 ] || exit 0; echo 429 >&2; echo retry-after 3600 >&3; exit 75;;
soon) [ $MISSION_ATTEMPT = 1 ] || exit 0; echo retry-after x >&3; echo retry-after -1 >&3; echo retry-after 3600 >&3; echo ::retry-after 0 >&3; exit 1;;
well) echo retry-after 60 >&3;;
esac`)
	three := 3
	patient := &missions.RetryOptions{FirstSeconds: ptr(1000.0)}
	for _, id := range []string{"data", "both", "busy", "soon", "well"} {
		b.create(t, api.MissionSpec{ID: id, MaxAttempts: &three, RetryPolicy: patient})
	}
	for id, want := range map[string]string{
		"data": "FAILED 1 exit status 65: bad data", "both": "FAILED 1 exit status 65", "soon": "COMPLETED 2 ", "well": "COMPLETED 1 ",
	} {
		m := b.ended(t, id)
		equal(t, id, fmt.Sprintf("%s %d %s", m.Status, m.Attempt, m.Error), want)
	}
	m := b.awaitMission(t, "busy", func(m *missions.Mission) bool { return m.Status == missions.Pending && m.Attempt == 1 })
	equal(t, "error", string(m.Error), "exit status 75: 429")
	if wait := m.NextAttemptAt.Time().Sub(m.UpdatedAt.Time()); wait < 59*time.Minute || wait > time.Hour {
		t.Errorf("it waits %s", wait)
	}
	equal(t, "warnings", strings.Join(b.logOf(t, "soon")[:2], "\n"),
		"warn ignored what the program reported: retry-after needs a number of seconds: retry-after x\n"+
			"warn ignored what the program reported: retry_after_seconds must be between 0 and 31622400: retry-after -1")
}

// The example that the conformance kit is tried with does what the missions say.
func TestTheProgramForTheConformanceKit(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := b.start(t, "agent", "run", "--type", "t", "--id", "w1", "--concurrency", "2", "--", "../../docs/examples/check.sh")
	two := 2
	soon := &missions.RetryOptions{FirstSeconds: ptr(0.0)}
	data := map[string]string{
		"result": `{"work_seconds":0.01,"result":{"a":[1]}}`, "nothing": `{}`, "text": `{"result":"a b"}`,
		"fails": `{"fail":"it broke"}`, "permanent": `{"fail":"bad data","permanent":true}`, "long": `{"work_seconds":1000}`,
	}
	for id, text := range data {
		b.create(t, api.MissionSpec{ID: id, Data: json.RawMessage(text), MaxAttempts: &two, RetryPolicy: soon})
	}
	for id, want := range map[string]string{
		"result": `COMPLETED 1 {"a":[1]} `, "nothing": "COMPLETED 1 null ", "text": `COMPLETED 1 "a b" `,
		"fails": "FAILED 2 null exit status 1: it broke", "permanent": "FAILED 1 null exit status 65: bad data",
	} {
		m := b.ended(t, id)
		equal(t, id, fmt.Sprintf("%s %d %s %s", m.Status, m.Attempt, m.Result, m.Error), want)
	}
	c.err.await(t, "long: started", 1)
	b.ok(t, "missions", "cancel", "long")
	c.err.await(t, ": the mission was cancelled", 1)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

func ptr[T any](v T) *T { return &v }
