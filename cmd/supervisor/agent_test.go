//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// create creates a mission of type t with one attempt.
func (h *testbed) create(t *testing.T, spec api.MissionSpec) {
	t.Helper()
	if spec.MaxAttempts == nil {
		once := 1
		spec.MaxAttempts = &once
	}
	spec.Name, spec.Type = "job "+spec.ID, "t"
	_, _, err := h.client.Create(t.Context(), spec)
	must(t, err)
}

// ended waits for a mission to end.
func (h *testbed) ended(t *testing.T, id string) missions.Mission {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	m, err := h.client.Wait(ctx, id)
	must(t, err)
	return m
}

// logOf returns the entries that an agent wrote to a mission's log.
func (h *testbed) logOf(t *testing.T, id string) []string {
	t.Helper()
	reply, err := h.client.Log(t.Context(), api.LogRequest{ID: id, Limit: 1000})
	must(t, err)
	var lines []string
	for _, entry := range reply.Log {
		if !strings.Contains(entry.Message, "PENDING") && !strings.Contains(entry.Message, "RUNNING") {
			lines = append(lines, entry.Level+" "+entry.Message)
		}
	}
	return lines
}

// agentOf starts an agent that works on type t with a shell script.
func (h *testbed) agentOf(t *testing.T, script string) *call {
	t.Helper()
	c := h.start(t, "agent", "run", "--type", "t", "--id", "w1", "--concurrency", "2", "--", "sh", "-c", script)
	c.err.await(t, "Agent w1 works on missions of type t, 2 at once, at "+h.url+".", 1)
	return c
}

func TestAgentResults(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	c := b.agentOf(t, `data=$(cat); case $MISSION_ID in
json) echo "$data";;
env) echo "$MISSION_NAME|$MISSION_TYPE|$MISSION_ATTEMPT|$AGENT_ID";;
empty) ;;
blank) echo; echo "  ";;
twice) echo '{"a":1,"a":2}';;
binary) printf 'x\377\033[31m';;
unread) exec 0<&-; echo 7;;
esac`)
	for id, want := range map[string]string{
		"json":   `{"x":[1,2]}`,
		"env":    `"job env|t|1|w1"`,
		"empty":  "null",
		"blank":  "null",
		"twice":  `"{\"a\":1,\"a\":2}"`,
		"binary": "\"x�\\u001b[31m\"",
		"unread": "7",
	} {
		data := json.RawMessage(`{"x":[1,2]}`)
		if id == "unread" {
			data = json.RawMessage(`{"x":"` + strings.Repeat("x", 500<<10) + `"}`) // more than a pipe holds
		}
		b.create(t, api.MissionSpec{ID: id, Data: data})
		m := b.ended(t, id)
		equal(t, id+" status", string(m.Status)+string(m.Error), "COMPLETED")
		equal(t, id+" result", string(m.Result), want)
	}
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.err.String(), " ▶ json job json: started, attempt 1 of 1\n", " ✔ json job json: completed in ")
	agents, err := b.client.Agents(t.Context(), api.AgentsRequest{})
	must(t, err)
	equal(t, "state after Ctrl-C", agents.Agents[0].State, missions.Offline)
}

func TestAgentFailures(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	c := b.agentOf(t, `case $MISSION_ID in
lines) for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "line $i" >&2; done; exit 3;;
one) echo "only line" >&2; exit 4;;
quiet) exit 75;;
signal) kill -9 $$;;
flood) while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done;;
inflated) head -c 400000 /dev/zero | tr '\0' '"';;
esac`)
	three := 3
	for _, want := range []struct{ id, text string }{
		{"lines", "exit status 3: line 12\nits last lines:\nline 3\nline 4\nline 5\nline 6\nline 7\nline 8\nline 9\nline 10\nline 11\nline 12"},
		{"one", "exit status 4: only line"},
		{"quiet", "exit status 75"},
		{"signal", "signal: killed"},
		{"flood", "the command wrote more than 512 KiB to standard output, the maximum size of a result"},
		{"inflated", "the command's output is larger than 512 KiB as a JSON string, the maximum size of a result"},
	} {
		spec := api.MissionSpec{ID: want.id}
		if want.id == "flood" || want.id == "inflated" {
			spec.MaxAttempts = &three // one is enough
		}
		b.create(t, spec)
		m := b.ended(t, want.id)
		equal(t, want.id+" status", m.Status, missions.Failed)
		equal(t, want.id+" error", string(m.Error), want.text)
		equal(t, want.id+" attempts", m.Attempt, 1)
	}
	equal(t, "log entries", len(b.logOf(t, "lines")), 12)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.err.String(), " ✘ quiet job quiet: failed after ", ": exit status 75\n", ": exit status 3: line 12\n")
	log, err := b.client.Log(t.Context(), api.LogRequest{ID: "lines", Limit: 1000})
	must(t, err)
	contains(t, log.Log[len(log.Log)-1].Message, ": exit status 3: line 12")
}

func TestAgentFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.agentOf(t, `[ $MISSION_ATTEMPT = 2 ] && echo '"second time"'`)
	two := 2
	b.create(t, api.MissionSpec{ID: "m1", MaxAttempts: &two})
	m := b.ended(t, "m1")
	equal(t, "status", m.Status, missions.Completed)
	equal(t, "attempt", m.Attempt, 2)
}

func TestAgentLogsWhatIsWrittenToStandardError(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.agentOf(t, `echo first >&2; printf 'crlf\r\n\n' >&2; printf 'nul\000 bad\377\n' >&2
head -c 9000 /dev/zero | tr '\0' y >&2; echo END >&2; printf 'no end' >&2`)
	b.create(t, api.MissionSpec{ID: "m1"})
	equal(t, "status", b.ended(t, "m1").Status, missions.Completed)
	equal(t, "log", strings.Join(b.logOf(t, "m1"), "\n"),
		"info first\ninfo crlf\ninfo nul� bad�\ninfo "+strings.Repeat("y", 4093)+" … "+strings.Repeat("y", 4090)+"END\ninfo no end")
}

// fifo creates a named pipe and returns its path.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	must(t, syscall.Mkfifo(path, 0o600))
	return path
}

// holders opens a named pipe for reading. It reaches the end when every process that has
// it open for writing is gone.
func holders(t *testing.T, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	t.Cleanup(func() { _ = file.Close() })
	must(t, file.SetReadDeadline(time.Now().Add(testTimeout)))
	return file
}

// awaitLine reads a line that a process writes to the pipe.
func awaitLine(t *testing.T, call *call, file *os.File) {
	t.Helper()
	call.err.await(t, "started, attempt", 1) // there is nothing to read before a process opens it for writing
	for buffer := make([]byte, 64); ; {
		n, err := file.Read(buffer)
		if n > 0 {
			return
		}
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
}

// awaitGone returns when no process holds the pipe open.
func awaitGone(t *testing.T, file *os.File) {
	t.Helper()
	if _, err := io.ReadAll(file); err != nil {
		t.Fatalf("a process lives on: %v", err)
	}
}

// stubborn returns a script whose processes, one of them in the background, hold a pipe
// open and ignore SIGTERM.
func stubborn(path string) string {
	return fmt.Sprintf(`trap "" TERM; exec 9>%s; (while :; do sleep 1000; done) & echo up >&9; while :; do sleep 1000; done`, path)
}

func TestAgentStopsTheWholeGroupOnCancel(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	c := b.agentOf(t, stubborn(path))
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, c, file)
	b.ok(t, "missions", "cancel", "m1")
	awaitGone(t, file)
	c.err.await(t, "■ m1 job m1: stopped after ", 1)
	c.err.await(t, ": the mission was cancelled\n", 1)
}

func TestAgentCommandDoesNotOutliveItsTimeout(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	c := b.agentOf(t, stubborn(path))
	timeout := 3.0 // time enough for the command to begin
	b.create(t, api.MissionSpec{ID: "m1", TimeoutSeconds: &timeout})
	awaitLine(t, c, file)
	equal(t, "status", b.ended(t, "m1").Status, missions.Failed)
	awaitGone(t, file)
	c.err.await(t, "the lease was lost", 1)
}

func TestAgentLeavesNothingOfACommandBehind(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	b.agentOf(t, fmt.Sprintf(`exec 9>%s; (while :; do sleep 1000; done) & echo '"early"'`, path))
	b.create(t, api.MissionSpec{ID: "m1"})
	m := b.ended(t, "m1")
	equal(t, "status", m.Status, missions.Completed)
	equal(t, "result", string(m.Result), `"early"`)
	awaitGone(t, file)
}

func TestAgentDrainsOnCtrlC(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	c := b.agentOf(t, fmt.Sprintf(`read word < %s; echo "\"$word\""`, path))
	b.create(t, api.MissionSpec{ID: "m1"})
	gate, err := os.OpenFile(path, os.O_WRONLY, 0) // waits for the script
	must(t, err)
	c.interrupt()
	c.err.await(t, "Stopping: running programs have 30 seconds to finish. Press Ctrl-C again to stop them at once.\n", 1)
	_, err = gate.WriteString("go\n")
	must(t, err)
	must(t, gate.Close())
	equal(t, "exit code", c.wait(t), 0)
	m := b.ended(t, "m1")
	equal(t, "status", m.Status, missions.Completed)
	equal(t, "result", string(m.Result), `"go"`)
}

func TestAgentStopsAtOnceOnTheSecondCtrlC(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	c := b.agentOf(t, stubborn(path))
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, c, file)
	c.interrupt()
	c.err.await(t, "Stopping", 1)
	close(c.second)
	awaitGone(t, file)
	equal(t, "exit code", c.wait(t), 0)
	contains(t, c.err.String(), "and handed back\n")
	m, err := b.client.Get(t.Context(), "m1")
	must(t, err)
	equal(t, "status", m.Status, missions.Pending)
	equal(t, "attempts it cost", m.Attempt, 0)
}

func TestAgentDrainHasAnEnd(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	c := b.start(t, "agent", "run", "--type", "t", "--drain", "10ms", "sh", "-c", stubborn(path))
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, c, file)
	c.interrupt()
	awaitGone(t, file)
	equal(t, "exit code", c.wait(t), 0)
	m, err := b.client.Get(t.Context(), "m1")
	must(t, err)
	equal(t, "status", m.Status, missions.Pending)
	equal(t, "attempts it cost", m.Attempt, 0)
}

func TestAgentWaitsForItsBroker(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	address := listener.Addr().String()
	must(t, listener.Close())
	c := newCall(nil).start(t, "agent", "run", "--type", "t", "-s", "nats://"+address, "--", "echo", "1")
	c.err.await(t, "Cannot reach a broker at nats://"+address+" yet; waiting. Press Ctrl-C to stop.\n", 1)
	b := startTestbed(t, config.Config{Listen: address, HTTP: "off", DataDir: t.TempDir(),
		Lease: 5 * time.Second, Heartbeat: 500 * time.Millisecond, Retention: time.Hour, OutboxLimit: 10_000, Replicas: 1})
	b.create(t, api.MissionSpec{ID: "m1"})
	equal(t, "status", b.ended(t, "m1").Status, missions.Completed)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

// TestTheInterruptsOfAProcess sends signals to a separate process.
func TestTheInterruptsOfAProcess(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	path := fifo(t)
	file := holders(t, path)
	child := exec.Command(os.Args[0])
	stderr := newTape()
	child.Stderr = stderr
	child.Env = append(os.Environ(), childEnv+"="+strings.Join([]string{"agent", "run", "-s", b.url, "--type", "t", "--", "sh", "-c", stubborn(path)}, "\n"))
	must(t, child.Start())
	b.create(t, api.MissionSpec{ID: "m1"})
	awaitLine(t, &call{err: stderr}, file)
	must(t, child.Process.Signal(syscall.SIGINT))
	stderr.await(t, "Stopping", 1)
	must(t, child.Process.Signal(syscall.SIGINT))
	awaitGone(t, file)
	must(t, child.Wait())
	contains(t, stderr.String(), "handed back")
}

// The agent says once that a mission's log has no room, and the program goes on.
func TestAgentSaysThatALogIsFull(t *testing.T) {
	t.Parallel()
	b := newFake(t)
	const mission = `{"id":"m","name":"n","type":"t","data":{},"priority":"NORMAL","status":"RUNNING","tags":[],"max_attempts":1,"attempt":1,"lease":1,"created_at":1,"updated_at":1}`
	answering(t, b.nc, "supervisor.agent.w1.register", `{"heartbeat_seconds":5,"lease_seconds":15}`)
	answering(t, b.nc, "supervisor.agent.w1.heartbeat", `{"cancel":[],"lost":[]}`)
	answering(t, b.nc, "supervisor.agent.w1.leave", `{}`)
	answering(t, b.nc, "supervisor.agent.w1.complete", `{"mission":`+mission+`}`)
	var claims atomic.Int32
	_, err := b.nc.Subscribe("supervisor.agent.w1.claim", func(m *nats.Msg) {
		if claims.Add(1) == 1 { // the others wait
			_ = m.Respond([]byte(`{"missions":[` + mission + `]}`))
		}
	})
	must(t, err)
	_, err = b.nc.Subscribe("supervisor.agent.w1.log", func(m *nats.Msg) {
		reply := nats.NewMsg(m.Reply)
		reply.Header.Set(api.HeaderErrorCode, "413")
		reply.Data = []byte(`{"error":{"code":"too_large","message":"the mission's log is full"}}`)
		_ = b.nc.PublishMsg(reply)
	})
	must(t, err)
	must(t, b.nc.Flush())
	c := b.start(t, "agent", "run", "--type", "t", "--id", "w1", "--", "sh", "-c", "echo 1 >&2; echo 2 >&2; echo 3 >&2")
	c.err.await(t, "completed in ", 1)
	equal(t, "reports", strings.Count(c.err.String(), "its log is full; what its program writes from here on is lost"), 1)
	c.interrupt()
	c.wait(t)
}
