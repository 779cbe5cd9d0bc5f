package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func TestWhatAMissionWaitsForIsTypedAndShown(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "build it", "--id", "build", "--type", "t")
	b.ok(t, "missions", "create", "test it", "--batch", "tests-7", "--id", "test", "--type", "t")
	equal(t, "create", b.ok(t, "missions", "create", "deploy it", "--id", "deploy", "--after", "build,batch:tests-7:ended", "--after", "signal:approved",
		"--prompt", "To production?", "--choice", "yes", "--choice", "no, later", "--after-timeout", "1h", "--on-unmet", "fail", "--type", "u",
		"--max-usage", "usd=5,tokens=20000", "--on-exceeded", "ask", "--retry", "first=1s,factor=3,max=5m,jitter=0", "--batch", "out", "--close-batch"),
		"Created mission deploy\n")
	b.ok(t, "missions", "create", "watch it", "--id", "watch", "--parent", "deploy", "--detached", "--after", "deploy:ended")
	m, err := b.client.Get(t.Context(), "deploy")
	must(t, err)
	since, until := m.WaitingSince.Time(), m.WaitingUntil.Time()
	equal(t, "limit", until.Sub(since), time.Hour)
	card := b.ok(t, "missions", "get", "deploy")
	equal(t, "card", card, strings.NewReplacer("SINCE", since.Format(time.DateTime), "UNTIL", until.Format(time.DateTime)).Replace(`Mission deploy

           Name: deploy it
           Type: u
       Priority: NORMAL
          Batch: out

         Status: PENDING
          Waits: for signal approved and 2 more; send it: supervisor missions signal deploy approved DATA, or answer in: supervisor missions inbox; at UNTIL it fails
     Conditions: ○ mission build
                 ○ batch tests-7 to end
                 ○ signal approved: "To production?" (yes, no, later)
        Attempt: 0 of 3
          Usage: 0 of 20,000 tokens (0 %), 0 of 5 usd (0 %); beyond that, it asks
          Retry: first=1.00s,factor=3,max=5m00s,jitter=0

        Created: SINCE
  Waiting since: SINCE
  Waiting until: UNTIL
`))
	contains(t, b.ok(t, "missions", "get", "watch"), "Parent: deploy (detached)\n", "Waits: for mission deploy\n", "Conditions: ○ mission deploy to end\n")
	contains(t, b.ok(t, "missions", "list"), " waits_for_signal_approved_and_2_more ", " waits_for_mission_deploy ")
	for filter, ids := range map[string]string{
		"--waiting signal": "deploy\n", "--waiting batch": "deploy\n", "--waiting mission": "watch\ndeploy\n", "--waiting time": "",
		"--parent deploy": "watch\n", "--batch tests-7": "test\n", "--batch none": "",
	} {
		equal(t, filter, b.ok(t, append([]string{"missions", "list", "-o", "name"}, strings.Fields(filter)...)...), ids)
	}
	b.refused(t, 2, "--waiting must be one of mission, batch, signal, limit, time", "missions", "list", "--waiting", "long")
	equal(t, "signal", b.ok(t, "missions", "signal", "deploy", "approved", "yes", "--id", "s1"), "Mission deploy waited for the signal approved and has it now (signal 1)\n")
	contains(t, b.ok(t, "missions", "get", "deploy"), "Waits: for mission build and 1 more; at ", "✓ signal approved", `Signals: 1 approved "yes" from supervisor-cli (unproven) at `)
	b.finish(t, "build", false)
	_, err = b.client.Wait(t.Context(), "deploy")
	must(t, err)
	contains(t, b.ok(t, "missions", "get", "deploy"), "Status: FAILED", "Waited for: ✗ mission build, FAILED\n")
}

func TestASignalSaysWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "job", "--id", "job", "--type", "t", "--max-usage", "usd=1", "--on-exceeded", "ask")
	equal(t, "stored", b.ok(t, "missions", "signal", "job", "note", "two words"), "Mission job does not wait for the signal note yet; it is stored (signal 1)\n")
	by, lease := b.taken(t)
	equal(t, "running", b.ok(t, "missions", "signal", "job", "steer", `{"focus": "tests"}`, "--id", "s-1"),
		"Mission job is running; its agent is told of the signal steer (signal 2)\n")
	equal(t, "again", b.ok(t, "missions", "signal", "job", "steer", `{"focus": "tests"}`, "--id", "s-1", "--json"), `{"seq":2,"delivered":"running"}`+"\n")
	_, err := by.Heartbeat(t.Context(), api.HeartbeatRequest{Running: &[]api.Held{{LeaseRef: lease, Seen: 2}}})
	must(t, err)
	must(t, by.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Report: api.Report{
		Checkpoint: json.RawMessage(`{"step":3}`), Usage: missions.Usage{"usd": 1.5}}}))
	card := b.ok(t, "missions", "get", "job")
	contains(t, card, "Waits: for signal budget; send it: ", "Usage: 1.5 of 1 usd (150 %); beyond that, it asks\n", `Checkpoint: {"step":3}`+"\n",
		`Signals: 1 note "two words" from supervisor-cli (unproven) at `, `2 steer {"focus":"tests"} from supervisor-cli`, ", seen by w1 at ")
	b.refused(t, 2, "--id may contain only letters, digits, _ and -", "missions", "signal", "job", "budget", "usd=10", "--id", "a b")
	equal(t, "budget", b.ok(t, "missions", "signal", "job", "budget", "usd=10"), "Mission job waited for the signal budget and has it now (signal 3)\n")
	contains(t, b.ok(t, "missions", "get", "job"), "Waited for: ✓ signal budget", "Usage: 1.5 of 10 usd (15 %)")
	b.ok(t, "missions", "cancel", "job")
	code, _, stderr := b.run(t, "missions", "signal", "job", "steer")
	equal(t, "exit code for an ended mission", code, 1)
	contains(t, stderr, "CANCELLED")
	b.refused(t, 1, `there is no mission "none"`, "missions", "signal", "none", "steer")
}

func TestARetryMayBeFreshAndIncludeDependents(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "build", "--id", "build", "--type", "t")
	b.ok(t, "missions", "create", "deploy", "--id", "deploy", "--after", "build", "--type", "u")
	by, lease := b.taken(t)
	half := 50.0
	must(t, by.Progress(t.Context(), api.ProgressRequest{LeaseRef: lease, Percent: &half, Report: api.Report{Checkpoint: json.RawMessage(`"kept"`)}}))
	final := false
	must(t, by.Fail(t.Context(), api.Failure{LeaseRef: lease, Error: "broken", Retryable: &final}))
	_, err := b.client.Wait(t.Context(), "deploy")
	must(t, err)
	b.ok(t, "missions", "retry", "build")
	contains(t, b.ok(t, "missions", "get", "build"), `Checkpoint: "kept"`)
	contains(t, b.ok(t, "missions", "get", "deploy"), "Status: CANCELLED")
	by, lease = b.taken(t)
	must(t, by.Fail(t.Context(), api.Failure{LeaseRef: lease, Error: "broken", Retryable: &final}))
	equal(t, "retry", b.ok(t, "missions", "retry", "build", "--fresh", "--dependents"), "Requeued mission build (build)\n")
	if card := b.ok(t, "missions", "get", "build"); strings.Contains(card, "Checkpoint") {
		t.Errorf("a fresh retry keeps the checkpoint:\n%s", card)
	}
	deploy := b.start(t, "missions", "get", "deploy", "--watch") // until it is back, too
	deploy.out.await(t, "Waits: for mission build\n", 1)
}

func TestBatches(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	_, stdout, note := b.run(t, "batches")
	equal(t, "none", stdout+note, "No batches. Create missions with: supervisor missions create --batch ID\n")
	file := filepath.Join(t.TempDir(), "tests.jsonl")
	var lines strings.Builder
	for i := range 1500 { // two requests
		fmt.Fprintf(&lines, `{"id":"t%d","name":"test %d","type":"t"}`+"\n", i, i)
	}
	lines.WriteString(`{"id":"tell","name":"tell","type":"u","batch":"end","after":[{"batch":"tests","when":"ended"}]}` + "\n")
	must(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	code, _, stderr := b.run(t, "missions", "create", "--file", file, "--batch", "tests", "--close-batch")
	equal(t, "exit code", code, 0)
	contains(t, stderr, "Created 1,501 missions, 0 already existed, 0 failed")
	batch, err := b.client.Batch(t.Context(), "tests")
	must(t, err)
	created := batch.CreatedAt.Time().Format(time.DateTime)
	equal(t, "get", b.ok(t, "batches", "get", "tests"), `Batch tests

      State: closed
   Missions: 1,500
    Pending: 1,500
    Running: 0
  Completed: 0
     Failed: 0
  Cancelled: 0

    Created: `+created+"\n")
	equal(t, "close", b.ok(t, "batches", "close", "empty"), "Closed batch empty (0 missions, ended)\n")
	equal(t, "names", b.ok(t, "batches", "list", "-o", "name"), "empty\nend\ntests\n")
	_, stdout, note = b.run(t, "batches", "--limit", "2")
	contains(t, stdout, "ID     State   Missions  Pending  Running  Completed  Failed  Cancelled  Created", "end    closed  1         1 ")
	contains(t, note, "Showing 2; continue with --cursor ")
	cursor := strings.TrimSpace(strings.TrimPrefix(note, "Showing 2; continue with --cursor "))
	equal(t, "continued", b.ok(t, "batches", "--cursor", cursor, "-o", "name"), "tests\n")
	b.refused(t, 1, `there is no batch "none"`, "batches", "get", "none")

	// A line that fails keeps its batch open.
	must(t, os.WriteFile(file, []byte(`{"name":"good","batch":"open"}`+"\n"+`{"name":"bad","batch":"open","after":[{"mission":"none"}]}`+"\n"), 0o600))
	code, _, stderr = b.run(t, "missions", "create", "--file", file, "--close-batch")
	equal(t, "exit code", code, 1)
	contains(t, stderr, file+`:2: after[0].mission there is no mission "none"`+"\n",
		"1 batch was not closed, because of what failed; once that is created: supervisor batches close open\n")
	contains(t, b.ok(t, "batches", "get", "open"), "State: open\n", "Missions: 1\n")

	// Lines that wait for each other in a circle are refused together.
	must(t, os.WriteFile(file, []byte("\n"+`{"id":"a","name":"a","after":[{"mission":"b"}]}`+"\n"+`{"id":"b","name":"b","after":[{"mission":"a"}]}`+"\n"), 0o600))
	code, _, stderr = b.run(t, "missions", "create", "--file", file)
	equal(t, "exit code", code, 2)
	contains(t, stderr, file+`:3: after[0].mission is part of a cycle: "a" waits for "b" as well; the missions of lines 2 to 3 were not created`+"\n")
}

func TestSourcesThatDoNotExistAreNamedByTheirFlag(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.refused(t, 2, `--after: there is no mission "none"`, "missions", "create", "n", "--after", "none")
	b.refused(t, 2, `--after: there is no batch "none"`, "missions", "create", "n", "--after", "batch:none")
	b.refused(t, 2, `--parent: there is no mission "none"`, "missions", "create", "n", "--parent", "none")
	b.ok(t, "batches", "close", "full")
	code, _, stderr := b.run(t, "missions", "create", "n", "--batch", "full")
	if code == 0 || !strings.HasPrefix(stderr, "supervisor: ") {
		t.Errorf("a mission for a closed batch: exit code %d, %s", code, stderr)
	}
}

func TestAGraphIsDrawn(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.ok(t, "missions", "create", "build", "--id", "build", "--type", "t")
	b.ok(t, "missions", "create", "test", "--id", "test", "--batch", "tests", "--after", "build")
	b.ok(t, "missions", "create", "deploy", "--id", "deploy", "--after", "build,batch:tests", "--after", "signal:approved", "--prompt", "Deploy?")
	b.ok(t, "missions", "create", "tell", "--id", "tell", "--after", "deploy:ended", "--parent", "deploy")
	code, stdout, note := b.run(t, "missions", "graph", "deploy")
	equal(t, "exit code", code, 0)
	equal(t, "graph", stdout, `   ┌─ build  see below
┌─ test  PENDING waits  test  (batch tests)
├─ build  PENDING  build
├─ ○ signal approved: "Deploy?"
deploy  PENDING waits  deploy
└─ tell  PENDING waits  tell  (child)
`)
	equal(t, "note", note, "4 missions: 4 PENDING\n")
	b.ok(t, "missions", "create", "alone", "--id", "alone")
	_, stdout, note = b.run(t, "missions", "graph", "alone")
	equal(t, "alone", stdout+note, "alone  PENDING  alone\nIt waits for no other mission, and none waits for it.\n")
	b.refused(t, 1, `there is no mission "none"`, "missions", "graph", "none")
}
