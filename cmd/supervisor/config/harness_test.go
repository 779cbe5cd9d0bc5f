package config

import (
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/supervisor/credentials"
	"missioncontrol/supervisor/roles"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in:\n%s", part, text)
		}
	}
}

// guards are valid files of users and tokens.
type guards struct{ users, tokens string }

func newGuards(t *testing.T) guards {
	t.Helper()
	dir := t.TempDir()
	g := guards{filepath.Join(dir, "users.yaml"), filepath.Join(dir, "tokens.yaml")}
	user, _, err := credentials.NewUser(roles.Viewer, "v", true)
	must(t, err)
	must(t, credentials.AddUser(g.users, user))
	token, _, err := credentials.NewToken(roles.Viewer, "t")
	must(t, err)
	must(t, credentials.AddToken(g.tokens, token))
	return g
}
