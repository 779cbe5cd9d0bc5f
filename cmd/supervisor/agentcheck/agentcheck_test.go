package agentcheck

import (
	"os"
	"strings"
	"testing"
	"time"

	"missioncontrol/test/fatal"
)

var must = fatal.If

// TestMain is also the program under test: an agent, right or wrong.
func TestMain(m *testing.M) {
	if os.Getenv("CHECK_AGENT_ID") != "" {
		if os.Args[1] == goPackage {
			os.Exit(runGoPackage())
		}
		os.Exit(runTestAgent(os.Args[1]))
	}
	os.Exit(m.Run())
}

// examine checks a test agent.
func examine(t *testing.T, o options, mutant string) []result {
	t.Helper()
	o.command, o.parallel = []string{os.Args[0], mutant}, 4
	results, err := run(t.Context(), o, func(int, int) {})
	must(t, err)
	if len(results) == 0 {
		t.Fatal("nothing was checked")
	}
	return results
}

// An agent that keeps to the protocol passes all checks, over either transport.
func TestARightAgentPasses(t *testing.T) {
	t.Parallel()
	for name, http := range map[string]bool{"NATS": false, "HTTP": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			passes(t, options{http: http}, "none")
		})
	}
}

// The Go package for agents keeps to the protocol.
func TestTheGoPackagePasses(t *testing.T) {
	t.Parallel()
	passes(t, options{}, goPackage)
}

// passes expects a test agent to pass all checks.
func passes(t *testing.T, o options, agent string) {
	t.Helper()
	o.heartbeat, o.patience, o.tries = 400*time.Millisecond, time.Minute, 5
	for _, r := range examine(t, o, agent) {
		if r.Status != passed {
			t.Errorf("%s: %s: %s", r.Check, r.Status, r.Seen)
		}
	}
}

// mutants are agents with one fault each, the check that is for it, and what that says.
var mutants = []struct {
	fault, check, says string
	status             status
	http               bool
}{
	{"misspells", "register", "typs is not a field of this request", failed, false},
	{"nameless", "connection", `and none is named agent:check-connection-`, warned, false},
	{"deaf", "commands", "nobody is subscribed to supervisor.agent.check-commands-", warned, false},
	{"deaf", "commands", "no GET …/commands within", failed, true},
	{"sends no token", "token", "came without the token", warned, true},
	{"beats at an interval of its own", "beats-idle", "heartbeat", failed, false},
	{"does not beat while busy", "beats-busy", "no heartbeat", failed, false},
	{"lists nothing", "running", "two heartbeats in a row do not list the mission", failed, false},
	{"wrong lease in heartbeats", "running", "a heartbeat lists lease 8589934594 of the mission; the claim said 8589934593", failed, false},
	{"claims above its capacity", "capacity", "its capacity is 2", failed, false},
	{"loses results", "result", `the result is null, and should be {"empty":{},`, failed, true},
	{"hides errors", "failure", `the error is "failed", and should hold "` + failureText + `"`, failed, false},
	{"retries for ever", "permanent", "it does not say retryable false", failed, true},
	{"wrong lease", "fencing-token", "names lease 1 of mission m1, and the claim said 8589934593", failed, false},
	{"drops a lost report", "lost-report", "no second report, after one that was not answered", failed, true},
	{"drops a lost report", "unavailable-report", "no second report, after one that was answered with 503", failed, false},
	{"changes a repeated report", "lost-report", "and then complete", failed, true},
	{"insists", "refused-report", "though the first was answered with lease_lost", failed, false},
	{"ignores cancel", "cancel", "it still lists the mission, 25 heartbeats after a reply listed it in cancel", failed, false},
	{"ignores lost", "lost", "it still lists the mission, 25 heartbeats after a reply listed it in lost", failed, true},
	{"deaf to cancel", "cancel-pushed", "no heartbeat after the command cancel", warned, true},
	{"reads no signals", "signals", "it reads no signals", skipped, false},
	{"acknowledges no signals", "signals", "no heartbeat says that it was seen", failed, true},
	{"chokes on commands", "unknown", "the program ended (exit status 3)", failed, false},
	{"chokes on fields", "unknown", "the program ended (exit status 3)", failed, true},
	{"never registers again", "forgotten", "no second registration, after not_found", failed, false},
	{"never registers again", "claim-conflict", "no second registration, after a claim that returned conflict", failed, true},
	{"works on after the lease", "lease-over", "after the last answer; the lease is 1s", failed, false},
	{"never connects again", "reconnect", "no heartbeat", failed, false},
	{"never opens the stream again", "reconnect-commands", "no GET …/commands within", failed, true},
	{"does not drain", "drain", "it has ended without a report on the mission that it held", failed, false},
	{"does not say that it drains", "drain", "no heartbeat said draining before the mission was finished", failed, true},
	{"does not leave", "drain", "it has left before the mission was reported, or not at all", failed, false},
	{"does not leave", "drain-idle", "it has ended without a leave request", failed, true},
	{"does not drain", "drain-idle", "the program ended with: exit status 1", failed, false},
}

// Each fault is found by the check that is for it.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	turns := make(chan struct{}, 6) // agents at once
	for _, m := range mutants {
		t.Run(m.check+"/"+strings.ReplaceAll(m.fault, " ", "-"), func(t *testing.T) {
			t.Parallel()
			turns <- struct{}{}
			defer func() { <-turns }()
			o := options{http: m.http, only: []string{m.check}, heartbeat: 200 * time.Millisecond, patience: 15 * time.Second}
			r := examine(t, o, m.fault)[0]
			if r.Status != m.status || !strings.Contains(r.Seen, m.says) {
				t.Errorf("%s: %q; want %s: %q", r.Status, r.Seen, m.status, m.says)
			}
		})
	}
}

// Every check is shown to find something.
func TestEveryCheckHasAMutant(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, m := range mutants {
		found[m.check] = true
	}
	for _, name := range names() {
		if !found[name] {
			t.Errorf("nothing shows that the check %s finds a fault", name)
		}
	}
}

// Every check has a line in the document that says what to do.
func TestEveryCheckIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/AGENT-CHECK.md")
	must(t, err)
	_, table, _ := strings.Cut(string(text), "## The checks")
	for _, name := range names() {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("docs/AGENT-CHECK.md does not say what to do about %s", name)
		}
	}
}

// Without a registration, there is nothing to check.
func TestWhoDoesNotRegisterIsToldOnce(t *testing.T) {
	t.Parallel()
	results := examine(t, options{heartbeat: 200 * time.Millisecond, patience: time.Second}, "misspells")
	for i, r := range results {
		if want := map[bool]status{true: failed, false: skipped}[i == 0]; r.Status != want {
			t.Errorf("%s: %s", r.Check, r.Status)
		}
	}
	if got := worst(results); got != failed {
		t.Errorf("together: %s", got)
	}
}
