// Command rename gives the module another path: in go.mod, in the modules of test that use
// it, and in every import, comment and rule of the linter that names a package of it. It is
// what `make module PATH=…` runs in the module's directory. Renaming to the path that the
// module has changes nothing.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: make module PATH=github.com/you/missioncontrol") }
	flag.Parse()
	if err := run(".", flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "rename:", err)
		os.Exit(1)
	}
}

func run(dir string, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return errors.New("name the module's new path: make module PATH=github.com/you/missioncontrol")
	}
	path := args[0]
	if err := checkPath(path); err != nil {
		return err
	}
	old, err := modulePath(dir)
	if err != nil {
		return err
	}
	if path == old {
		fmt.Println("the module is", path, "already")
		return nil
	}
	changed, err := rename(dir, old, path)
	if err != nil {
		return err
	}
	fmt.Printf("the module is now %s, which %d files name\n", path, changed)
	return nil
}

// ownPath is the module's path for as long as it has no public home.
const ownPath = "missioncontrol"

var (
	element = regexp.MustCompile(`^[A-Za-z0-9_~-]([A-Za-z0-9._~-]*[A-Za-z0-9_~-])?$`)
	domain  = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)
	version = regexp.MustCompile(`^v[0-9]+$`)
)

// checkPath refuses what go get could not find.
func checkPath(path string) error {
	bad := func(why string) error {
		return fmt.Errorf("PATH: %q is not a module path: %s; write it like github.com/you/missioncontrol", path, why)
	}
	elements := strings.Split(path, "/")
	switch last := elements[len(elements)-1]; {
	case path == ownPath:
		return nil
	case strings.Contains(path, "://"):
		return bad("it is a URL")
	case !domain.MatchString(elements[0]):
		return bad("it does not begin with a domain in lower case")
	case len(elements) == 1:
		return bad("it has nothing behind the domain")
	case version.MatchString(last):
		return bad("it ends with a version, which only a module of version 2 and later does")
	}
	for _, e := range elements {
		if !element.MatchString(e) {
			return bad(fmt.Sprintf("%q cannot be a part of one", e))
		}
	}
	return nil
}

var moduleLine = regexp.MustCompile(`(?m)^module (\S+)$`)

// modulePath returns the path of the module in a directory.
func modulePath(dir string) (string, error) {
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return "", err
	}
	line := moduleLine.FindSubmatch(mod)
	if line == nil {
		return "", errors.New("go.mod has no module line")
	}
	return string(line[1]), nil
}

// rename rewrites the files below dir and returns how many have changed.
func rename(dir, old, path string) (changed int, err error) {
	edit, err := editor(dir, old, path)
	if err != nil {
		return 0, err
	}
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name != dir && skipped(entry.Name()) {
				return fs.SkipDir
			}
			return nil
		case !entry.Type().IsRegular() || !named(entry.Name()):
			return nil
		}
		done, err := rewrite(name, edit)
		if done {
			changed++
		}
		return err
	})
	return changed, err
}

// skipped returns whether a directory holds no source of ours.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || slices.Contains([]string{"bin", "dist", "node_modules", "testdata"}, name)
}

// named returns whether a file may name packages.
func named(name string) bool {
	return name == "go.mod" || name == ".golangci.yaml" || slices.Contains([]string{".go", ".md"}, filepath.Ext(name))
}

// editor returns what replaces the module's path wherever that is one: before the name of a
// directory of packages, and alone in a go.mod. The name is also that of users, metrics and
// directories, which stay.
func editor(dir, old, path string) (func(name string, text []byte) []byte, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && !skipped(e.Name()) {
			dirs = append(dirs, regexp.QuoteMeta(e.Name()))
		}
	}
	quoted := regexp.QuoteMeta(old)
	packages := regexp.MustCompile(`(^|[^A-Za-z0-9._/~-])` + quoted + `/(` + strings.Join(dirs, "|") + `)\b`)
	alone := regexp.MustCompile(`(?m)^(\s*|module |require |replace )` + quoted + `( v0\.0\.0| =>|$)`)
	return func(name string, text []byte) []byte {
		text = packages.ReplaceAll(text, []byte("${1}"+path+"/${2}"))
		if filepath.Base(name) == "go.mod" {
			text = alone.ReplaceAll(text, []byte("${1}"+path+"${2}"))
		}
		return text
	}, nil
}

// rewrite edits a file, and returns whether that has changed it. Imports stay in order.
func rewrite(name string, edit func(string, []byte) []byte) (changed bool, err error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return false, err
	}
	edited := edit(name, text)
	if bytes.Equal(edited, text) {
		return false, nil
	}
	if filepath.Ext(name) == ".go" {
		if edited, err = format.Source(edited); err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
	}
	info, err := os.Stat(name)
	if err != nil {
		return false, err
	}
	return true, os.WriteFile(name, edited, info.Mode().Perm())
}
