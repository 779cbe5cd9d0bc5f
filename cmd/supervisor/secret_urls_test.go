package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever character of a password is not escaped, and wherever the URL comes from, the
// error quotes no part of the password.
func TestNoErrorQuotesAPasswordOfAURL(t *testing.T) {
	t.Parallel()
	for _, password := range []string{"se#cret", "se/cret", "se?cret", "1#cret", "1/cret", "1?cret", "se%cret", "se cret", "se[cret", "se?ca=cret&x"} {
		for _, c := range []struct{ key, url string }{
			{"store", "redis://u:" + password + "@127.0.0.1:1"}, {"store", "redis://:" + password + "@127.0.0.1:1/1"},
			{"store", "rediss://" + password + "@127.0.0.1:1"}, {"store", "elsewhere://u:" + password + "@127.0.0.1:1"},
			{"server", "nats://u:" + password + "@127.0.0.1:1"}, {"server", "nats://" + password + "@127.0.0.1:1"},
		} {
			dir := t.TempDir()
			config, secret := filepath.Join(dir, "mc.yaml"), filepath.Join(dir, "secret")
			must(t, os.WriteFile(config, []byte(c.key+": '"+c.url+"'\n"), 0o600))
			must(t, os.WriteFile(secret, []byte(c.url), 0o600))
			base := []string{"serve", "--data-dir", filepath.Join(dir, "data"), "--http", "off", "--listen", "127.0.0.1:0", "--event-retention", "wrong"}
			wantNoSecret(t, nil, append(base, "--"+c.key, c.url)...)
			wantNoSecret(t, map[string]string{"SUPERVISOR_" + strings.ToUpper(c.key): c.url}, base...)
			wantNoSecret(t, nil, append(base, "--config", config)...)
			if c.key == "store" {
				wantNoSecret(t, nil, append(base, "--store-file", secret)...)
				wantNoSecret(t, nil, "backup", filepath.Join(dir, "copy"), "--store", c.url)
			} else {
				wantNoSecret(t, nil, "health", "--server", c.url)
				wantNoSecret(t, map[string]string{"NATS_URL": c.url}, "health")
			}
		}
	}
}

// wantNoSecret checks that a command fails and prints no part of the password.
func wantNoSecret(t *testing.T, env map[string]string, args ...string) {
	t.Helper()
	code, stdout, stderr := runIn(t, env, args...)
	if text := stdout + stderr; code == 0 || strings.Contains(text, "cret") {
		t.Errorf("%q %v: exit code %d: %s", args, env, code, text)
	}
}
