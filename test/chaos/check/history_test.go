package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A life that ended in the middle of a line loses only that line.
func TestAHistoryOutlivesKills(t *testing.T) {
	dir := t.TempDir()
	clock := int64(0)
	tick := func() int64 { clock++; return clock }
	first, err := Record(dir, "c", tick)
	must(t, err)
	n, err := first.Ask("missions.get", []byte(`{"id":"m"}`))
	must(t, err)
	must(t, first.Tell(n, Refused, "not_found", []byte(`{}`)))
	_, err = first.Ask("status", []byte(`{}`))
	must(t, err)
	must(t, first.Close())
	path := filepath.Join(dir, "c.jsonl")
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(text, `{"who":"c","life":1,"n":3,"at"`...), 0o600))

	second, err := Record(dir, "c", tick)
	must(t, err)
	n, err = second.Ask("health", []byte(`{}`))
	must(t, err)
	must(t, second.Tell(n, OK, "", []byte(`{"status":"ok"}`)))
	must(t, second.Close())
	calls, err := ReadHistories(dir)
	must(t, err)
	if len(calls) != 3 || calls[0].Code != "not_found" || calls[1].Outcome != Unknown || calls[1].Told != 0 ||
		calls[2].Life != 2 || calls[2].Outcome != OK || calls[2].Told <= calls[2].Asked {
		t.Fatalf("%+v", calls)
	}
}

func TestAHistoryThatIsBrokenIsRefused(t *testing.T) {
	begin := `{"who":"c","life":1,"n":0,"at":1}` + "\n"
	for name, text := range map[string]string{
		"a torn line within a life":            begin + `{"who` + "\n" + `{"who":"c","life":1,"n":1,"at":2,"op":"status"}` + "\n",
		"two torn lines":                       begin + `{"who` + "\n" + `{"who` + "\n",
		"an answer to what nobody asked":       begin + `{"who":"c","life":1,"n":7,"at":2,"outcome":"ok"}` + "\n",
		"an answer to what another life asked": begin + `{"who":"c","life":1,"n":1,"at":2,"op":"status"}` + "\n" + `{"who":"c","life":2,"n":1,"at":2,"outcome":"ok"}` + "\n",
	} {
		if calls, err := readHistory(strings.NewReader(text)); err == nil {
			t.Errorf("%s is read as %+v", name, calls)
		}
	}
}
