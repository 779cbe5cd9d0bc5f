package cron

import (
	"archive/zip"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestZones compares Next with a look at each minute around every change of the clocks, of all time zones and 20 years.
func TestZones(t *testing.T) {
	t.Parallel()
	archive, err := zip.OpenReader(filepath.Join(runtime.GOROOT(), "lib", "time", "zoneinfo.zip")) //nolint:staticcheck // of the Go that runs this
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close() //nolint:errcheck // it is only read
	schedules := map[string]*Schedule{}
	for expression := range references {
		schedules[expression] = mustParse(t, expression)
	}
	zones, changes, known := 0, 0, map[string]bool{}
	for _, file := range archive.File {
		if strings.HasSuffix(file.Name, "/") {
			continue
		}
		zone := mustZone(t, file.Name)
		zones++
		for _, at := range changesOf(zone) {
			changes++
			if key := describe(at, zone); !known[key] { // many zones change in the same way
				known[key] = true
				compareAround(t, schedules, at, zone)
			}
		}
	}
	if zones < 400 || len(known) < 1000 {
		t.Fatalf("%d zones, %d changes, of which %d are different", zones, changes, len(known))
	}
	t.Logf("%d zones, %d changes, of which %d are different", zones, changes, len(known))
}

// changesOf returns when the clocks of a zone change.
func changesOf(zone *time.Location) (list []time.Time) {
	t := time.Date(2008, 1, 1, 0, 0, 0, 0, zone)
	for {
		_, end := t.ZoneBounds()
		if end.IsZero() || end.Year() >= 2028 {
			return list
		}
		list = append(list, end)
		t = end
	}
}

// describe says how clocks change.
func describe(at time.Time, zone *time.Location) string {
	_, before := at.Add(-time.Second).In(zone).Zone()
	_, after := at.In(zone).Zone()
	start, _ := at.Add(-time.Second).In(zone).ZoneBounds()
	_, end := at.In(zone).ZoneBounds()
	near := func(t time.Time) string {
		if d := t.Sub(at).Abs(); d < 7*24*time.Hour {
			return d.String()
		}
		return "far"
	}
	return fmt.Sprint(at.Unix(), before, after, near(start), near(end))
}

func compareAround(t *testing.T, schedules map[string]*Schedule, at time.Time, zone *time.Location) {
	t.Helper()
	from, to := at.Add(-30*time.Hour), at.Add(27*time.Hour)
	want := walked(from, to, zone)
	for expression, s := range schedules {
		var got []int64
		for due := s.Next(from, zone); due.Before(to); due = s.Next(due, zone) {
			got = append(got, due.Unix())
		}
		if !slices.Equal(got, want[expression]) {
			t.Errorf("%s in %s around %s: due at %v, want %v", expression, zone, at, got, want[expression])
		}
	}
}
