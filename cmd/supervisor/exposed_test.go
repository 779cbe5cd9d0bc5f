//go:build unix

package main

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/supervisor/api"
)

// A file with a secret that others can read is warned of, whichever command reads it.
func TestFilesWithSecretsThatOthersCanRead(t *testing.T) {
	t.Parallel()
	place := func(mode fs.FileMode, text string) string {
		path := filepath.Join(t.TempDir(), "secret")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		must(t, os.Chmod(path, mode))
		return path
	}
	closed, open := place(0o600, "geheim"), place(0o644, "geheim")
	b := newFake(t)
	answering(t, b.nc, api.SubjectStatus, statusReply)
	for path, warned := range map[string]bool{closed: false, open: true} {
		_, stdout, stderr := b.run(t, "status", "--user", "mary", "--password-file", path)
		if (stderr == "supervisor: warning: other users can read "+path+" (--password-file); run: chmod 600 "+path+"\n") != warned || stderr != "" && !warned || stdout == "" {
			t.Errorf("with %s: %q", path, stderr)
		}
	}

	file := place(0o644, "password: geheim\nuser: mary\nserver: nats://127.0.0.1:1\n")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--server", "nats://h:1", "--user", "u", "--password-file", closed}, nil},
		{[]string{"--server", "nats://h:1", "--user", "u", "--password-file", open}, []string{open + " setting=--password-file"}},
		{[]string{"--server", "nats://h:1", "--system-user", "u", "--system-password-file", open, "--alert-webhook-secret-file", open},
			[]string{open + " setting=--alert-webhook-secret-file", open + " setting=--system-password-file"}},
		{[]string{"--config", file}, []string{file + ` setting="password in ` + file + `, line 1"`}},
	} {
		s, err := loadServe(t, c.args...)
		if err != nil && !strings.Contains(err.Error(), "webhook") {
			t.Fatal(err)
		}
		var out bytes.Buffer
		config.LogExposed(slog.New(slog.NewTextHandler(&out, nil)), s.Exposed)
		if strings.Count(out.String(), "\n") != len(c.want) {
			t.Errorf("%v: %s", c.args, out.String())
		}
		for _, part := range c.want {
			if !strings.Contains(out.String(), "level=WARN") || !strings.Contains(out.String(), "file="+part) || !strings.Contains(out.String(), "chmod 600 ") {
				t.Errorf("%v: %q is not in %s", c.args, part, out.String())
			}
		}
	}
}

const bcryptOfNothing = "$2a$11$WEPRQdBERN3XQDmi2cqb8.P3Iv1/RttcWwhfT/9IuOz5ULtIQmNWG"

// A file that says who may do what ends the start if other users can change it.
func TestFilesOfUsersThatOthersCanChangeAreRefused(t *testing.T) {
	t.Parallel()
	const users = "users:\n  - {name: mary, role: viewer, password_hash: " + bcryptOfNothing + "}\n"
	const tokens = "tokens:\n  - {name: grafana, role: viewer, sha256: " + "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" + "}\n"
	for _, flag := range []string{"--users-file", "--tokens-file", "--config"} {
		for _, c := range []struct {
			dir, file fs.FileMode
			refused   bool
		}{{0o700, 0o600, false}, {0o755, 0o644, false}, {0o755, 0o664, true}, {0o755, 0o606, true}, {0o777, 0o600, true}} {
			dir := filepath.Join(t.TempDir(), "dir")
			must(t, os.Mkdir(dir, 0o700))
			path := filepath.Join(dir, "file.yaml")
			text := users
			if flag == "--tokens-file" {
				text = tokens
			}
			must(t, os.WriteFile(path, []byte(text), 0o600))
			must(t, os.Chmod(path, c.file))
			must(t, os.Chmod(dir, c.dir))
			if _, err := loadServe(t, flag, path); (err != nil) != c.refused || c.refused && !strings.Contains(err.Error(), "other users can change it") {
				t.Errorf("%s, a file %v in a directory %v: %v", flag, c.file, c.dir, err)
			}
			if c.refused {
				call := newCall(nil)
				code := call.start(t, "serve", flag, path).wait(t)
				if text := call.err.String(); code != exitUsage || strings.Count(text, "\n") != 1 || !strings.Contains(text, path) {
					t.Errorf("exit code %d and %q", code, text)
				}
			}
		}
	}
}
