package main

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
	"missioncontrol/supervisor/client"
)

// startDemo runs `supervisor demo` as a process whose temporary files are in a directory, and
// returns it and its banner.
func startDemo(t *testing.T, dir string) (child *exec.Cmd, banner string) {
	t.Helper()
	child = exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "TMPDIR="+dir, childEnv+"="+strings.Join([]string{"demo", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}, "\n"),
		"SUPERVISOR_STORE=redis://127.0.0.1:1", "SUPERVISOR_SERVER=nats://127.0.0.1:1", "NATS_URL=nats://127.0.0.1:1") // of no concern to it
	child.Stderr = t.Output()
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	t.Cleanup(func() { _ = child.Process.Kill() }) // it may have ended
	text := make([]byte, 0, 4096)
	for !strings.Contains(string(text), "Ctrl-C") {
		n, err := out.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if err != nil {
			t.Fatalf("the demo has not begun (%v):\n%s", err, text)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	return child, string(text)
}

// The demo has missions that complete, fail, and wait for a person, who can answer. Ctrl-C
// leaves nothing of it.
func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child, banner := startDemo(t, dir)
	url := regexp.MustCompile(`nats://[0-9.:]+`).FindString(banner)
	for _, text := range []string{"Dashboard: http://127.0.0.1:", "top -s " + url, "missions signal -s " + url + " deploy-2 approved yes", "events -s " + url + " --follow"} {
		contains(t, banner, text)
	}
	nc, err := nats.Connect(url)
	must(t, err)
	defer nc.Close()
	c := client.New(nc)
	for id, want := range map[string]missions.Status{"summary-1": missions.Completed, "checkout": missions.Failed, "release-notes": missions.Completed, "search": missions.Completed} {
		m, err := c.Wait(t.Context(), id)
		must(t, err)
		equal(t, id, m.Status, want)
	}
	for asked := false; !asked; {
		m, err := c.Get(t.Context(), "deploy-2")
		must(t, err)
		asked = m.Flow != nil && len(m.WaitingFor) > 0
	}
	code, out, _ := runIn(t, nil, "missions", "inbox", "-s", url, "--json")
	equal(t, "exit code", code, 0)
	contains(t, out, `"deploy 2.0 to production?"`)
	status, err := c.Status(t.Context())
	must(t, err)
	if status.CompletedMissions < 3 || status.FailedMissions < 1 || status.AgentCount < 4 {
		t.Errorf("%+v", status)
	}
	schedule, err := c.Schedule(t.Context(), "digest")
	must(t, err)
	equal(t, "the schedule's period", schedule.EverySeconds, 20)
	limit, err := c.Limit(t.Context(), "writing")
	must(t, err)
	equal(t, "the limit", *limit.Total, 3)

	_, err = c.Signal(t.Context(), api.SignalRequest{ID: "deploy-2", Name: "approved", Data: []byte(`"yes"`)})
	must(t, err)
	m, err := c.Wait(t.Context(), "deploy-2")
	must(t, err)
	equal(t, "the deployment", string(m.Result), `{"deployed":"yes, somebody said so"}`)

	must(t, child.Process.Signal(os.Interrupt))
	must(t, child.Wait()) // 0, as of every command that runs until Ctrl-C
	left, err := os.ReadDir(dir)
	must(t, err)
	if len(left) > 0 {
		t.Errorf("the demo has left %v", left)
	}
}

func TestDemoRefusesAWrongAddress(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--listen", "here"}, {"--http", "here"}} {
		code, _, stderr := runIn(t, map[string]string{}, append([]string{"demo"}, args...)...)
		equal(t, "exit code", code, exitUsage)
		contains(t, stderr, args[0]+": ")
	}
}
