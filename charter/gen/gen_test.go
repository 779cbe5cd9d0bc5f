package main

import (
	"os"
	"path/filepath"
	"testing"
)

// The generated files match the catalogue exactly.
func TestGeneratedFilesAreFresh(t *testing.T) {
	t.Parallel()
	files, err := render()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
		if err != nil || string(got) != string(want) {
			t.Errorf("charter/%s is stale (%v): run go generate ./charter", name, err)
		}
	}
	schemas, err := filepath.Glob("../schema/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range schemas {
		if _, ok := files["schema/"+filepath.Base(path)]; !ok {
			t.Errorf("charter/schema/%s belongs to no type: run go generate ./charter", filepath.Base(path))
		}
	}
}

// Writing updates a folder, and removes the schemas of removed types.
func TestWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "schema"), 0o755); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, "schema", "gone.type.json")
	if err := os.WriteFile(gone, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := write(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(gone); !os.IsNotExist(err) {
		t.Errorf("gone.type.json is still there: %v", err)
	}
	for _, name := range []string{"EVENTS.md", "schema/envelope.json", "schema/mission.created.json"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
