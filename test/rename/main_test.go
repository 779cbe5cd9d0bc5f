package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"missioncontrol/test/fatal"
)

var must = fatal.If

// clone copies what git has of this repository, with what has changed since, and returns the
// directory.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	list.Dir = filepath.Join("..", "..")
	names, err := list.Output()
	must(t, err)
	for name := range strings.SplitSeq(strings.TrimSuffix(string(names), "\x00"), "\x00") {
		from, to := filepath.Join("..", "..", name), filepath.Join(dir, name)
		info, err := os.Lstat(from)
		if os.IsNotExist(err) || err == nil && !info.Mode().IsRegular() {
			continue // deleted since, or a link
		}
		must(t, err)
		text, err := os.ReadFile(from)
		must(t, err)
		must(t, os.MkdirAll(filepath.Dir(to), 0o755))
		must(t, os.WriteFile(to, text, info.Mode().Perm()))
	}
	return dir
}

// files returns all files below dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(dir, func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		all[name] = string(text)
		return err
	}))
	return all
}

// tool runs a program in a directory, and returns what it prints.
func tool(t *testing.T, dir string, argv ...string) (string, error) {
	t.Helper()
	command := exec.Command(argv[0], argv[1:]...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	return string(out), err
}

// A module with another path builds, is renamed once only, and can be renamed back.
func TestTheModuleGetsAnotherPath(t *testing.T) {
	t.Parallel()
	dir := clone(t)
	before := files(t, dir)
	renameTo := func(path, want string) {
		t.Helper()
		if out, err := tool(t, dir, "make", "module", "PATH="+path); err != nil || !strings.Contains(out, want) {
			t.Fatalf("make module PATH=%s: %v\n%s", path, err, out)
		}
	}
	const home = "github.com/you/missioncontrol"
	renameTo(home, "the module is now "+home)
	for _, argv := range [][]string{
		{"go", "build", "./supervisor/agent"},
		{"go", "-C", "test/outside", "build", "-o", os.DevNull, "."},
		{"go", "list", "-deps", "-test", "-tags", "chaos", "./..."}, // everything that is imported is there
		{"go", "-C", "test/bench", "list", "./..."},
	} {
		if out, err := tool(t, dir, argv...); err != nil || strings.Contains(out, "\nmissioncontrol/") {
			t.Errorf("%s: %v\n%s", strings.Join(argv, " "), err, out)
		}
	}
	if builds, err := os.ReadFile(filepath.Join(dir, "test", "process", "supervisor.go")); err != nil || !strings.Contains(string(builds), `"`+home+`/cmd/supervisor"`) {
		t.Errorf("the tests build another program (%v)", err)
	}
	if rules, err := os.ReadFile(filepath.Join(dir, ".golangci.yaml")); err != nil || strings.Contains(string(rules), " missioncontrol/") {
		t.Errorf("the linter's rules name the old path (%v)", err)
	}
	renamed := files(t, dir)
	renameTo(home, "already")
	if !maps.Equal(files(t, dir), renamed) {
		t.Error("renaming it again has changed files")
	}
	renameTo(ownPath, "the module is now "+ownPath)
	for name, text := range files(t, dir) {
		if text != before[name] {
			t.Errorf("%s is not what it was before", name)
		}
	}
}

func TestABadPathIsRefused(t *testing.T) {
	t.Parallel()
	dir := clone(t)
	before := files(t, dir)
	for path, want := range map[string]string{
		"":                           "name the module's new path",
		"https://github.com/you/x":   "it is a URL",
		"missions":                   "it does not begin with a domain",
		"GitHub.com/you/x":           "it does not begin with a domain",
		"github.com":                 "nothing behind the domain",
		"github.com/you/x/v2":        "it ends with a version",
		"github.com/you/x/":          `"" cannot be a part`,
		"github.com//x":              `"" cannot be a part`,
		"github.com/../x":            `".." cannot be a part`,
		"github.com/you/my project":  `"my project" cannot be a part`,
		"github.com/you/$(touch)'x'": "cannot be a part",
	} {
		if err := run(dir, []string{path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if out, err := tool(t, dir, "make", "module", "PATH=github.com/you/v2/.."); err == nil || !strings.Contains(out, `PATH: "github.com/you/v2/.."`) {
		t.Errorf("make module: %v\n%s", err, out)
	}
	if out, err := tool(t, dir, "make", "module"); err == nil || !strings.Contains(out, "make module PATH=github.com/you/missioncontrol") {
		t.Errorf("make module without a path: %v\n%s", err, out)
	}
	if !maps.Equal(files(t, dir), before) {
		t.Error("files have changed")
	}
}
