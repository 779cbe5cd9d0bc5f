package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/test/tlstest"
)

// settingCase is a setting with three distinct values, and how to read it after it is
// applied.
type settingCase struct {
	flag, file, env string // values, as set
	read            func(*Settings) string
	want            [3]string // as read: flag, environment, file; default: as set
	fallback        string
	besides         []string // arguments that the setting also needs
}

func field(read func(*Settings) any) func(*Settings) string {
	return func(s *Settings) string { return fmt.Sprint(read(s)) }
}

// settingCases returns every setting of serve.
func settingCases(t *testing.T) map[string]settingCase {
	t.Helper()
	dir := t.TempDir()
	file := func(name string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(name), 0o600))
		return path
	}
	external := []string{"--server", "nats://broker:4222"}
	path := func(key string, read func(*Settings) any, besides ...string) settingCase {
		return settingCase{flag: file(key + "-flag"), env: file(key + "-env"), file: file(key + "-file"),
			read: field(read), besides: append(besides, external...)}
	}
	webhook := []string{"--alert-webhook", "http://alerts.example.com"}
	holds := func(text string) string {
		path := filepath.Join(t.TempDir(), "holds")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	secretFile := func(read func(*Settings) any, besides []string) settingCase {
		return settingCase{flag: holds("geheim-f\n"), env: holds("geheim-e"), file: holds("geheim-c\r\n"),
			want: [3]string{"geheim-f", "geheim-e", "geheim-c"}, read: field(read), besides: besides}
	}
	authority := tlstest.New(t)
	pair, g := authority.Server(), newGuards(t)
	// Three copies of a valid file, so that they can be told apart.
	guarded := func(source, key string, besides ...string) settingCase {
		text, err := os.ReadFile(source)
		must(t, err)
		c := settingCase{flag: holds(string(text)), env: holds(string(text)), file: holds(string(text)), besides: besides}
		c.read = func(s *Settings) string { return s.values[key].text }
		return c
	}
	t.Setenv("XDG_DATA_HOME", "/var/lib/of-tests")
	return map[string]settingCase{
		"store": {flag: "sqlite:/f.db", env: "sqlite:/e.db", file: "sqlite:/c.db",
			read: field(func(s *Settings) any { return s.Config.Store })},
		"data_dir": {flag: "/f", env: "/e", file: "/c", fallback: "/var/lib/of-tests/missioncontrol",
			read: field(func(s *Settings) any { return s.Config.DataDir })},
		"listen": {flag: "127.0.0.1:1", env: "127.0.0.1:2", file: "127.0.0.1:3", fallback: "127.0.0.1:4222",
			read: field(func(s *Settings) any { return s.Config.Listen })},
		"http": {flag: "off", env: "127.0.0.1:2", file: "off", fallback: "127.0.0.1:8080",
			read: field(func(s *Settings) any { return s.Config.HTTP })},
		"log_format": {flag: "json", env: "text", file: "json", fallback: "text",
			read: field(func(s *Settings) any { return s.LogFormat })},
		"log_level": {flag: "error", env: "warn", file: "debug", want: [3]string{"ERROR", "WARN", "DEBUG"}, fallback: "INFO",
			read: field(func(s *Settings) any { return s.LogLevel })},
		"lease": {flag: "20s", env: "30s", file: "40s", fallback: "10s",
			read: field(func(s *Settings) any { return s.Config.Lease })},
		"heartbeat": {flag: "1s", env: "2s", file: "4s", fallback: "3s",
			read: field(func(s *Settings) any { return s.Config.Heartbeat })},
		"grace": {flag: "1s", env: "2s", file: "4s", fallback: "500ms",
			read: field(func(s *Settings) any { return s.Config.Grace })},
		"system_creds": path("system_creds", func(s *Settings) any { return s.values["system_creds"].text }),
		"system_nkey":  path("system_nkey", func(s *Settings) any { return s.values["system_nkey"].text }),
		"system_user": {flag: "f", env: "e", file: "c", besides: append([]string{"--system-password", "p"}, external...),
			read: field(func(s *Settings) any { return s.values["system_user"].text })},
		"system_password": {flag: "pf", env: "pe", file: "pc", besides: append([]string{"--system-user", "u"}, external...),
			read: field(func(s *Settings) any { return s.values["system_password"].text })},
		"retention": {flag: "1d", env: "2d", file: "36h", want: [3]string{"24h0m0s", "48h0m0s", "36h0m0s"}, fallback: "168h0m0s",
			read: field(func(s *Settings) any { return s.Config.Retention })},
		"event_retention": {flag: "1d", env: "2d", file: "36h", want: [3]string{"24h0m0s", "48h0m0s", "36h0m0s"}, fallback: "168h0m0s",
			read: field(func(s *Settings) any { return s.Config.EventRetention })},
		"event_compression": {flag: "none", env: "s2", file: "none", fallback: "s2",
			read: field(func(s *Settings) any { return s.Config.EventCompression })},
		"outbox_limit": {flag: "1", env: "2", file: "3", fallback: "1000000",
			read: field(func(s *Settings) any { return s.Config.OutboxLimit })},
		"broker_sync": {flag: "1s", env: "2s", file: "1ms", fallback: "2m0s",
			read: field(func(s *Settings) any { return s.Config.BrokerSync })},
		"replicas": {flag: "3", env: "2", file: "5", fallback: "0",
			read: field(func(s *Settings) any { return s.Config.Replicas })},
		"alert_defaults": {flag: "off", env: "on", file: "off", want: [3]string{"false", "true", "false"}, fallback: "true",
			read: field(func(s *Settings) any { return s.alertDefaults })},
		"alert_interval": {flag: "1s", env: "2s", file: "20s", fallback: "5s",
			read: field(func(s *Settings) any { return s.Config.AlertInterval })},
		"alert_webhook": {flag: "http://f", env: "https://e/x?y", file: "http://c:1",
			read: field(func(s *Settings) any { return s.values["alert_webhook"].text })},
		"alert_webhook_file": {flag: holds("http://f\n"), env: holds("https://e/x?y"), file: holds("http://c:1"), want: [3]string{"http://f", "https://e/x?y", "http://c:1"},
			read: field(func(s *Settings) any { return s.values["alert_webhook"].text })},
		"alert_webhook_secret": {flag: "f", env: "e", file: "whsec_YWJj", besides: webhook,
			read: field(func(s *Settings) any { return s.values["alert_webhook_secret"].text })},
		"alert_webhook_secret_file": {flag: file("f"), env: file("e"), file: file("c"), want: [3]string{"f", "e", "c"}, besides: webhook,
			read: field(func(s *Settings) any { return s.values["alert_webhook_secret"].text })},
		"server": {flag: "nats://f:1", env: "nats://e:2", file: "nats://c:3",
			read: field(func(s *Settings) any { return s.Config.Server })},
		"context": {flag: "f", env: "e", file: "c",
			read: field(func(s *Settings) any { return s.values["context"].text })},
		"creds": path("creds", func(s *Settings) any { return s.values["creds"].text }),
		"nkey":  path("nkey", func(s *Settings) any { return s.values["nkey"].text }),
		"user": {flag: "f", env: "e", file: "c", besides: external,
			read: field(func(s *Settings) any { return s.values["user"].text })},
		"password": {flag: "pf", env: "pe", file: "pc", besides: append([]string{"--user", "u"}, external...),
			read: field(func(s *Settings) any { return s.values["password"].text })},
		"token": {flag: "tf", env: "te", file: "tc", besides: external,
			read: field(func(s *Settings) any { return s.values["token"].text })},
		"store_file": {flag: holds("sqlite:/f.db"), env: holds("sqlite:/e.db\n"), file: holds("sqlite:/c.db\r\n"), want: [3]string{"sqlite:/f.db", "sqlite:/e.db", "sqlite:/c.db"},
			read: field(func(s *Settings) any { return s.Config.Store })},
		"password_file": secretFile(func(s *Settings) any { return s.values["password"].text }, append([]string{"--user", "u"}, external...)),
		"token_file":    secretFile(func(s *Settings) any { return s.values["token"].text }, external),
		"system_password_file": secretFile(func(s *Settings) any { return s.values["system_password"].text },
			append([]string{"--system-user", "u"}, external...)),
		"inbox_prefix": {flag: "_INBOX.f", env: "_INBOX.e", file: "mine", besides: external,
			read: field(func(s *Settings) any { return s.values["inbox_prefix"].text })},
		"users_file":  guarded(g.users, "users_file"),
		"tokens_file": guarded(g.tokens, "tokens_file"),
		"advertise":   {flag: "http://f:1", env: "https://e:2/mc", file: "http://c:3", read: field(func(s *Settings) any { return s.Config.Advertise })},
		"http_host": {flag: "f.example,F2.example.", env: "e.example, 192.0.2.7", file: "[c.example, c2]", fallback: "[]",
			want: [3]string{"[f.example f2.example]", "[e.example 192.0.2.7]", "[c.example c2]"},
			read: field(func(s *Settings) any { return s.Config.Guard.Hosts })},
		"listen_tls_cert":      guarded(pair.Cert, "listen_tls_cert", "--listen-tls-key", pair.Key),
		"listen_tls_key":       guarded(pair.Key, "listen_tls_key", "--listen-tls-cert", pair.Cert),
		"listen_tls_client_ca": guarded(authority.File, "listen_tls_client_ca", "--listen-tls-cert", pair.Cert, "--listen-tls-key", pair.Key),
		"http_tls_cert":        guarded(pair.Cert, "http_tls_cert", "--http-tls-key", pair.Key),
		"http_tls_key":         guarded(pair.Key, "http_tls_key", "--http-tls-cert", pair.Cert),
		"http_tls_client_ca":   guarded(authority.File, "http_tls_client_ca", "--http-tls-cert", pair.Cert, "--http-tls-key", pair.Key),
		"insecure": {flag: "true", env: "true", file: "true", fallback: "false",
			read: field(func(s *Settings) any { return s.insecure })},
		"tlscert": path("tlscert", func(s *Settings) any { return s.values["tlscert"].text }, "--tlskey", file("key")),
		"tlskey":  path("tlskey", func(s *Settings) any { return s.values["tlskey"].text }, "--tlscert", file("cert")),
		"tlsca":   path("tlsca", func(s *Settings) any { return s.values["tlsca"].text }),
	}
}

// load reads settings from arguments, an environment and a file's text.
func load(t *testing.T, args []string, env map[string]string, file string) (Settings, error) {
	t.Helper()
	cmd := &cobra.Command{}
	AddServeFlags(cmd)
	if file != "" {
		path := filepath.Join(t.TempDir(), "mc.yaml")
		must(t, os.WriteFile(path, []byte(file), 0o600))
		args = append(args, "--config", path)
	}
	must(t, cmd.ParseFlags(args))
	lookup := func(name string) (string, bool) { text, ok := env[name]; return text, ok }
	return LoadServe(cmd.Flags(), lookup, "dev")
}

// loaded is load without the errors that only a connection can show: these tests are not
// about a missing context or a file without a seed.
func loaded(t *testing.T, args []string, env map[string]string, file string) Settings {
	t.Helper()
	s, err := load(t, args, env, file)
	if err != nil && !strings.Contains(err.Error(), "context") && !strings.Contains(err.Error(), "nkey seed") {
		t.Fatal(err)
	}
	return s
}

func TestEverySettingComesFromEverySource(t *testing.T) {
	cases := settingCases(t)
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	settings := slices.DeleteFunc(new(Settings).table(), func(s setting) bool { return s.flagOnly || s.fileOnly })
	for _, s := range settings {
		c, ok := cases[s.key]
		if !ok {
			t.Errorf("no case for the setting %s", s.key)
			continue
		}
		if c.want == [3]string{} {
			c.want = [3]string{c.flag, c.env, c.file}
		}
		t.Run(s.key, func(t *testing.T) {
			flag := append([]string{"--" + strings.ReplaceAll(s.key, "_", "-") + "=" + c.flag}, c.besides...)
			env := map[string]string{"SUPERVISOR_" + strings.ToUpper(s.key): c.env}
			file := fmt.Sprintf("# settings\n%s: %s\n", s.key, c.file)
			for _, step := range []struct {
				name string
				got  Settings
				want string
			}{
				{"flag", loaded(t, flag, nil, ""), c.want[0]},
				{"environment", loaded(t, c.besides, env, ""), c.want[1]},
				{"file", loaded(t, c.besides, nil, file), c.want[2]},
				{"flag over environment and file", loaded(t, flag, env, file), c.want[0]},
				{"environment over file", loaded(t, c.besides, env, file), c.want[1]},
				{"nothing", withoutDefaults(t, s.key, c), c.fallback},
			} {
				if got := c.read(&step.got); got != step.want {
					t.Errorf("%s: got %q, want %q", step.name, got, step.want)
				}
			}
		})
	}
	if len(cases) != len(settings) {
		t.Errorf("%d cases for %d settings", len(cases), len(settings))
	}
}

// withoutDefaults loads only the arguments that the setting also needs.
func withoutDefaults(t *testing.T, key string, c settingCase) Settings {
	t.Helper()
	switch key {
	case "tlscert", "tlskey", "system_user", "system_password", "system_password_file",
		"listen_tls_cert", "listen_tls_key", "http_tls_cert", "http_tls_key":
		return Settings{} // only valid in pairs
	}
	return loaded(t, c.besides, nil, "")
}

func TestBadValuesAreCalledByWhereTheyCameFrom(t *testing.T) {
	t.Parallel()
	bad := map[string]string{
		"store": "mysql://root:geheim@db/x", "listen": "4222", "http": "yes", "log_format": "xml", "log_level": "loud",
		"lease": "10", "heartbeat": "0s", "grace": "0s", "retention": "-1d", "event_retention": "29s", "event_compression": "zip", "outbox_limit": "0", "broker_sync": "0s", "replicas": "6",
		"server": "http://user:geheim@broker", "creds": "/does/not/exist", "tlsca": "/does/not/exist",
		"alert_defaults": "yes", "alert_interval": "1m", "alert_webhook": "ftp://user:geheim@x", "alert_webhook_file": "/does/not/exist", "alert_webhook_secret_file": "/does/not/exist",
		"system_creds": "/does/not/exist", "system_user": "mary", "system_password": "geheim",
		"store_file": "/does/not/exist", "password_file": "/does/not/exist", "token_file": "/does/not/exist", "system_password_file": "/does/not/exist",
		"inbox_prefix": "_INBOX.>", "tokens_file": "/does/not/exist", "http_host": "http://mc.example", "advertise": "http://user:geheim@x",
	}
	for key, value := range bad {
		flag, variable := "--"+strings.ReplaceAll(key, "_", "-"), "SUPERVISOR_"+strings.ToUpper(key)
		besides, firstLine := []string{"--server", "nats://broker:4222"}, "http: off\n"
		switch key {
		case "server":
			besides = nil
		case "http":
			firstLine = "replicas: 1\n"
		}
		for where, text := range map[string]error{
			flag + ": ":     errorOf(load(t, append(besides, flag, value), nil, "")),
			variable + ": ": errorOf(load(t, besides, map[string]string{variable: value}, "")),
			"line 2: ":      errorOf(load(t, besides, nil, firstLine+key+": \""+value+"\"\n")),
		} {
			var usage *ui.UsageError
			if !errors.As(text, &usage) {
				t.Errorf("%s %s: got %v, want a usage error", key, value, text)
				continue
			}
			if !strings.Contains(usage.Error(), where) || strings.Contains(usage.Error(), "geheim") || strings.Contains(usage.Error(), "\n") {
				t.Errorf("%s: %q does not name %q in one line, or shows a secret", key, usage.Error(), where)
			}
		}
	}
}

func errorOf(_ Settings, err error) error { return err }

func TestConfigurationFiles(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":      {"stroe: x\n", "stroe in FILE, line 1: there is no such setting; the settings are store, store_file, data_dir"},
		"flag's name":      {"data-dir: x\n", "data-dir in FILE, line 1: there is no such setting; did you mean data_dir?"},
		"itself":           {"config: x\n", "config in FILE, line 1: there is no such setting"},
		"nested":           {"log_format: text\nlease:\n  seconds: 10\n", "lease in FILE, line 2: it must be a single value"},
		"list":             {"server: [a, b]\n", "server in FILE, line 1: it must be a single value"},
		"no mapping":       {"- lease\n", "FILE must consist of lines like"},
		"not YAML":         {"lease: [\n", "FILE"},
		"lease too low":    {"lease: 4s\n", "lease in FILE, line 1: a lease of 4 seconds does not outlast two heartbeats of 3 seconds (--heartbeat)"},
		"lonely user":      {"user: mary\n", "user in FILE, line 1 is for an external broker; add --server URL or --context NAME"},
		"lonely system":    {"system_user: mary\nsystem_password: p\n", "system_user in FILE, line 1 is for an external broker; the embedded broker needs no credentials"},
		"alternative ways": {"server: nats://b:1\nuser: mary\ntoken: t\n", "user in FILE, line 2 and token in FILE, line 3 are alternative ways to sign in; give only one"},
	} {
		_, err := load(t, nil, nil, c.text)
		var usage *ui.UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%s: got %v, want a usage error", name, err)
			continue
		}
		_, after, _ := strings.Cut(c.want, "FILE")
		if !strings.Contains(strings.ReplaceAll(usage.Error(), "\n", "⏎"), strings.Split(after, "FILE")[0]) {
			t.Errorf("%s: got %q, want %q", name, usage.Error(), c.want)
		}
		if strings.Contains(usage.Error(), "\n") {
			t.Errorf("%s: more than a line: %q", name, usage.Error())
		}
	}
	if _, err := load(t, []string{"--config", "/does/not/exist.yaml"}, nil, ""); err == nil || err.Error() != "the configuration file /does/not/exist.yaml does not exist" {
		t.Errorf("a file that is not there: %v", err)
	}
	for _, text := range []string{"", "# nothing\n", "---\n", "server:\n", "lease: ~\n", "http: off\nreplicas: 1 # one\n"} {
		if _, err := load(t, nil, nil, text+" "); err != nil {
			t.Errorf("%q was refused: %v", text, err)
		}
	}
}

func TestANearerCredentialDisplacesAFartherOne(t *testing.T) {
	t.Parallel()
	s, err := load(t, []string{"--server", "nats://b:1", "--token", "flag"}, map[string]string{"SUPERVISOR_USER": "env"}, "")
	must(t, err)
	way, _ := (&Connection{values: s.values}).ways()
	equal(t, "way to sign in", way.text, "flag")
	for _, args := range [][]string{
		{"--server", "nats://b:1", "--password", "p"},
		{"--server", "nats://b:1", "--tlskey", "settings_test.go"},
	} {
		if _, err := load(t, args, nil, ""); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

func TestServeIgnoresTheEnvironmentOfTheClients(t *testing.T) {
	t.Parallel()
	s, err := load(t, nil, map[string]string{"NATS_URL": "nats://elsewhere:4222", "NATS_CREDS": "/none", "NATS_CONTEXT": "none"}, "")
	must(t, err)
	equal(t, "server", s.Config.Server, "")
}
