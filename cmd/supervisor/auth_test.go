package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"missioncontrol/supervisor/credentials"
)

// authRun runs `supervisor auth` without a broker.
func authRun(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := newCall(nil)
	code = c.start(t, append([]string{"auth"}, args...)...).wait(t)
	return code, c.out.String(), c.err.String()
}

func authOK(t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := authRun(t, args...)
	if code != 0 || stderr != "" {
		t.Fatalf("supervisor auth %s: exit code %d\n%s\n%s", strings.Join(args, " "), code, stdout, stderr)
	}
	return stdout
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return string(text)
}

// A user's secret is in a file of its own; the entry in the list verifies it.
func TestAuthAddToAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "users.yaml")
	said := authOK(t, "add", "operator", "mary", "--users", file)
	contains(t, said, "operator mary", filepath.Join(dir, "mary.password"))
	password := strings.TrimSpace(read(t, filepath.Join(dir, "mary.password")))
	if strings.Contains(said, password) {
		t.Error("the password was printed")
	}
	// The user's own comment stays where it is.
	must(t, os.WriteFile(file, []byte("# mine\n"+read(t, file)), 0o600))
	shown := authOK(t, "add", "agent", "w1", "--users", file, "--nkey", "--show")
	if seed := read(t, filepath.Join(dir, "w1.nk")); !strings.HasPrefix(seed, "SU") || !strings.HasSuffix(shown, seed) {
		t.Errorf("--show shows %q", shown)
	}
	text := read(t, file)
	contains(t, text, "# mine\n", "name: mary", "name: w1", "nkey: U")
	if strings.Contains(text, password) {
		t.Error("the list holds the password")
	}
	users, err := credentials.ReadUsers(file)
	must(t, err)
	must(t, bcrypt.CompareHashAndPassword([]byte(users[0].PasswordHash), []byte(password)))
	for _, name := range []string{"mary.password", "w1.nk", "users.yaml"} {
		info, err := os.Stat(filepath.Join(dir, name))
		must(t, err)
		if info.Mode() != 0o600 {
			t.Errorf("%s can be read by others: %v", name, info.Mode())
		}
	}
}

// Adding users concurrently, as a loop in a shell may do, loses no user.
func TestAuthAddsThatMeetLoseNobody(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "auth")
	authOK(t, "init", "--dir", dir)
	lists := t.TempDir()
	users, tokens := filepath.Join(lists, "users.yaml"), filepath.Join(lists, "tokens.yaml")
	const each = 8
	var all sync.WaitGroup
	for i := range each {
		name := "w" + strconv.Itoa(i)
		all.Go(func() { authRun(t, "add", "agent", name, "--users", users) })
		all.Go(func() { authRun(t, "token", "viewer", name, "--tokens", tokens) })
		all.Go(func() { authRun(t, "add", "agent", name, "--dir", dir) })
	}
	all.Wait()
	for file, more := range map[string]int{users: 0, tokens: 0, filepath.Join(dir, "users.yaml"): len(credentials.DefaultUsers())} {
		equal(t, "entries in "+filepath.Base(file), strings.Count(read(t, file), "name: "), each+more)
	}
	authOK(t, "add", "agent", "last", "--dir", dir) // accounts.conf is rendered from the list
}

// A list may be a symbolic link.
func TestAuthAddFollowsALink(t *testing.T) {
	t.Parallel()
	there, link := filepath.Join(t.TempDir(), "real.yaml"), filepath.Join(t.TempDir(), "users.yaml")
	authOK(t, "add", "agent", "w1", "--users", there)
	must(t, os.Symlink(there, link))
	authOK(t, "add", "agent", "w2", "--users", link)
	contains(t, read(t, there), "name: w1", "name: w2")
}

func TestAuthToken(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "tokens.yaml")
	contains(t, authOK(t, "token", "viewer", "grafana", "--tokens", file), "grafana", filepath.Join(dir, "grafana.token"))
	token := strings.TrimSpace(read(t, filepath.Join(dir, "grafana.token")))
	if !strings.HasPrefix(token, "mctoken_") || len(token) < 40 || strings.Contains(read(t, file), token) {
		t.Errorf("the token is %q, in\n%s", token, read(t, file))
	}
}

// tree lists the files of a directory with their modes.
func tree(t *testing.T, dir string) (files []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if info.Mode() != 0o600 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
		name, _ := filepath.Rel(dir, path)
		files = append(files, name)
		return err
	}))
	slices.Sort(files)
	return files
}

func TestAuthInit(t *testing.T) {
	t.Parallel()
	defaultUsers := func(kind string) (files []string) {
		for _, role := range []string{"admin", "operator", "supervisor", "system", "viewer"} {
			files = append(files, "secrets/"+role+"."+kind)
		}
		return files
	}
	keys := []string{"keys/CLIENTS.nk", "keys/MISSIONS.nk", "keys/SYS.nk", "keys/operator.nk", "keys/role-admin.nk", "keys/role-agent.nk",
		"keys/role-operator.nk", "keys/role-supervisor.nk", "keys/role-system.nk", "keys/role-viewer.nk"}
	for name, c := range map[string]struct {
		args, files []string
	}{
		"passwords": {nil, append([]string{"accounts.conf", "nats.conf", "users.yaml"}, defaultUsers("password")...)},
		"nkeys":     {[]string{"--nkey"}, append([]string{"accounts.conf", "nats.conf", "users.yaml"}, defaultUsers("nk")...)},
		"JWTs":      {[]string{"--jwt"}, slices.Concat([]string{"accounts.yaml", "nats.conf", "operator.conf"}, keys, defaultUsers("creds"))},
	} {
		dir := filepath.Join(t.TempDir(), "auth")
		said := authOK(t, append([]string{"init", "--dir", dir}, c.args...)...)
		contains(t, said, "nats-server --config "+filepath.Join(dir, "nats.conf"))
		slices.Sort(c.files)
		if got := tree(t, dir); !slices.Equal(got, c.files) {
			t.Errorf("%s: the files are\n%v, want\n%v", name, got, c.files)
		}
		code, _, stderr := authRun(t, append([]string{"init", "--dir", dir}, c.args...)...)
		if code != 1 || !strings.Contains(stderr, "is not empty, and nothing is overwritten; choose another directory with --dir") {
			t.Errorf("%s: the second init: %d %s", name, code, stderr)
		}
	}
}

// render writes what the list says, and add does not overwrite manual changes.
func TestAuthRender(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "auth")
	authOK(t, "init", "--dir", dir, "--nkey")
	authOK(t, "add", "agent", "w1", "--dir", dir, "--nkey")
	accounts, users := filepath.Join(dir, "accounts.conf"), filepath.Join(dir, "users.yaml")
	contains(t, read(t, accounts), "# w1: agent", `allow: ["supervisor.agent.w1.>"]`)
	must(t, os.WriteFile(accounts, []byte(read(t, accounts)+"# mine\n"), 0o600))
	code, _, stderr := authRun(t, "add", "agent", "w2", "--dir", dir)
	if code != 1 || !strings.Contains(stderr, "supervisor auth render --dir "+dir) {
		t.Errorf("exit code %d, %s", code, stderr)
	}
	before, _, _ := strings.Cut(read(t, users), "  - name: w1")
	must(t, os.WriteFile(users, []byte(before), 0o600))
	authOK(t, "render", "--dir", dir)
	if text := read(t, accounts); strings.Contains(text, "w1") || strings.Contains(text, "# mine") {
		t.Errorf("the accounts are still\n%s", text)
	}
}

func TestAuthRefusesBadInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(file("inline.yaml"), []byte("users: []\n"), 0o600))
	must(t, os.WriteFile(file("broken.yaml"), []byte("users: {\n"), 0o600))
	authOK(t, "add", "viewer", "taken", "--users", file("users.yaml"))
	before := read(t, file("users.yaml"))
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "ROLE", []string{"add", "boss", "mary", "--users", file("users.yaml")}},
		{2, `the name "mary.x" must be 1 to 64 of A-Z a-z 0-9 _ -`, []string{"add", "viewer", "mary.x", "--users", file("users.yaml")}},
		{2, `the name "../../etc/x" must be`, []string{"add", "viewer", "../../etc/x", "--users", file("users.yaml")}},
		{2, `the name "*" must be`, []string{"add", "agent", "*", "--users", file("users.yaml")}},
		{2, `the name ">" must be`, []string{"add", "agent", ">", "--users", file("users.yaml")}},
		{2, "the name", []string{"add", "viewer", strings.Repeat("x", 65), "--users", file("users.yaml")}},
		{2, "a ROLE and a NAME", []string{"add", "viewer"}},
		{2, "the embedded broker has no user with the role", []string{"add", "system", "s", "--users", file("users.yaml")}},
		{2, "--dir and --users are alternatives", []string{"add", "viewer", "mary", "--users", file("users.yaml"), "--dir", dir}},
		{1, "it already exists", []string{"add", "viewer", "taken", "--users", file("users.yaml")}},
		{1, "supervisor auth init --dir", []string{"add", "viewer", "mary", "--dir", file("nowhere")}},
		{1, "nothing was added", []string{"add", "viewer", "mary", "--users", file("inline.yaml")}},
		{1, "has an unexpected value", []string{"add", "viewer", "mary", "--users", file("broken.yaml")}},
		{1, "cannot be written", []string{"add", "viewer", "mary", "--users", file("nowhere/users.yaml")}},
		{2, "--nkey and --jwt are alternatives", []string{"init", "--dir", file("x"), "--nkey", "--jwt"}},
		{2, "ROLE", []string{"token", "supervisor", "ci", "--tokens", file("tokens.yaml")}},
		{2, "--tokens is required", []string{"token", "viewer", "ci"}},
		{1, "cannot be read", []string{"render", "--dir", file("nowhere")}},
		{2, "", []string{"frobnicate"}},
	} {
		code, _, stderr := authRun(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) || strings.Count(strings.TrimSpace(stderr), "\n") > 0 {
			t.Errorf("auth %s: exit code %d, %q; want %d, one line with %q", strings.Join(c.args, " "), code, stderr, c.code, c.says)
		}
	}
	equal(t, "the list", read(t, file("users.yaml")), before)
	if left, _ := filepath.Glob(file("mary*")); left != nil {
		t.Errorf("secrets that open nothing were left: %v", left)
	}
}
