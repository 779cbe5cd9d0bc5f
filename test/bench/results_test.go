package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func some(name string, ratio float64) result {
	return result{Name: name, Ours: []float64{ratio}, Theirs: []float64{1}, Ratios: []float64{ratio}, Taken: "then"}
}

func TestMergeReplacesRowsAndKeepsTheOrder(t *testing.T) {
	rows := []row{{name: "a"}, {name: "b"}, {name: "c"}}
	got := merge(rows, []result{some("c", 1), some("gone", 1), some("a", 1)}, []result{some("b", 2), some("a", 2)})
	want := []result{some("a", 2), some("b", 2), some("c", 1)}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestResultsSurviveARun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	if all, err := readResults(path); err != nil || all != nil {
		t.Fatalf("before the first run: %v, %v", all, err)
	}
	want := []result{some("a", 2), some("b", 0.5)}
	if err := writeResults(path, want); err != nil {
		t.Fatal(err)
	}
	if got, err := readResults(path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"{", `[{"name":"a"}]`} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readResults(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error is %v, want one that names the file", bad, err)
		}
	}
}

func TestChooseRows(t *testing.T) {
	rows := []row{{name: "one by one, Redis"}, {name: "in batches, Redis"}, {name: "one by one, SQLite"}}
	got, err := choose(rows, "one by one.*Redis")
	if err != nil || len(got) != 1 || got[0].name != "one by one, Redis" {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := choose(rows, "one ("); err == nil || !strings.Contains(err.Error(), `"one ("`) || !strings.Contains(err.Error(), "missing closing )") {
		t.Errorf("a bad pattern: %v", err)
	}
	if _, err := choose(rows, "three"); err == nil || !strings.Contains(err.Error(), "in batches, Redis") {
		t.Errorf("a pattern without rows: %v, want the rows' names", err)
	}
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table() {
		if seen[r.name] {
			t.Errorf("two rows are named %q", r.name)
		}
		seen[r.name] = true
		if r.ours == nil || r.theirs == nil || r.unit == "" || r.yardside == "" || r.group == "" {
			t.Errorf("%q is not complete", r.name)
		}
	}
}

func TestRowsOfOneStockAreTogether(t *testing.T) {
	ended := map[string]bool{}
	last := ""
	for _, r := range table() {
		if r.stock != last && ended[r.stock] && r.stock != "" {
			t.Errorf("%q needs the large %s store again, which has ended", r.name, r.stock)
		}
		ended[last], last = true, r.stock
	}
}
