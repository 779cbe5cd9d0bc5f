package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// guarded is a supervisor on a broker that admits only named users, set up as a
// user would: with `supervisor auth`.
type guarded struct {
	t       *testing.T
	users   []string // in addition to the supervisor and its broker's system user
	secrets string   // the directory with the users' credentials
	broker  string   // URL
	serve   []string // arguments
	process *supervisor
}

// people are the users of every guarded site. w1 and w2 are agents.
var people = map[string]string{"viewer": "viewer", "operator": "operator", "admin": "admin", "w1": "agent", "w2": "agent"}

// guardedSites are the ways to configure users and permissions.
var guardedSites = map[string]func(*testing.T) *guarded{
	"embedded, passwords": func(t *testing.T) *guarded { return guardEmbedded(t) },
	"embedded, nkeys":     func(t *testing.T) *guarded { return guardEmbedded(t, "--nkey") },
	"external, passwords": func(t *testing.T) *guarded { return guardExternal(t) },
	"external, nkeys":     func(t *testing.T) *guarded { return guardExternal(t, "--nkey") },
	"external, JWTs":      func(t *testing.T) *guarded { return guardExternal(t, "--jwt") },
}

func auth(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr, code := run(t, nil, binary, append([]string{"auth"}, args...)...)
	if code != 0 || stderr != "" {
		t.Fatalf("supervisor auth %v: exit code %d\n%s", args, code, stderr)
	}
	return stdout
}

// guardEmbedded reads the embedded broker's users from a file.
func guardEmbedded(t *testing.T, kind ...string) *guarded {
	t.Helper()
	g := &guarded{t: t, secrets: t.TempDir()}
	file := filepath.Join(g.secrets, "users.yaml")
	for name, role := range people {
		auth(t, append([]string{"add", role, name, "--users", file}, kind...)...)
		g.users = append(g.users, name)
	}
	g.serve = []string{"--users-file", file}
	return g
}

var listening = regexp.MustCompile(`Listening for client connections on (127\.0\.0\.1:\d+)`)

// guardExternal runs a nats-server with the files created by `auth init`. The
// agents are added while it runs.
func guardExternal(t *testing.T, kind ...string) *guarded {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "auth")
	auth(t, append([]string{"init", "--dir", dir}, kind...)...)
	g := &guarded{t: t, secrets: filepath.Join(dir, "secrets"), users: []string{"viewer", "operator", "admin", "w1", "w2", "supervisor"}}
	broker := spawn(t, dir, nil, "nats-server", "--config", filepath.Join(dir, "nats.conf"), "--port", "-1")
	broker.awaitPrinted("Server is ready")
	g.broker = "nats://" + listening.FindStringSubmatch(broker.output.String())[1]
	nkey := func(flag string) bool { return len(kind) == 1 && kind[0] == flag }
	for _, agent := range []string{"w1", "w2"} {
		args := []string{"add", "agent", agent, "--dir", dir}
		if nkey("--nkey") {
			args = append(args, "--nkey")
		}
		output := auth(t, args...)
		if nkey("--jwt") != strings.Contains(output, "the broker needs no change") {
			t.Errorf("auth add said %q", output)
		}
	}
	if !nkey("--jwt") {
		_, stderr, code := run(t, nil, "nats-server", "--signal", "reload="+pid(broker))
		if code != 0 {
			t.Fatalf("nats-server --signal reload: %s", stderr)
		}
		broker.awaitPrinted("Reloaded server configuration")
	}
	g.serve = append([]string{"--server", g.broker}, g.signIn("supervisor")...)
	for _, arg := range g.signIn("system") {
		g.serve = append(g.serve, strings.Replace(arg, "--", "--system-", 1))
	}
	return g
}

// start runs the supervisor.
func (g *guarded) start(args ...string) *supervisor {
	g.t.Helper()
	g.process = start(g.t, g.t.TempDir(), append(append([]string{}, g.serve...), args...)...)
	if g.broker == "" {
		g.broker = g.process.Broker
	}
	return g.process
}

// secret returns the file with a user's credentials, and its kind.
func (g *guarded) secret(name string) (path, kind string) {
	g.t.Helper()
	for _, kind := range []string{"password", "nk", "creds"} {
		path := filepath.Join(g.secrets, name+"."+kind)
		if info, err := os.Stat(path); err == nil {
			if info.Mode().Perm() != 0o600 {
				g.t.Errorf("%s can be read by others: %v", path, info.Mode())
			}
			return path, kind
		}
	}
	g.t.Fatalf("%s has no secret in %s", name, g.secrets)
	return "", ""
}

// signIn returns the flags with which a user signs in.
func (g *guarded) signIn(name string) []string {
	g.t.Helper()
	path, kind := g.secret(name)
	switch kind {
	case "password":
		return []string{"--user", name, "--password-file", path}
	case "nk":
		return []string{"--nkey", path}
	}
	return []string{"--creds", path}
}

// natsFlags returns the same for the nats CLI, which cannot read a password from a
// file.
func (g *guarded) natsFlags(name string) []string {
	g.t.Helper()
	path, kind := g.secret(name)
	if kind == "password" {
		return []string{"--server", g.broker, "--user", name, "--password", content(g.t, path)}
	}
	return append([]string{"--server", g.broker}, g.signIn(name)...)
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return strings.TrimSpace(string(text))
}

// connect signs a user in.
func (g *guarded) connect(name string, more ...nats.Option) *nats.Conn {
	g.t.Helper()
	path, kind := g.secret(name)
	var way nats.Option
	var err error
	switch kind {
	case "password":
		way = nats.UserInfo(name, content(g.t, path))
	case "nk":
		way, err = nats.NkeyOptionFromSeed(path)
	case "creds":
		way = nats.UserCredentials(path)
	}
	must(g.t, err)
	options := []nats.Option{way, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})}
	if people[name] == "agent" {
		options = append(options, nats.CustomInboxPrefix("_INBOX."+name))
	}
	nc, err := nats.Connect(g.broker, append(options, more...)...)
	must(g.t, err)
	g.t.Cleanup(nc.Close)
	return nc
}

// command runs one of our client commands as a user.
func (g *guarded) command(name string, args ...string) (stdout, stderr string, code int) {
	g.t.Helper()
	end := slices.Index(args, "--")
	if end < 0 {
		end = len(args)
	}
	return run(g.t, nil, binary, slices.Insert(slices.Clone(args), end, append(g.signIn(name), "--server", g.broker)...)...)
}

// ok runs a command that must succeed.
func (g *guarded) ok(name string, args ...string) string {
	g.t.Helper()
	stdout, stderr, code := g.command(name, args...)
	if code != 0 {
		g.t.Fatalf("%s by %s: exit code %d\n%s%s", strings.Join(args, " "), name, code, stdout, stderr)
	}
	return stdout
}

// agent runs an agent with its own credentials.
func (g *guarded) agent(id string, args ...string) *child {
	g.t.Helper()
	agent := spawn(g.t, g.t.TempDir(), nil, binary, append(append([]string{"agent", "run", "--id", id, "--server", g.broker}, g.signIn(id)...), args...)...)
	return agent
}
