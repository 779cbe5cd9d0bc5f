package main

import (
	"strings"
	"testing"
)

// TestUniqueKeys: the flags become a unique key, and the command says which mission holds it if it creates none.
func TestUniqueKeys(t *testing.T) {
	t.Parallel()
	b := newPatientTestbed(t)
	equal(t, "create", b.ok(t, "missions", "create", "sync", "--id", "sync-1", "--unique", "sync:42", "--unique-for", "5m"), "Created mission sync-1\n")
	equal(t, "kept", b.ok(t, "missions", "create", "sync", "--id", "sync-2", "--unique", "sync:42"),
		"No mission is created: mission sync-1 holds the unique key (PENDING)\n")
	equal(t, "again", b.ok(t, "missions", "create", "sync", "--id", "sync-1", "--unique", "sync:42", "--unique-for", "5m"),
		"Mission sync-1 already exists (PENDING)\n")
	contains(t, b.ok(t, "missions", "get", "sync-1"), "Unique: sync:42, keeps the mission that holds it; held for at least 5m")
	equal(t, "replace", b.ok(t, "missions", "create", "sync", "--id", "sync-3", "--unique", "sync:42", "--on-conflict", "replace_pending"), "Created mission sync-3\n")
	contains(t, b.ok(t, "missions", "log", "sync-1"), "replaced by mission sync-3")
	contains(t, b.ok(t, "missions", "get", "sync-3"), "Unique: sync:42, replaces a pending mission that holds it\n")
	for _, refused := range []struct {
		args []string
		says string
	}{
		{[]string{"--on-conflict", "keep"}, "--on-conflict needs --unique"},
		{[]string{"--unique-for", "5m"}, "--unique-for needs --unique"},
		{[]string{"--unique", "k", "--on-conflict", "overwrite"}, "--on-conflict must be one of keep, replace_pending, replace"},
		{[]string{"--unique", "k", "--unique-for", "soon"}, "--unique-for: "},
		{[]string{"--unique", strings.Repeat("k", 201)}, "--unique is longer than 200 characters"},
		{[]string{"--unique", "k", "--file", "-"}, "omit the name"},
	} {
		code, _, stderr := b.run(t, append([]string{"missions", "create", "x"}, refused.args...)...)
		equal(t, "exit code", code, 2)
		contains(t, stderr, refused.says)
	}
	b.refused(t, 2, "--unique cannot be combined with --file", "missions", "create", "--file", "-", "--unique", "k")
}
