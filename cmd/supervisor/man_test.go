package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestEveryCommandHasAManualPage checks that the user's home directory is not in the
// manual.
func TestEveryCommandHasAManualPage(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("SOURCE_DATE_EPOCH", "1703001234")
	dir := filepath.Join(home, "share", "man1")
	code, stdout, stderr := runIn(t, nil, "man", dir)
	equal(t, "exit code", code, 0)
	equal(t, "output", stdout+stderr, "")
	pages := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		pages++
		raw, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		must(t, err)
		page := string(raw)
		contains(t, page, `"Dec 2023"`, ".SH EXAMPLE", cmd.Short)
		if strings.Contains(page, home) || strings.Contains(page, "Auto generated") {
			t.Errorf("the page of %s names a home, or who made it", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newCall(nil).cli.root())
	files, err := os.ReadDir(dir)
	must(t, err)
	equal(t, "pages", len(files), pages)
	main, err := os.ReadFile(filepath.Join(dir, "supervisor.1"))
	must(t, err)
	contains(t, string(main), "~/.local/share/missioncontrol", `\fBsupervisor-missions(1)\fP`)

	taken := filepath.Join(home, "file")
	must(t, os.WriteFile(taken, nil, 0o600))
	code, _, stderr = runIn(t, nil, "man", taken)
	equal(t, "exit code", code, 1)
	equal(t, "stderr", stderr, "supervisor: cannot create the directory "+taken+": not a directory\n")
}
