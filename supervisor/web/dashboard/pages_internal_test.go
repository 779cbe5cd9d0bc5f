package dashboard

import (
	"io/fs"
	"path"
	"regexp"
	"strings"
	"testing"
)

// A page has a script that main.js knows, and an address that a person may type.
func TestPagesAreKnownEverywhere(t *testing.T) {
	t.Parallel()
	main, err := fs.ReadFile(files, "ui/main.js")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`const pages = \{ ([a-z, ]+) \};`).FindSubmatch(main)
	if found == nil {
		t.Fatal("main.js has no list of pages")
	}
	if scripts := strings.Join(pages, ", "); string(found[1]) != scripts {
		t.Errorf("main.js has the pages %s; typed.go has %s", found[1], scripts)
	}
}

// The page loads its modules at once, and not one after the other as it finds them.
func TestModulesArePreloaded(t *testing.T) {
	t.Parallel()
	page, err := fs.ReadFile(files, "ui/index.html")
	if err != nil {
		t.Fatal(err)
	}
	apart := map[string]bool{
		"main.js":   true, // the page's script
		"worker.js": true, // of a SharedWorker, which loads it itself
		"theme.js":  true, // the page loads it before it is drawn
	}
	entries, err := fs.ReadDir(files, "ui")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		name := entry.Name()
		if path.Ext(name) != ".js" || apart[name] {
			continue
		}
		if !strings.Contains(string(page), `rel="modulepreload" href="ui/`+name+`"`) {
			t.Errorf("index.html does not preload %s", name)
		}
	}
}
