// Command gen writes the JSON Schemas and EVENTS.md of package charter from its
// catalogue. Run it with "go generate ./charter".
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", ".", "the folder of package charter")
	flag.Parse()
	if err := write(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// write updates every generated file, and removes the schemas of removed types.
func write(dir string) error {
	files, err := render()
	if err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(dir, "schema", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if _, ok := files["schema/"+filepath.Base(path)]; !ok {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
