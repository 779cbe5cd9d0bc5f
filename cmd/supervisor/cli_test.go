package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"missioncontrol/eventstream"
	"missioncontrol/eventstream/embedded"
	"missioncontrol/eventstream/streamtest"
	"missioncontrol/supervisor/api"
)

func TestMistakesInWhatIsTypedAreOneLineAndExitCode2(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		`there is no command "frobnicate"; see supervisor --help`:                                                                      {"frobnicate"},
		`there is no command "statu"; did you mean status?`:                                                                            {"statu"},
		`there is no command "mising"; did you mean missions?`:                                                                         {"mising"},
		`unknown flag: --stat; did you mean --status?`:                                                                                 {"missions", "list", "--stat", "FAILED"},
		`there is no command "delet"; did you mean delete?`:                                                                            {"missions", "delet"},
		`missions needs a command: cancel, create, delete, get, graph, history, inbox, list, log, queues, retry, signal, stats, wait`:  {"missions"},
		`unknown flag: --bogus; see supervisor status --help`:                                                                          {"status", "--bogus"},
		`unknown shorthand flag: 'q' in -q; see supervisor events --help`:                                                              {"events", "-q"},
		`flag needs an argument: --server; see supervisor status --help`:                                                               {"status", "--server"},
		`status takes no arguments, but was given "x"; see supervisor status --help`:                                                   {"status", "x"},
		`missions get needs the ID of a mission; see supervisor missions get --help`:                                                   {"missions", "get"},
		`missions get takes the ID of a mission, but not also "b"; see supervisor missions get --help`:                                 {"missions", "get", "a", "b"},
		`"a.b" is not a mission ID: it may contain only letters, digits, _ and -`:                                                      {"missions", "get", "a.b", "-s", "nats://127.0.0.1:1"},
		`missions create needs the NAME of a mission, or --file FILE; see supervisor missions create --help`:                           {"missions", "create"},
		`--priority must be one of LOW, NORMAL, HIGH, CRITICAL`:                                                                        {"missions", "create", "n", "--priority", "urgent"},
		`--data must be a JSON object`:                                                                                                 {"missions", "create", "n", "--data", "[1]"},
		`--role and --agent are alternatives: an agent's role is always agent`:                                                         {"doctor", "--role", "viewer", "--agent", "a"},
		`--limit: "x" is not a whole number`:                                                                                           {"agents", "--limit", "x"},
		`--watch: "perhaps" is not true or false`:                                                                                      {"status", "--watch=perhaps"},
		`--data is not valid JSON: it ends too early`:                                                                                  {"missions", "create", "n", "--data", "{"},
		`--data is not valid JSON: invalid character 'o' in literal null (expecting 'u') at byte 2`:                                    {"missions", "create", "n", "--data", "notjson"},
		`--data is not valid JSON: invalid character '{' after top-level value at byte 4`:                                              {"missions", "create", "n", "--data", "{} {}"},
		`--data is not valid JSON: "b" is given twice`:                                                                                 {"missions", "create", "n", "--data", `{"x":{"b":1,"b":2}}`},
		`--data is empty; give JSON, @FILE, or - for standard input, or omit it`:                                                       {"missions", "create", "n", "--data", ""},
		`--wait-timeout needs --wait`:                                                                                                  {"missions", "create", "n", "--wait-timeout", "1m"},
		`--wait-timeout: 0s is not between 1 millisecond and 365 days`:                                                                 {"missions", "create", "n", "--wait", "--wait-timeout", "0s"},
		`--timeout: "soon" is not a duration like 30s, 10m or 7d`:                                                                      {"missions", "wait", "m1", "--timeout", "soon"},
		`--retention: 1ms is not between 1 second and 36,500 days`:                                                                     {"serve", "--retention", "1ms"},
		`cannot run the command ./none: no such file or directory`:                                                                     {"agent", "run", "--type", "t", "--", "./none"},
		`--data: cannot read /does/not/exist: no such file or directory`:                                                               {"missions", "create", "n", "--data", "@/does/not/exist"},
		`--data: the standard input is empty`:                                                                                          {"missions", "create", "n", "--data", "-"},
		`--max-attempts must be between 1 and 1000`:                                                                                    {"missions", "create", "n", "--max-attempts", "0"},
		`--timeout: "30" is not a duration like 30s, 10m or 7d`:                                                                        {"missions", "create", "n", "--timeout", "30"},
		`--timeout: 1000d is not between 1 microsecond and 366 days`:                                                                   {"missions", "create", "n", "--timeout", "1000d"},
		`--stall: "soon" is not a duration like 30s, 10m or 7d`:                                                                        {"missions", "create", "n", "--stall", "soon"},
		`--stall: 1000d is not between 1 microsecond and 366 days`:                                                                     {"missions", "create", "n", "--stall", "1000d"},
		`--deadline: "soon" is neither a duration like 10m nor a time like 2026-01-31T15:04:05Z`:                                       {"missions", "create", "n", "--deadline", "soon"},
		`--tag may contain only letters, digits, _ and -`:                                                                              {"missions", "create", "n", "--tag", "a b"},
		`--after: "a:b:c" is not a mission's ID, mission:ID, batch:ID or signal:NAME; the first three may end in :completed or :ended`: {"missions", "create", "n", "--after", "a:b:c"},
		`--after may contain only letters, digits, _ and -`:                                                                            {"missions", "create", "n", "--after", "a b"},
		`--after names the mission a twice`:                                                                                            {"missions", "create", "n", "--after", "a,b,mission:a:ended"},
		`--prompt needs --after signal:NAME before it`:                                                                                 {"missions", "create", "n", "--after", "a", "--prompt", "p"},
		`--prompt is given twice for the signal s`:                                                                                     {"missions", "create", "n", "--after", "signal:s", "--prompt", "p", "--prompt", "q"},
		`--choice needs --after signal:NAME before it`:                                                                                 {"missions", "create", "n", "--choice", "1", "--after", "signal:s,signal:t"},
		`--after-timeout needs --after`:                                                                                                {"missions", "create", "n", "--after-timeout", "1h"},
		`--after-timeout: "x" is not a duration like 30s, 10m or 7d`:                                                                   {"missions", "create", "n", "--after", "a", "--after-timeout", "x"},
		`--on-unmet needs --after`:                                                                                                     {"missions", "create", "n", "--on-unmet", "run"},
		`--on-unmet must be one of cancel, fail, run`:                                                                                  {"missions", "create", "n", "--after", "a", "--on-unmet", "x"},
		`--on-exceeded needs --max-usage`:                                                                                              {"missions", "create", "n", "--on-exceeded", "ask"},
		`--on-exceeded must be one of fail, ask`:                                                                                       {"missions", "create", "n", "--max-usage", "usd=1", "--on-exceeded", "x"},
		`--max-usage: "usd" is not UNIT=AMOUNT, such as usd=5`:                                                                         {"missions", "create", "n", "--max-usage", "usd"},
		`--max-usage: usd is given twice`:                                                                                              {"missions", "create", "n", "--max-usage", "usd=1", "--max-usage", "usd=2"},
		`--max-usage must be between 0 and 1e+15`:                                                                                      {"missions", "create", "n", "--max-usage", "usd=NaN"},
		`--retry: "x=1" is not one of first=DURATION, factor=NUMBER, max=DURATION, jitter=NUMBER`:                                      {"missions", "create", "n", "--retry", "x=1"},
		`--retry: first is given twice`:                                                                                                {"missions", "create", "n", "--retry", "first=1s,first=2s"},
		`--retry: max: "5" is not a duration like 30s, 10m or 7d`:                                                                      {"missions", "create", "n", "--retry", "max=5"},
		`--retry: factor: "x" is not a number`:                                                                                         {"missions", "create", "n", "--retry", "factor=x"},
		`--retry factor must be between 1 and 100`:                                                                                     {"missions", "create", "n", "--retry", "factor=0"},
		`--detached needs --parent`:                                                                                                    {"missions", "create", "n", "--detached"},
		`--close-batch needs --batch`:                                                                                                  {"missions", "create", "n", "--close-batch"},
		`--after cannot be combined with --file`:                                                                                       {"missions", "create", "--file", "f", "--after", "a"},
		`missions signal needs the ID of a mission, the NAME of a signal, and maybe DATA; see supervisor missions signal --help`:       {"missions", "signal", "m"},
		`"a.c" is not a mission ID: it may contain only letters, digits, _ and -`:                                                      {"missions", "signal", "a.c", "s"},
		`the NAME of the signal may contain only letters, digits, _ and -`:                                                             {"missions", "signal", "m", "a b"},
		`there is no command "frob"; see supervisor batches --help`:                                                                    {"batches", "frob"},
		`batches get needs the ID of a batch; see supervisor batches get --help`:                                                       {"batches", "get"},
		`"a.b" is not a batch ID: it may contain only letters, digits, _ and -`:                                                        {"batches", "close", "a.b"},
		`there is no command "frob"; see supervisor schedules --help`:                                                                  {"schedules", "frob"},
		`schedules get needs the ID of a schedule; see supervisor schedules get --help`:                                                {"schedules", "get"},
		`"a.b" is not a schedule ID: it may contain only letters, digits, _ and -`:                                                     {"schedules", "trigger", "a.b"},
		`schedules set needs the ID of a schedule, and the NAME of its missions or --file FILE; see supervisor schedules set --help`:   {"schedules", "set"},
		`schedules set needs the NAME of its missions, or --file FILE; see supervisor schedules set --help`:                            {"schedules", "set", "s", "--every", "5m"},
		`--cron is required, or every_seconds`:                                                                                         {"schedules", "set", "s", "n"},
		`--cron has 2 fields, and needs 5: minute, hour, day of the month, month, day of the week`:                                     {"schedules", "set", "s", "n", "--cron", "0 2"},
		`--time-zone is not the name of a time zone, such as Europe/Berlin`:                                                            {"schedules", "set", "s", "n", "--cron", "@daily", "--time-zone", "Berlin"},
		`--every cannot be combined with cron`:                                                                                         {"schedules", "set", "s", "n", "--cron", "@daily", "--every", "5m"},
		`--every: 1500ms is not a number of whole seconds`:                                                                             {"schedules", "set", "s", "n", "--every", "1500ms"},
		`--offset must be less than every_seconds, and not negative`:                                                                   {"schedules", "set", "s", "n", "--every", "5m", "--offset", "5m"},
		`--catch-up must be one of last, all, none`:                                                                                    {"schedules", "set", "s", "n", "--every", "5m", "--catch-up", "some"},
		`--jitter: "x" is not a duration like 30s, 10m or 7d`:                                                                          {"schedules", "set", "s", "n", "--every", "5m", "--jitter", "x"},
		`--cron cannot be combined with --file`:                                                                                        {"schedules", "set", "s", "--file", "f", "--cron", "@daily"},
		`--file contains the name of the missions; omit the name "n"`:                                                                  {"schedules", "set", "s", "n", "--file", "f"},
		`--file: cannot read f: no such file or directory`:                                                                             {"schedules", "set", "s", "--file", "f"},
		`--from is required: the first time, such as 7d or 2026-01-31`:                                                                 {"schedules", "backfill", "s"},
		`--to is before from`:               {"schedules", "backfill", "s", "--from", "2026-01-31", "--to", "2026-01-30"},
		`--count must be between 1 and 100`: {"schedules", "preview", "--every", "5m", "--count", "0"},
		`deleting cannot be undone, and there is no terminal to ask for confirmation; add --yes`: {"schedules", "delete", "s"},
		`the name is required`: {"missions", "create", ""},
		`--file contains the names of its missions; omit the name "n"`:                                               {"missions", "create", "n", "--file", "f"},
		`--wait cannot be combined with --file`:                                                                      {"missions", "create", "--file", "f", "--wait"},
		`agent run needs a COMMAND to run, after --; see supervisor agent run --help`:                                {"agent", "run", "--type", "t"},
		`--type is required: the type of missions to work on; missions created without a type have the type default`: {"agent", "run", "--", "cat"},
		`cannot run the command no-such-program: executable file not found in $PATH`:                                 {"agent", "check", "--", "no-such-program"},
		`cannot run the command no-such-command: executable file not found in $PATH`:                                 {"agent", "run", "--type", "t", "--", "no-such-command"},
		`--id may contain only letters, digits, _ and -`:                                                             {"agent", "run", "--type", "t", "--id", "a.b", "--", "cat"},
		`--type may contain only letters, digits, _ and -`:                                                           {"agent", "run", "--type", "a.b", "--", "cat"},
		`--concurrency must be between 1 and 1000`:                                                                   {"agent", "run", "--type", "t", "--concurrency", "0", "--", "cat"},
		`--drain: "x" is not a duration like 30s, 10m or 7d`:                                                         {"agent", "run", "--type", "t", "--drain", "x", "--", "cat"},
		`agent needs a command: check, run`:                                                                          {"agent"},
		`agent check needs a COMMAND to check, after --; see supervisor agent check --help`:                          {"agent", "check"},
		`--only: the check token is not one over NATS; add --http`:                                                   {"agent", "check", "--only", "token", "--", "cat"},
		`--only: the check connection is not one over HTTP`:                                                          {"agent", "check", "--http", "--only", "connection", "--", "cat"},
		`--parallel must be between 1 and 64`:                                                                        {"agent", "check", "--parallel", "0", "--", "cat"},
		`--heartbeat: 1ms is not between 100 milliseconds and 1 minute`:                                              {"agent", "check", "--heartbeat", "1ms", "--", "cat"},
		`--patience: "x" is not a duration like 30s, 10m or 7d`:                                                      {"agent", "check", "--patience", "x", "--", "cat"},
		`{http}: there is a URL for HTTP only with --http`:                                                           {"agent", "check", "--", "cat", "{http}"},
		`{nats}: with --http there is no broker`:                                                                     {"agent", "check", "--http", "--", "cat", "{nats}"},
		`--server: agent check connects to no supervisor; it plays one`:                                              {"agent", "check", "-s", "h", "--", "cat"},
		`--listen: "4222" is not an address like 127.0.0.1:4222`:                                                     {"--listen", "4222"},
		`--store: "file" is not a store; write sqlite:PATH, or redis://HOST`:                                         {"serve", "--store", "file"},
		`--store: "Redis://…" is not a store; write sqlite:PATH, or redis://HOST`:                                    {"serve", "--store", "Redis://h?sentinel_password=geheim"},
		`--creds is for an external broker; add --server URL or --context NAME`:                                      {"--creds", "cli_test.go"},
		`there is no command "nosuch"; see supervisor completion --help`:                                             {"completion", "nosuch"},
		`completion needs a command: bash, fish, powershell, zsh`:                                                    {"completion"},
		`man needs the DIR to write to; see supervisor man --help`:                                                   {"man"},
		`serve takes no arguments, but was given "now"; see supervisor serve --help`:                                 {"serve", "now"},
	} {
		code, stdout, stderr := runIn(t, nil, args...)
		if code != 2 || stderr != "supervisor: "+want+"\n" || stdout != "" {
			t.Errorf("%q: exit code %d\n got %q\nwant %q", args, code, stderr, want)
		}
	}
}

func TestMistakesFoundOnceConnected(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.awaitEvents(t)
	b.refused(t, 2, `--type: "a b": "a b" is neither a name nor a wildcard`, "events", "--type", "a b")
	b.refused(t, 2, `--durable "a b" is not 1 to 64 of A-Z a-z 0-9 _ -`, "events", "--durable", "a b")
	b.refused(t, 2, `--since: "x" is neither a duration like 10m nor a time like 2026-01-31T15:04:05Z`, "events", "--since", "x")
	b.refused(t, 2, "--status must be one of PENDING, RUNNING, COMPLETED, FAILED, CANCELLED", "missions", "list", "--status", "DONE")
	b.refused(t, 2, "--agent may contain only letters, digits, _ and -", "missions", "list", "--agent", "a.b")
	b.refused(t, 2, "--limit must be at least 1; to show all missions, use --all", "missions", "list", "--limit", "0")
	b.refused(t, 2, "--state must be one of online, draining, offline", "agents", "--state", "asleep")
	b.refused(t, 2, "deleting cannot be undone, and there is no terminal to ask for confirmation; add --yes", "missions", "delete", "m1")
	b.refused(t, 2, "missions cancel needs the ID of at least one mission, or flags that say which, such as --type or --status; see supervisor missions cancel --help", "missions", "cancel")
	b.refused(t, 2, "missions retry takes IDs, or flags that say which missions, but not both; see supervisor missions retry --help", "missions", "retry", "m1", "--tag", "x")
	b.refused(t, 2, "--dry-run cannot be combined with IDs", "missions", "delete", "m1", "--dry-run")
	b.refused(t, 2, "--status must be one of PENDING, RUNNING, COMPLETED, FAILED, CANCELLED", "missions", "cancel", "--status", "DONE")
	b.refused(t, 2, "--status must not be COMPLETED: retry applies to missions that are FAILED or CANCELLED", "missions", "retry", "--status", "completed", "--yes")
	b.refused(t, 2, "there is no terminal to ask for confirmation; add --yes, or --dry-run to count", "missions", "retry", "--all")
	b.refused(t, 1, `there is no mission "m1"`, "missions", "get", "m1")
	b.refused(t, 1, `there is no mission "m1"`, "missions", "log", "m1", "--follow")
	b.refused(t, 1, `there is no mission "m1"`, "missions", "wait", "m1", "--timeout", "1h")
}

// TestEveryCommandHasExamples checks that help shows examples for every command.
func TestEveryCommandHasExamples(t *testing.T) {
	t.Parallel()
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		if cmd.Example == "" || cmd.Short == "" {
			t.Errorf("%s has no example or no description", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	root := newCall(nil).cli.root()
	visit(root)

	code, stdout, stderr := runIn(t, nil, "help", "missions", "create")
	equal(t, "exit code", code, 0)
	equal(t, "stderr", stderr, "")
	contains(t, stdout, "Examples:", "--max-attempts N", "$NATS_URL")
	code, stdout, _ = runIn(t, nil, "--help")
	equal(t, "exit code", code, 0)
	contains(t, stdout, "$SUPERVISOR_DATA_DIR", "Examples:", "missions    Create, find")
	code, _, stderr = runIn(t, nil, "help", "nonsense")
	equal(t, "exit code", code, 2)
	equal(t, "stderr", stderr, "supervisor: there is no command \"nonsense\"; see supervisor --help\n")
}

func TestShellCompletion(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, stdout, stderr := runIn(t, nil, "completion", shell)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "supervisor") {
			t.Errorf("%s: exit code %d, %s", shell, code, stderr)
		}
	}
	b := newTestbed(t)
	b.ok(t, "missions", "create", "first", "--id", "build-1", "--type", "build")
	b.ok(t, "missions", "create", "second", "--id", "build-2", "--type", "build")
	b.ok(t, "missions", "cancel", "build-2")
	b.ok(t, "schedules", "set", "nightly", "report", "--cron", "0 2 * * *", "--time-zone", "Europe/Berlin")
	b.ok(t, "missions", "create", "third", "--id", "asks", "--type", "build", "--batch", "tests-7", "--after", "signal:approved", "--prompt", "Sure?", "--choice", "yes", "--choice", "no")
	_, err := b.client.Agent("worker-1").Register(t.Context(), api.RegisterRequest{Name: "Worker", Types: []string{"sweep"}, Capacity: 1})
	must(t, err)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"build-2\tCANCELLED second\nbuild-1\tPENDING first\n:36\n", []string{"missions", "get", "bu"}},
		{"asks\tPENDING third\nbuild-1\tPENDING first\n:36\n", []string{"missions", "cancel", ""}},
		{"build-2\tCANCELLED second\n:36\n", []string{"missions", "retry", ""}},
		{":4\n", []string{"missions", "get", "build-1", ""}},
		{"RUNNING\n:36\n", []string{"missions", "list", "--status", "r"}},
		{"RUNNING\n:36\n", []string{"missions", "cancel", "--status", "r"}},
		{"tests-7\topen, 1 mission\n:36\n", []string{"missions", "retry", "--batch", "te"}},
		{"CRITICAL\nHIGH\nNORMAL\nLOW\n:36\n", []string{"missions", "create", "--priority", ""}},
		{"build\n:36\n", []string{"missions", "stats", "--type", ""}},
		{"worker-1\tonline Worker\n:36\n", []string{"missions", "list", "--agent", ""}},
		{"worker-1\tonline Worker\n:36\n", []string{"agents", "--after", "w"}},
		{":36\n", []string{"agents", "--after", "x"}},
		{"build-2\tCANCELLED second\nbuild-1\tPENDING first\nbatch:\n:38\n", []string{"missions", "create", "--after", "b"}},
		{"batch:tests-7\topen, 1 mission\n:38\n", []string{"missions", "create", "--after", "batch:t"}},
		{"signal:\n:38\n", []string{"missions", "create", "--after", "s"}},
		{"tests-7\topen, 1 mission\n:36\n", []string{"batches", "get", ""}},
		{"tests-7\topen, 1 mission\n:36\n", []string{"missions", "list", "--batch", "te"}},
		{"nightly\t0 2 * * * Europe/Berlin\n:36\n", []string{"schedules", "get", "n"}},
		{":36\n", []string{"schedules", "pause", "x"}},
		{":4\n", []string{"schedules", "trigger", "nightly", ""}},
		{"asks\tPENDING third\n:36\n", []string{"missions", "signal", "as"}},
		{"approved\tSure?\n:36\n", []string{"missions", "signal", "asks", ""}},
		{"yes\nno\n:36\n", []string{"missions", "signal", "asks", "approved", ""}},
		{"no\n:36\n", []string{"missions", "signal", "asks", "approved", "n"}},
		{"json\n:36\n", []string{"serve", "--log-format", "j"}},
	} {
		_, stdout, _ := b.run(t, append([]string{"__complete"}, c.args...)...)
		equal(t, strings.Join(c.args, " "), stdout, c.want)
	}
	_, stdout, _ := runIn(t, nil, "__complete", "missions", "get", "-s", "nats://127.0.0.1:1", "")
	equal(t, "without a broker", stdout, ":4\n")
	_, stdout, _ = runIn(t, nil, "__complete", "events", "--type", "mission.c")
	contains(t, stdout, "mission.created\t")
	for _, command := range [][]string{{"status"}, {"missions", "create"}, {"serve"}} {
		_, stdout, _ := runIn(t, nil, append(append([]string{"__complete"}, command...), "--")...)
		if !strings.Contains(stdout, "--") || strings.Contains(stdout, "`") {
			t.Errorf("flags of %v, which are described as %s", command, stdout)
		}
	}
}

// brokenPipe fails every write.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	code := run(context.Background(), []string{"version"}, strings.NewReader(""), brokenPipe{}, &stderr)
	equal(t, "exit code", code, 1)
	equal(t, "stderr", stderr.String(), "supervisor: the output could not be written: no space left on device\n")
}

func TestServeRunsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	args := []string{"--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", dir, "--log-level", "warn"}
	c := newCall(nil).start(t, args...)
	c.out.await(t, "Ctrl-C", 1)
	banner := c.out.String()
	contains(t, banner, "Mission Control "+version(), "Broker: nats://127.0.0.1:", "Store: SQLite, "+filepath.Join(dir, "missions.db"),
		"Events: JetStream stream EVENTS, ", "HTTP: http://127.0.0.1:")
	_, rest, _ := strings.Cut(banner, "Broker: ")
	url, _, _ := strings.Cut(rest, " ")
	contains(t, banner, " agent run -s "+url+" --type default -- cat\n", " missions create -s "+url+` "hello" --data '{"hello":"world"}' --wait`+"\n", " events -s "+url+" --follow\n")
	code, stdout, stderr := runIn(t, nil, "missions", "create", "-s", url, "hello")
	equal(t, "exit code", code, 0)
	contains(t, stdout+stderr, "Created mission ")

	// A second supervisor must not touch the first one's data.
	code, _, stderr = runIn(t, nil, append([]string{"serve"}, args...)...)
	equal(t, "exit code", code, 1)
	contains(t, stderr, dir)
	if strings.Count(stderr, "\n") != 1 {
		t.Errorf("more than a line: %q", stderr)
	}
	// It cannot have the port either.
	code, _, stderr = runIn(t, nil, "serve", "--listen", strings.TrimPrefix(url, "nats://"), "--http", "off", "--data-dir", t.TempDir())
	equal(t, "exit code", code, 1)
	contains(t, stderr, strings.TrimPrefix(url, "nats://"))

	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

func TestATakenHTTPAddressStopsTheStartBeforeItBegins(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, taken.Close()) }()
	dir := filepath.Join(t.TempDir(), "data")
	code, stdout, stderr := runIn(t, nil, "serve", "--listen", "127.0.0.1:0", "--http", taken.Addr().String(), "--data-dir", dir)
	equal(t, "exit code", code, 1)
	equal(t, "stdout", stdout, "")
	equal(t, "stderr", stderr, "supervisor: another process uses the HTTP address "+taken.Addr().String()+
		"; choose another with --http, or disable HTTP with --http off\n")
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("something was left in %s: %v", dir, err)
	}
}

func TestABrokerThatComesBackWithoutJetStreamIsToldOf(t *testing.T) {
	t.Parallel()
	options := emptyBroker()
	options.JetStream, options.StoreDir = true, t.TempDir()
	whole := strings.TrimPrefix(guardedBroker(t, options), "nats://")
	without := strings.TrimPrefix(guardedBroker(t, emptyBroker()), "nats://")
	proxy := streamtest.NewProxy(t, whole)
	c := newCall(nil).start(t, "serve", "-s", proxy.URL(), "--http", "off", "--data-dir", t.TempDir())
	c.out.await(t, "Events: JetStream stream EVENTS, connected", 1)
	proxy.SetTarget(without)
	proxy.Cut()
	c.err.await(t, `level=WARN msg="the broker is back, but the event stream is still degraded" reason="the broker at `+proxy.URL()+` has no JetStream"`, 1)
	proxy.SetTarget(whole)
	proxy.Cut()
	c.err.await(t, "event stream connected", 2)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

func TestTheRetentionOfEventsCountsWhenTheStreamIsCreated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	maxAge := func(args ...string) (age time.Duration) {
		c := newCall(nil).start(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--http", "off", "--data-dir", dir}, args...)...)
		c.out.await(t, "Ctrl-C", 1)
		nc, err := nats.Connect(brokerURL.FindString(c.out.String()))
		must(t, err)
		defer nc.Close()
		js, err := jetstream.New(nc)
		must(t, err)
		stream, err := js.Stream(t.Context(), eventstream.DefaultStreamName)
		must(t, err)
		nc.Close()
		c.interrupt()
		equal(t, "exit code", c.wait(t), 0)
		return stream.CachedInfo().Config.MaxAge
	}
	equal(t, "as created", maxAge("--event-retention", "36h"), 36*time.Hour)
	equal(t, "of an existing stream", maxAge("--event-retention", "30d"), 36*time.Hour)
}

var brokerURL = regexp.MustCompile(`nats://[0-9.:]+`)

func TestServeLogsJSONInPlaceOfABanner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "mc.yaml")
	must(t, os.WriteFile(file, []byte("log_format: json\nhttp: off\nlisten: 127.0.0.1:0\ndata_dir: "+dir+"\n"), 0o600))
	c := newCall(map[string]string{"SUPERVISOR_CONFIG": file}).start(t, "serve")
	c.err.await(t, `"msg":"ready"`, 1)
	contains(t, c.err.String(), `"broker":"nats://127.0.0.1:`, `"http":"off"`, `"version":"`+version()+`"`)
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
	equal(t, "stdout", c.out.String(), "")
	lines := strings.Split(strings.TrimSpace(c.err.String()), "\n")
	contains(t, lines[len(lines)-1], `"msg":"stopped"`)
}

func TestServeRefusesABrokerOfASupervisorWithAnotherStore(t *testing.T) {
	t.Parallel()
	c := newCall(nil).start(t, "serve", "-s", newTestbed(t).url, "--http", "off", "--data-dir", t.TempDir())
	equal(t, "exit code", c.wait(t), 1)
	contains(t, c.err.String(), "another supervisor on this broker uses a different store", "use the same --store for both")
}

func TestServeWithAnExternalBroker(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(t.Context(), embedded.Config{StoreDir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, broker.Shutdown(context.Background())) })
	url := broker.ClientURL()
	dir := t.TempDir()
	c := newCall(nil).start(t, "serve", "-s", url, "--http", "off", "--data-dir", dir)
	c.out.await(t, "Ctrl-C", 1)
	contains(t, c.out.String(), "Broker: "+url+"\n")
	if _, err := os.Stat(filepath.Join(dir, "jetstream")); !os.IsNotExist(err) {
		t.Errorf("a broker of its own left something in %s: %v", dir, err)
	}
	c.interrupt()
	equal(t, "exit code", c.wait(t), 0)
}

// Help fits the terminal, and its flags that say where to connect are a group of their own.
func TestHelpIsWrapped(t *testing.T) {
	t.Parallel()
	const width = 72
	for _, args := range [][]string{{"--help"}, {"missions", "list", "--help"}, {"agent", "run", "--help"}} {
		var out bytes.Buffer
		c := newCLI(strings.NewReader(""), &out, &out)
		c.Out.Width = width
		if code := c.run(t.Context(), args); code != exitOK {
			t.Fatalf("%v: exit code %d: %s", args, code, out.String())
		}
		_, flags, _ := strings.Cut(out.String(), "\nFlags:\n")
		for line := range strings.Lines(flags) {
			if words := strings.Fields(line); len(line) > width+1 && len(words) > 3 {
				t.Errorf("%v: a line of %d characters: %s", args, len(line), line)
			}
		}
		if len(args) > 1 && !strings.Contains(flags, "\nConnection flags:\n") {
			t.Errorf("%v: no group of flags says where to connect:\n%s", args, flags)
		}
	}
}
