package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/supervisor/roles"
	"missioncontrol/test/tlstest"
)

// kept writes a text to a file and returns its path.
func kept(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kept.yaml")
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// An address that other machines can reach needs users or a token, or an explicit
// permission for everyone.
func TestListeningToEverybodyIsRefused(t *testing.T) {
	t.Parallel()
	g, authority := newGuards(t), tlstest.New(t)
	pair := authority.Server()
	listenTLS := []string{"--listen-tls-cert", pair.Cert, "--listen-tls-key", pair.Key}
	httpTLS := []string{"--http-tls-cert", pair.Cert, "--http-tls-key", pair.Key}
	for _, c := range []struct {
		args    []string
		refused string // a part of the error, "" for none
	}{
		{nil, ""},
		{[]string{"--listen", "localhost:4222", "--http", "127.0.0.2:8080"}, ""},
		{[]string{"--listen", "[::1]:4222", "--http", "[::ffff:127.0.0.1]:8080"}, ""},
		{[]string{"--listen", "0.0.0.0:4222"}, "--listen 0.0.0.0:4222 can be reached from other machines"},
		{[]string{"--listen", "[::]:4222"}, "--listen [::]:4222 can be reached"},
		{[]string{"--listen", "192.0.2.1:4222"}, "--users-file"},
		{[]string{"--listen", "broker.example:4222"}, "--insecure"},
		{[]string{"--http", "0.0.0.0:8080"}, "--http 0.0.0.0:8080 can be reached from other machines"},
		{[]string{"--http", "localhost.example:8080"}, "--insecure"},
		{[]string{"--listen", "0.0.0.0:4222", "--insecure"}, ""},
		{[]string{"--http", "0.0.0.0:8080", "--insecure=true"}, ""},
		{[]string{"--http", "0.0.0.0:8080", "--insecure=false"}, "--http"},
		{[]string{"--listen", "0.0.0.0:4222", "--users-file", g.users}, ""},
		{[]string{"--listen", "0.0.0.0:4222", "--tokens-file", g.tokens}, "--listen"},
		{[]string{"--http", "0.0.0.0:8080", "--tokens-file", g.tokens}, ""},
		{[]string{"--http", "0.0.0.0:8080", "--users-file", g.users}, "--http"},
		{append([]string{"--listen", "0.0.0.0:4222"}, listenTLS...), "--listen"}, // encrypted, for everyone
		{append([]string{"--listen", "0.0.0.0:4222", "--listen-tls-client-ca", authority.File}, listenTLS...), ""},
		{append([]string{"--http", "0.0.0.0:8080"}, httpTLS...), "--http"},
		{append([]string{"--http", "0.0.0.0:8080", "--http-tls-client-ca", authority.File}, httpTLS...), ""},
		{[]string{"--server", "nats://broker:4222", "--listen", "0.0.0.0:4222"}, ""}, // nothing listens there
		{[]string{"--server", "nats://broker:4222", "--http", "0.0.0.0:8080"}, "--http"},
	} {
		_, err := load(t, c.args, nil, "")
		var usage *ui.UsageError
		switch {
		case c.refused == "" && err != nil:
			t.Errorf("%v: %v", c.args, err)
		case c.refused != "" && (!errors.As(err, &usage) || !strings.Contains(usage.Error(), c.refused)):
			t.Errorf("%v: got %v, want a usage error with %q", c.args, err, c.refused)
		}
	}
	if _, err := load(t, []string{"--http", "0.0.0.0:8080"}, map[string]string{"SUPERVISOR_INSECURE": "1"}, ""); err != nil {
		t.Error(err)
	}
}

// Each name is checked, whichever source it comes from, and the error says what to use
// instead.
func TestNamesOfTheHTTPHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		env  string
		file string
		want string // the hosts, or a part of the error
	}{
		"several flags":   {args: []string{"--http-host", "a.example", "--http-host", "B-2.example"}, want: "[a.example b-2.example]"},
		"a service":       {args: []string{"--http-host", "mission_control"}, want: "[mission_control]"},
		"IPv6":            {args: []string{"--http-host", "[2001:DB8::1]"}, want: "[2001:db8::1]"},
		"a list":          {file: "http_host:\n  - a.example\n  - b.example\n", want: "[a.example b.example]"},
		"one in the file": {file: "http_host: a.example\n", want: "[a.example]"},
		"empty":           {args: []string{"--http-host="}, want: "--http-host: a host is empty"},
		"one is empty":    {env: "a.example,,b.example", want: "SUPERVISOR_HTTP_HOST: a host is empty"},
		"a scheme":        {args: []string{"--http-host", "https://a.example"}, want: `"https://a.example" is a URL; give only the host`},
		"a port":          {args: []string{"--http-host", "a.example:8080"}, want: `"a.example:8080" has a port`},
		"IPv6 and a port": {args: []string{"--http-host", "[::1]:8080"}, want: "has a port"},
		"a path":          {args: []string{"--http-host", "a.example/x"}, want: `"a.example/x" has a path`},
		"a wildcard":      {env: "*.example", want: `SUPERVISOR_HTTP_HOST: "*.example" has a wildcard`},
		"everything":      {file: "http_host: '*'\n", want: "line 1: \"*\" has a wildcard"},
		"spaces":          {args: []string{"--http-host", "a b"}, want: `"a b" is not a host name`},
		"no label":        {args: []string{"--http-host", "a..example"}, want: "is not a host name"},
		"not ASCII":       {args: []string{"--http-host", "bücher.example"}, want: "is not a host name"},
		"nested":          {file: "http_host: [[a]]\n", want: "it must be a single value"},
	} {
		s, err := load(t, c.args, map[string]string{"SUPERVISOR_HTTP_HOST": c.env}, c.file)
		if got := fmt.Sprint(s.Config.Guard.Hosts); err == nil && got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
		var usage *ui.UsageError
		if err != nil && (!errors.As(err, &usage) || !strings.Contains(usage.Error(), c.want)) {
			t.Errorf("%s: got %v, want a usage error with %q", name, err, c.want)
		}
	}
}

const bcryptOfNothing = "$2a$11$WEPRQdBERN3XQDmi2cqb8.P3Iv1/RttcWwhfT/9IuOz5ULtIQmNWG"

// An error in a file names its line or its entry, and never quotes it.
func TestBadFilesOfUsersAndTokens(t *testing.T) {
	t.Parallel()
	user := func(fields string) string { return "users:\n  - {name: geheim, " + fields + "}\n" }
	token := func(fields string) string { return "tokens:\n  - {name: ci, " + fields + "}\n" }
	hash := strings.Repeat("ab", 32)
	for name, c := range map[string]struct{ flag, text, want string }{
		"no YAML":         {"--users-file", "users: [\n", "has an unexpected value"},
		"another key":     {"--users-file", "user: []\n", "unknown key user; the only key is users"},
		"unknown field":   {"--users-file", "users:\n  - {name: a, role: viewer, password: geheim}\n", "line 2 has an unexpected value"},
		"nobody":          {"--users-file", "users:\n", "contains no users"},
		"no secret":       {"--users-file", user("role: viewer"), "must have either a password_hash or an nkey"},
		"both":            {"--users-file", user("role: viewer, nkey: x, password_hash: y"), "must have either a password_hash or an nkey"},
		"plain password":  {"--users-file", "users:\n  - {name: a, role: viewer, password_hash: geheim}\n", "the password_hash of a is not a bcrypt hash"},
		"bad nkey":        {"--users-file", "users:\n  - {name: a, role: viewer, nkey: SUgeheim}\n", "the nkey of a is not the public key of a user"},
		"bad role":        {"--users-file", user("role: boss, password_hash: " + bcryptOfNothing), `"boss" is not a role; the roles are viewer, operator`},
		"bad name":        {"--users-file", "users:\n  - {name: a.b, role: viewer, password_hash: " + bcryptOfNothing + "}\n", `the name "a.b" must be 1 to 64 of`},
		"twice":           {"--users-file", user("role: viewer, password_hash: "+bcryptOfNothing) + "  - {name: geheim, role: agent, password_hash: " + bcryptOfNothing + "}\n", "appears twice"},
		"system":          {"--users-file", user("role: system, password_hash: " + bcryptOfNothing), "only the supervisor may use the embedded broker's system account"},
		"no tokens":       {"--tokens-file", "tokens: []\n", "contains no tokens"},
		"role of a token": {"--tokens-file", token("role: supervisor, sha256: " + hash), `the role of ci is "supervisor"; for HTTP, it must be viewer, operator, agent or admin`},
		"short hash":      {"--tokens-file", token("role: viewer, sha256: geheim"), "the sha256 of ci is not 64 hexadecimal digits"},
		"token twice":     {"--tokens-file", token("role: viewer, sha256: "+hash) + "  - {name: ci, role: viewer, sha256: " + hash + "}\n", "ci appears twice"},
	} {
		_, err := load(t, []string{c.flag, kept(t, c.text)}, nil, "")
		var usage *ui.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Error(), c.want) || strings.Contains(usage.Error(), "\n") {
			t.Errorf("%s: got %v, want a line with %q", name, err, c.want)
			continue
		}
		if quoted := strings.ReplaceAll(usage.Error(), "geheim has", ""); strings.Contains(quoted, "geheim") && !strings.Contains(c.text, "name: geheim") {
			t.Errorf("%s: the error quotes the file: %s", name, usage.Error())
		}
	}
}

// The embedded broker's users may be in the configuration file itself.
func TestUsersInTheConfigurationFile(t *testing.T) {
	t.Parallel()
	g := newGuards(t)
	const mary = "users:\n  - name: mary\n    role: operator\n    password_hash: " + bcryptOfNothing + "\n"
	s, err := load(t, []string{"--users-file", g.users, "--listen", "0.0.0.0:4222"}, nil, mary)
	must(t, err)
	access := s.Config.Access
	if access == nil || len(access.Users) != 0 || len(access.Guests) != 2 || access.Guests[0].Name != "mary" {
		t.Fatalf("access is %+v", access)
	}
	equal(t, "how many subjects mary may publish on", len(access.Guests[0].Publish), len(roles.Operator.Permissions("mary").Publish))
	for _, nobody := range []string{"users: []\n", "users:\n"} {
		_, err := load(t, nil, nil, nobody)
		var usage *ui.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Error(), "mc.yaml, line 1 contains no users") {
			t.Errorf("%q: got %v", nobody, err)
		}
	}
	for text, want := range map[string]string{
		"users: mary\n": "line 1",
		"users:\n  - {name: mary, role: boss, nkey: x}\n":                               `"boss" is not a role`,
		"users:\n  - {name: v, role: viewer, password_hash: " + bcryptOfNothing + "}\n": "the user v is both in the configuration file and in --users-file",
		mary + "server: nats://broker:4222\n":                                           "is for the embedded broker, but --server or --context selects another broker",
	} {
		_, err := load(t, []string{"--users-file", g.users}, nil, text)
		var usage *ui.UsageError
		if !errors.As(err, &usage) || !strings.Contains(usage.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestBadCertificates(t *testing.T) {
	t.Parallel()
	authority := tlstest.New(t)
	pair, other, text := authority.Server(), authority.Client(), kept(t, "no certificate")
	for _, where := range []string{"--listen-tls-", "--http-tls-"} {
		for _, c := range []struct{ cert, key, ca, want string }{
			{pair.Cert, "", "", "cert also needs a certificate and its key"},
			{"", pair.Key, "", "key also needs a certificate and its key"},
			{"", "", authority.File, "client-ca also needs a certificate and its key"},
			{"/none", pair.Key, "", "the certificate and its key cannot be used: no such file"},
			{pair.Cert, other.Key, "", "the certificate and its key cannot be used"},
			{text, pair.Key, "", "the certificate and its key cannot be used"},
			{pair.Cert, pair.Key, "/none", "/none cannot be used: no such file"},
			{pair.Cert, pair.Key, text, "it contains no certificate"},
		} {
			var args []string
			for flag, path := range map[string]string{"cert": c.cert, "key": c.key, "client-ca": c.ca} {
				if path != "" {
					args = append(args, where+flag, path)
				}
			}
			_, err := load(t, args, nil, "")
			var usage *ui.UsageError
			if !errors.As(err, &usage) || !strings.Contains(usage.Error(), c.want) || !strings.Contains(usage.Error(), where) || strings.Contains(usage.Error(), "\n") {
				t.Errorf("%v: got %v, want %q", args, err, c.want)
			}
		}
	}
}

// A secret that is set in two ways comes from the source with the higher precedence. It
// is an error if both have the same.
func TestASecretFromTwoSources(t *testing.T) {
	t.Parallel()
	file := kept(t, "of-the-file\n")
	server := []string{"--server", "nats://b:1", "--user", "u"}
	for _, c := range []struct {
		args []string
		env  map[string]string
		want string
	}{
		{[]string{"--password-file", file}, map[string]string{"SUPERVISOR_PASSWORD": "of-the-environment"}, "of-the-file"},
		{[]string{"--password", "of-the-flag"}, map[string]string{"SUPERVISOR_PASSWORD_FILE": file}, "of-the-flag"},
		{[]string{"--password", "of-the-flag", "--password-file", file}, nil, ""},
	} {
		s, err := load(t, append(c.args, server...), c.env, "")
		switch {
		case c.want == "" && (err == nil || !strings.Contains(err.Error(), "this is set twice")):
			t.Errorf("%v: %v", c.args, err)
		case c.want != "":
			must(t, err)
			equal(t, "password", s.values["password"].text, c.want)
		}
	}
	for text, want := range map[string]string{
		"":                         "is empty",
		"\n":                       "is empty",
		"one\ntwo\n":               "contains more than one line",
		strings.Repeat("x", 65537): "is too large to hold a secret",
	} {
		_, err := load(t, append(server, "--password-file", kept(t, text)), nil, "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", text, err, want)
		}
	}
}
