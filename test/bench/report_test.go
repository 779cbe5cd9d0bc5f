package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestReportHasEachRow(t *testing.T) {
	var all []result
	for _, r := range table() {
		all = append(all, some(r.name, 1.25))
	}
	text, err := report(table(), all)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table() {
		if !strings.Contains(string(text), "| "+r.name+" | **1.25** (1.25–1.25) |") {
			t.Errorf("no line for %q", r.name)
		}
	}
	for _, want := range []string{"![", "benchmarks.svg", "at 1.25 times the rate of asynq", fmt.Sprintf("- %d rows: then.", len(table())), "thrown away because the machine was busy: 0"} {
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
	if strings.Contains(string(text), "not measured") {
		t.Error("a measured row is said not to be")
	}
}

func TestOpeningNamesTheSlowestOfTheLargeStores(t *testing.T) {
	text, err := report(table(), []result{
		some("get, 1,000,000 missions stored, Redis", 1.1), some("create, 1,000,000 missions stored, SQLite", 0.9),
		some("one by one, 32 callers, Redis", 0.5),
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), "requests run at 0.9 times the rate") {
		t.Errorf("the document begins:\n%s", text[:1000])
	}
}

func TestReportOfOneRow(t *testing.T) {
	text, err := report(table(), []result{some("one by one, 32 callers, Redis", 2)})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "(not measured)") || !strings.Contains(string(text), "| one by one, 32 callers, Redis | **2.00**") {
		t.Errorf("the document is:\n%s", text)
	}
}

func TestShort(t *testing.T) {
	for _, c := range []struct {
		of   float64
		want string
	}{{0.04567, "0.0457"}, {1.2345, "1.23"}, {99.5, "99.5"}, {123.4, "123"}, {1234.6, "1,235"}, {1234567, "1,234,567"}} {
		if got := short(c.of); got != c.want {
			t.Errorf("short(%v) = %q, want %q", c.of, got, c.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	more, less := row{goal: 1.2}, row{goal: 1.3, less: true}
	for _, c := range []struct {
		of    row
		ratio float64
		want  string
	}{{more, 1.2, "reached"}, {more, 1.19, "not reached"}, {less, 1.3, "reached"}, {less, 1.31, "not reached"}, {row{}, 1, "no goal"}} {
		if got := c.of.verdict(c.ratio); got != c.want {
			t.Errorf("%s with %v: %q, want %q", c.of.aim(), c.ratio, got, c.want)
		}
	}
}

func TestPartOf(t *testing.T) {
	for _, c := range []struct {
		n     int
		part  float64
		batch int
		want  int
	}{{20_000, 1, 1, 20_000}, {20_000, 0.15, 1, 3000}, {40_000, 0.15, 1000, 6000}, {1000, 0.15, 1000, 1000}, {10, 0.01, 1, 1}} {
		if got := partOf(c.n, c.part, c.batch); got != c.want {
			t.Errorf("partOf(%d, %v, %d) = %d, want %d", c.n, c.part, c.batch, got, c.want)
		}
	}
}

func TestSettingsThatCannotBe(t *testing.T) {
	good := settings{rounds: 1, round: time.Second, stored: small, binary: "supervisor"}
	if err := good.validate(false, nil); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*settings){
		"binary": func(s *settings) { s.binary = "" }, "rounds": func(s *settings) { s.rounds = 0 },
		"round": func(s *settings) { s.round = 0 }, "stored": func(s *settings) { s.stored = 1 },
	} {
		bad := good
		spoil(&bad)
		if err := bad.validate(false, nil); err == nil || !strings.Contains(err.Error(), "-"+name) {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if err := good.validate(false, []string{"rows"}); err == nil {
		t.Error("an argument without a flag is accepted")
	}
}

func TestRowsAreMergedIntoTheDocument(t *testing.T) {
	s := settings{out: t.TempDir()}
	s.kept = filepath.Join(s.out, "results.json")
	names := []string{"one by one, 32 callers, Redis", "in batches of 1000, Redis"}
	for i, ratio := range []float64{1.5, 2.5} {
		newer := some(names[i], ratio)
		if err := s.write(&newer); err != nil {
			t.Fatal(err)
		}
	}
	again := some(names[0], 3.5)
	if err := s.write(&again); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"BENCHMARKS.md":  {"| " + names[0] + " | **3.50**", "| " + names[1] + " | **2.50**"},
		"benchmarks.svg": {names[0], names[1], "3.5×", "2.5×"},
	} {
		text, err := os.ReadFile(filepath.Join(s.out, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s does not have %q", file, w)
			}
		}
	}
}
