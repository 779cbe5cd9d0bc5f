package test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"missioncontrol/missions"
	"missioncontrol/supervisor/client"
)

// The whole system at work, with separate credentials for every user.
func TestAFleetWithRoles(t *testing.T) {
	for name, site := range guardedSites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := site(t)
			g.start()
			g.ok("operator", "missions", "create", "first", "--id", "first", "--type", "x")
			_, stderr, code := g.command("viewer", "missions", "create", "never")
			if code != 1 || !strings.Contains(stderr, `the broker does not allow this user to do that`) || !strings.Contains(stderr, "supervisor.missions.create") {
				t.Errorf("a viewer creates: exit code %d, %s", code, stderr)
			}
			w1 := g.agent("w1", "--type", "x", "--", "cat")
			operator := client.New(g.connect("operator"))
			awaitEnd(t, operator, "first", missions.Completed, "w1")
			if status := g.ok("viewer", "status", "--json"); !strings.Contains(status, `"completed_missions":1`) {
				t.Errorf("a viewer sees %s", status)
			}

			// No user can act as another agent than the one in its credentials.
			for _, who := range []string{"w1", "operator", "viewer"} {
				_, stderr, code := g.command(who, "agent", "run", "--id", "w2", "--type", "x", "--", "cat")
				if code != 1 || !strings.Contains(stderr, "the broker does not allow this user to be the agent w2") {
					t.Errorf("%s as the agent w2: exit code %d, %s", who, code, stderr)
				}
			}

			g.followsEvents(t, "viewer")
			g.followsEvents(t, "operator")
			if _, stderr, code := g.command("w1", "events"); code != 1 || !strings.Contains(stderr, "does not allow") {
				t.Errorf("an agent reads events: exit code %d, %s", code, stderr)
			}
			g.hasNatsCLI(t)

			// A death is noticed at once: the supervisor signed in to the system
			// account.
			g.ok("operator", "missions", "create", "second", "--id", "second", "--type", "x")
			awaitEnd(t, operator, "second", missions.Completed, "w1")
			w1.kill()
			awaitOffline(t, g, "w1", "its connection ended")
			g.process.stop()
		})
	}
}

// followsEvents reads with a durable consumer, which resumes where it stopped.
func (g *guarded) followsEvents(t *testing.T, who string) {
	t.Helper()
	args := []string{"events", "--type", "mission.created", "--durable", "of-" + who, "--json"}
	if first := g.ok(who, args...); strings.Count(first, `"mission_id":"first"`) != 1 {
		t.Errorf("%s reads %s", who, first)
	}
	if again := g.ok(who, args...); strings.Contains(again, "mission_id") {
		t.Errorf("%s reads again what was acknowledged: %s", who, again)
	}
}

// hasNatsCLI runs the NATS tools that a viewer can use.
func (g *guarded) hasNatsCLI(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		args []string
		has  string
	}{
		{[]string{"req", "--raw", "supervisor.health", ""}, `"status":"ok"`},
		{[]string{"micro", "ls"}, "supervisor"},
		{[]string{"micro", "stats", "supervisor"}, "missions-create"},
		{[]string{"stream", "ls"}, "EVENTS"},
		{[]string{"stream", "info", "EVENTS"}, "events.>"},
		{[]string{"stream", "get", "EVENTS", "--last-for", "events.mission.created"}, `"first"`},
		{[]string{"consumer", "add", "EVENTS", "nats-cli", "--pull", "--filter", "events.mission.>", "--defaults"}, "nats-cli"},
		{[]string{"consumer", "next", "EVENTS", "nats-cli", "--raw"}, "mission.created"},
		{[]string{"req", "--timeout", "1s", "supervisor.missions.create", `{"name":"never"}`}, `Permissions Violation for Publish to "supervisor.missions.create"`},
		{[]string{"pub", "events.mission.created", "forged"}, `Permissions Violation for Publish to "events.mission.created"`},
	} {
		stdout, stderr, _ := run(t, nil, "nats", append(g.natsFlags("viewer"), c.args...)...)
		if !strings.Contains(stdout+stderr, c.has) {
			t.Errorf("nats %v does not say %q:\n%s%s", c.args, c.has, stdout, stderr)
		}
	}
}

// awaitOffline waits for the event that reports an agent offline.
func awaitOffline(t *testing.T, g *guarded, agent, reason string) {
	t.Helper()
	js, err := jetstream.New(g.connect("viewer"))
	must(t, err)
	consumer, err := js.OrderedConsumer(t.Context(), "EVENTS", jetstream.OrderedConsumerConfig{FilterSubjects: []string{"events.agent.offline"}})
	must(t, err)
	msg, err := consumer.Next(jetstream.FetchMaxWait(testTimeout))
	must(t, err)
	if text := string(msg.Data()); !strings.Contains(text, `"`+agent+`"`) || !strings.Contains(text, reason) {
		t.Errorf("the event is %s", text)
	}
}

// Credentials appear only in their own files.
func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	g := guardExternal(t)
	tokens := filepath.Join(g.secrets, "tokens.yaml")
	auth(t, "token", "operator", "of-http", "--tokens", tokens)
	g.start("--tokens-file", tokens, "--log-level", "debug")
	agent := g.agent("w1", "--type", "x", "--", "cat")
	g.ok("operator", "missions", "create", "first", "--id", "first", "--type", "x")
	awaitEnd(t, client.New(g.connect("operator")), "first", missions.Completed, "w1")

	const wrong = "geheimes-Passwort"
	var output []string
	record := func(env []string, args ...string) {
		t.Helper()
		stdout, stderr, code := run(t, env, binary, args...)
		if code == 0 {
			t.Errorf("supervisor %v succeeded", args)
		}
		output = append(output, stdout, stderr)
	}
	record([]string{"NATS_USER=operator", "NATS_PASSWORD=" + wrong}, "status", "--server", g.broker)
	record([]string{"NATS_TOKEN=" + wrong}, "status", "--server", g.broker)
	record(nil, "status", "--server", strings.Replace(g.broker, "nats://", "nats://operator:"+wrong+"@", 1))
	record([]string{"SUPERVISOR_STORE=redis://:" + wrong + "@127.0.0.1:1/0"}, "serve", "--data-dir", t.TempDir())
	record([]string{"SUPERVISOR_STORE=redis://:" + wrong + "@127.0.0.1:1/x y"}, "serve", "--data-dir", t.TempDir())
	record([]string{"SUPERVISOR_SERVER=" + g.broker, "SUPERVISOR_PASSWORD=" + wrong}, "serve", "--data-dir", t.TempDir())
	token := content(t, filepath.Join(g.secrets, "of-http.token"))
	for _, authorization := range []string{"Bearer " + token, "Bearer " + wrong} {
		for _, path := range []string{"/api/supervisor/status", "/api/session", "/metrics", "/nothing"} {
			output = append(output, getWith(t, g.process.HTTP+path, authorization))
		}
	}
	output = append(output, g.ok("viewer", "events", "--json"))
	for _, id := range []int{g.process.Cmd.Process.Pid, agent.cmd.Process.Pid} {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/cmdline")
		must(t, err)
		output = append(output, string(line))
	}
	agent.stop(syscall.SIGTERM)
	g.process.stop()
	output = append(output, g.process.Logs.String(), agent.output.String())

	secrets := map[string]string{"a wrong one": wrong, "the token": token}
	for _, name := range append([]string{"system"}, g.users...) {
		path, _ := g.secret(name)
		secrets["that of "+name] = content(t, path)
	}
	for _, text := range output {
		for whose, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("a secret, %s, can be read in:\n%s", whose, text)
			}
		}
	}
	if logs := g.process.Logs.String(); !strings.Contains(logs, "level=DEBUG") && !strings.Contains(logs, "level=INFO") {
		t.Errorf("nothing was logged, which proves nothing:\n%s", logs)
	}
}
