//go:build unix

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// checkProgram does for agent run what the data of a check's mission say.
const checkProgram = `data=$(cat); get() { printf %s "$data" | jq -r "$1"; }; ` +
	`sleep "$(get '.work_seconds // 0')"; fail=$(get '.fail // empty'); ` +
	`if [ -n "$fail" ]; then printf '%s\n' "$fail" >&2; [ "$(get .permanent)" = true ] && exit 65; exit 1; fi; printf %s "$data" | jq -c .result`

// A program that works with agent run is an agent that keeps to the protocol.
func TestAgentRunPassesTheChecks(t *testing.T) {
	t.Parallel()
	args := []string{"agent", "run", "-s", "{nats}", "--id", "{agent}", "--type", "check", "--concurrency", "2", "--", "sh", "-c", checkProgram}
	passesChecks(t, "1s", nil, nil, "env", childEnv+"="+strings.Join(args, "\n"), os.Args[0])
}

// The agent in docs/agent.sh keeps to the protocol, as far as that is possible without a
// connection that stays. Other work replaces its own.
func TestTheShellsAgentPassesTheChecks(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/agent.sh")
	must(t, err)
	script := strings.NewReplacer(`"types":["upper"]`, `"types":["check"]`, "work() {\n", `work() {
	exec bash -c 'mission=$(cat); get() { jq -r "$1" <<<"$mission"; }; trap "kill \$!; exit 143" TERM
		sleep "$(get ".data.work_seconds // 0")" & wait $!
		jq -c ".data | if .fail then {error: .fail, retryable: (.permanent | not)} else {result} end" <<<"$mission"'
`).Replace(string(text))
	path := writeFile(t, filepath.Join(t.TempDir(), "agent.sh"), script)
	tools, err := filepath.Abs("../../.cache/bin")
	must(t, err)
	// Each of its requests starts processes, for which a busy machine takes long.
	passesChecks(t, "2s", []string{"connection", "commands", "cancel-pushed", "beats-idle", "beats-busy", "reconnect"}, nil,
		"env", "NATS_URL={nats}", "PATH="+tools+":"+os.Getenv("PATH"), "bash", path, "{agent}")
}

// passesChecks runs agent check, and expects it to find nothing but warnings about some checks
// and faults in others.
func passesChecks(t *testing.T, heartbeat string, warnings, faults []string, command ...string) {
	t.Helper()
	c := newCall(nil).start(t, append([]string{"agent", "check", "--json", "--heartbeat", heartbeat, "--patience", "2m", "--"}, command...)...)
	<-c.done
	var report struct {
		Checks []struct{ Check, Status, Seen string }
	}
	if err := json.Unmarshal([]byte(c.out.String()), &report); err != nil || len(report.Checks) < 20 {
		t.Fatalf("%v: %s%s", err, c.out, c.err)
	}
	for _, check := range report.Checks {
		fine := check.Status == "pass" || check.Status == "skip" && check.Check == "signals" ||
			check.Status == "warning" && slices.Contains(warnings, check.Check) || slices.Contains(faults, check.Check)
		if !fine {
			t.Errorf("%s: %s: %s", check.Check, check.Status, check.Seen)
		}
	}
}

// The report says what was expected and what was seen, and the exit code is its outcome.
func TestTheReportOfAgentCheck(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := runIn(t, nil, "agent", "check", "--", "sh", "-c", "echo no such host; exit 4")
	equal(t, "exit code", code, 1)
	equal(t, "stderr", stderr, "")
	contains(t, stdout, "✘ register            registers before everything else, for type check, with a name and a capacity\n"+
		"                      → the program ended (exit status 4) and there was no request; the last lines of its output: no such host\n",
		"- drain               on SIGTERM, ", "→ the agent does not register\n", "\n1 failed, 0 warnings, 24 skipped, 0 passed.\n")
	code, stdout, _ = runIn(t, nil, "agent", "check", "--help")
	equal(t, "exit code", code, 0)
	contains(t, stdout, "--only NAME", "CHECK_AGENT_ID")
	if strings.Contains(stdout, "Connection flags") {
		t.Errorf("the help tells where to connect:\n%s", stdout)
	}
}

// What the agent sends, and what it is answered, is shown on request.
func TestAgentCheckShowsWhatIsSaid(t *testing.T) {
	t.Parallel()
	tools, err := filepath.Abs("../../.cache/bin")
	must(t, err)
	script := `PATH=` + tools + `:$PATH; echo "starting {agent}"; nats req -s {nats} --raw supervisor.agent.{agent}.register '{"nam":"x"}'`
	code, stdout, stderr := runIn(t, nil, "agent", "check", "--verbose", "--only", "register", "--patience", "20s", "--", "sh", "-c", script)
	equal(t, "exit code", code, 1)
	contains(t, stderr, "starting check-register-", `register → register {"nam":"x"}`, "register ← register: invalid_request: nam is not a field of this request\n")
	contains(t, stdout, `→ the request register {"nam":"x"} is refused: nam is not a field of this request`)
}
