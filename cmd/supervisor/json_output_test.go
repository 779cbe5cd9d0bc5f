package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// hostile has every kind of character that a terminal interprets and JSON permits.
// hostileLine is the part of it that a name may have.
const (
	hostile     = "a\x1b[2J\x07\x7f\u0085\u009b1m\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029\u00fcz"
	hostileLine = "a\u202e\u2066\u2028\u00fcz"
)

// jsonCommands has a command line for every command with --json, and what its output must
// contain; "" if the output has no external text here.
var jsonCommands = []struct{ line, holds string }{
	{"missions get m --json", hostile},
	{"missions list --json", hostileLine},
	{"missions log m --json", hostile},
	{"missions history --json", ""},
	{"missions queues --json", ""},
	{"missions stats --json", ""},
	{"missions cancel m --json --reason " + hostile, hostile},
	{"missions wait m --json", hostile},
	{"missions retry m --json", hostile},
	{"missions signal m note " + hostile + " --json", ""},
	{"missions graph m --json", hostileLine},
	{"missions inbox --json", hostile},
	{"batches --json", ""},
	{"batches list --json", ""},
	{"batches get b --json", ""},
	{"batches close b --json", ""},
	{"limits --json", hostileLine},
	{"limits list --json", hostileLine},
	{"limits get l --json", hostileLine},
	{"limits set other --json --total 3", ""},
	{"limits pause l --json", hostileLine},
	{"limits resume l --json", hostileLine},
	{"limits delete l --json --yes", hostileLine},
	{"schedules --json", hostileLine},
	{"schedules list --json", hostileLine},
	{"schedules get s --json", hostile},
	{"schedules set other --json --every 1h " + hostileLine, hostileLine},
	{"schedules trigger s --json", hostile},
	{"schedules pause s --json", hostile},
	{"schedules resume s --json", hostile},
	{"schedules backfill s --json --from 1m", ""},
	{"schedules preview --json --every 1h", ""},
	{"schedules delete s --json --yes", hostile},
	{"apply -f FILE --json", hostile},
	{"missions create " + hostileLine + " --json", hostileLine},
	{"agents --json", hostileLine},
	{"alerts --json", ""},
	{"status --json", ""},
	{"health --json", ""},
	{"events --json --since 1h", hostile},
	{"missions delete m --json --yes", hostile},
	{"doctor --json", ""},
	{"agent check --json -- false", ""},
	{"bench --json --missions 10", ""},
	{"version --json", ""},
}

// What --json writes to a pipe is the same value, without anything that a terminal would
// interpret when it is shown later.
func TestJSONIntoAPipeHoldsNothingThatATerminalObeys(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.awaitEvents(t)
	ctx := t.Context()
	_, err := b.client.Agent("a").Register(ctx, api.RegisterRequest{Name: hostileLine, Types: []string{"other"}, Capacity: 1})
	must(t, err)
	_, _, err = b.client.Create(ctx, api.MissionSpec{ID: "m", Name: hostileLine, Description: hostile, Type: "t", Data: []byte(`{"x":"` + "\u009b\u202e" + `"}`)})
	must(t, err)
	_, _, err = b.client.Create(ctx, api.MissionSpec{Name: "asks", Type: "t", Batch: "b", After: []missions.Condition{{Signal: "s", Prompt: hostile}}})
	must(t, err)
	_, err = b.client.SetLimit(ctx, missions.LimitSpec{Name: "l", Note: hostileLine, Keys: map[string]missions.KeyLimit{hostileLine: {Weight: 2}}})
	must(t, err)
	_, err = b.client.SetSchedule(ctx, missions.ScheduleSpec{ID: "s", EverySeconds: 3600, Mission: missions.Template{Name: hostileLine, Description: hostile}})
	must(t, err)
	_, err = b.client.Cancel(ctx, "m", hostile)
	must(t, err)
	_, err = b.client.Retry(ctx, "m")
	must(t, err)

	description, err := json.Marshal(hostile)
	must(t, err)
	file := writeFile(t, filepath.Join(t.TempDir(), "schedules.yaml"), `{"schedules":[{"id":"applied","every_seconds":60,"mission":{"name":"n","description":`+string(description)+`}}]}`)
	tested := map[string]bool{}
	for _, c := range jsonCommands {
		args := strings.Split(strings.Replace(c.line, "FILE", file, 1), " ")
		tested[strings.TrimSuffix(strings.TrimSuffix(strings.Join(args[:2], " "), " --json"), " -f")] = true
		_, stdout, stderr := b.run(t, args...)
		if stdout == "" {
			t.Errorf("%s printed nothing: %s", c.line, stderr)
		}
		for _, r := range stdout {
			if r != '\n' && unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029' {
				t.Errorf("%s printed %U: %q", c.line, r, stdout)
				break
			}
		}
		if values := decodeAll(t, stdout); c.holds != "" && !holds(values, c.holds) {
			t.Errorf("%s does not hold what it should: %s", c.line, stdout)
		}
	}
	for _, name := range commandsWithJSON(newCLI(strings.NewReader(""), newTape(), newTape()).root(), "") {
		if !tested[name] {
			t.Errorf("supervisor %s has --json and is not tested", name)
		}
	}
}

// decodeAll decodes a sequence of JSON values.
func decodeAll(t *testing.T, text string) (values []any) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	for decoder.More() {
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		values = append(values, value)
	}
	return values
}

// holds reports whether a text occurs anywhere in a value.
func holds(value any, text string) bool {
	switch v := value.(type) {
	case string:
		return strings.Contains(v, text)
	case []any:
		for _, part := range v {
			if holds(part, text) {
				return true
			}
		}
	case map[string]any:
		for _, part := range v {
			if holds(part, text) {
				return true
			}
		}
	}
	return false
}

func commandsWithJSON(cmd *cobra.Command, path string) (names []string) {
	if cmd.Flags().Lookup("json") != nil {
		names = append(names, path)
	}
	for _, sub := range cmd.Commands() {
		names = append(names, commandsWithJSON(sub, strings.TrimSpace(path+" "+sub.Name()))...)
	}
	return names
}
