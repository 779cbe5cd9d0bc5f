package test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// kit is what other people's Go programs import: the packages for agents and clients.
var kit = []string{"../supervisor/agent", "../supervisor/client", "../supervisor/api"}

// What the kit imports, and what comes with that. A program that imports the kit has these
// modules in its go.sum and in its binary, so another one has to be worth it.
var (
	kitImports = []string{"github.com/go-json-experiment/json", "github.com/google/uuid", "github.com/nats-io/nats.go"}
	kitModules = append([]string{
		"github.com/klauspost/compress", "github.com/nats-io/nkeys", "github.com/nats-io/nuid", // of nats.go
		"golang.org/x/crypto", // of nkeys
		"golang.org/x/sys",    // of x/crypto, on some systems
	}, kitImports...)
)

// goList returns the lines that go list prints, each once, for an operating system.
func goList(t *testing.T, system, format string) []string {
	t.Helper()
	list := exec.Command("go", append([]string{"list", "-deps", "-f", format}, kit...)...)
	list.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	list.Stderr = t.Output()
	out, err := list.Output()
	must(t, err)
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return slices.Compact(lines)
}

// The packages for agents and clients import nothing but nats.go, uuid and the JSON library.
func TestTheKitImportsThreeModules(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"linux", "darwin", "windows"} {
		ours := goList(t, system, `{{with .Module}}{{if .Main}}{{range $.Imports}}{{.}} {{end}}{{end}}{{end}}`)
		for _, path := range ours {
			dotted := strings.Contains(strings.SplitN(path, "/", 2)[0], ".")
			known := slices.ContainsFunc(kitImports, func(module string) bool { return path == module || strings.HasPrefix(path, module+"/") })
			if dotted && !known {
				t.Errorf("on %s, the kit imports %s", system, path)
			}
		}
		for _, module := range goList(t, system, `{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}`) {
			if !slices.Contains(kitModules, module) {
				t.Errorf("on %s, the kit needs the module %s", system, module)
			}
		}
		if !slices.Contains(ours, "github.com/nats-io/nats.go") {
			t.Errorf("on %s, go list has not listed what the kit imports: %q", system, ours)
		}
	}
}
