package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/template"
	"time"
)

// opening and reading are the text around the tables: what a user gets, and why the
// figures are what they are.
var (
	//go:embed opening.md
	opening string
	//go:embed reading.md
	reading string
)

// report writes docs/BENCHMARKS.md from the latest result of each row.
func report(rows []row, all []result) ([]byte, error) {
	by := map[string]result{}
	for _, r := range all {
		by[r.Name] = r
	}
	var b bytes.Buffer
	text, err := template.New("opening").Funcs(template.FuncMap{
		"ratio": func(name string) (string, error) {
			if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
				return "", fmt.Errorf("there is no row %q", name)
			}
			r, ok := by[name]
			if !ok {
				return notMeasured, nil
			}
			return short(median(r.Ratios)), nil
		},
		"ours": func(name string) string {
			r, ok := by[name]
			if !ok {
				return notMeasured
			}
			return short(median(r.Ours))
		},
		"slowest": func(group string) string { return slowest(group, rows, by) },
	}).Parse(opening)
	if err != nil {
		return nil, err
	}
	if err := text.Execute(&b, nil); err != nil {
		return nil, err
	}
	for _, group := range []string{besidePeers, ofAnySize, bounds, limits} {
		writeGroup(&b, group, rows, by)
	}
	writeTaken(&b, all)
	b.WriteString("\n" + reading)
	return b.Bytes(), nil
}

const notMeasured = "(not measured)"

// slowest is the lowest ratio of a group of rows.
func slowest(group string, rows []row, by map[string]result) string {
	var ratios []float64
	for _, r := range rows {
		if done, ok := by[r.name]; ok && r.group == group {
			ratios = append(ratios, median(done.Ratios))
		}
	}
	if len(ratios) == 0 {
		return notMeasured
	}
	return short(slices.Min(ratios))
}

// writeGroup writes a table of the rows of a group that have been measured.
func writeGroup(b *bytes.Buffer, group string, rows []row, by map[string]result) {
	fmt.Fprintf(b, "\n### %s\n\n| what | ratio | goal | | by processor | ours | beside | beside what | durability |\n|---|---|---|---|---|---|---|---|---|\n", group)
	for _, r := range rows {
		done, ok := by[r.name]
		if !ok || r.group != group {
			continue
		}
		middle, low, high := done.ratio()
		fmt.Fprintf(b, "| %s | **%.2f** (%.2f–%.2f) | %s | %s | %s | %s %s | %s | %s | %s |\n", r.name, middle, low, high, r.aim(),
			r.verdict(middle), byProcessor(done), short(median(done.Ours)), r.unit, short(median(done.Theirs)), r.yardside, r.durable)
	}
}

// writeTaken says when and with what the rows were measured, and which rounds were thrown
// away.
func writeTaken(b *bytes.Buffer, all []result) {
	b.WriteString("\n## When, and with what\n\n")
	rows, thrown := map[string]int{}, 0
	var order []string
	for _, r := range all {
		if rows[r.Taken] == 0 {
			order = append(order, r.Taken)
		}
		rows[r.Taken]++
		thrown += r.Thrown
	}
	for _, taken := range order {
		fmt.Fprintf(b, "- %d rows: %s.\n", rows[taken], taken)
	}
	fmt.Fprintf(b, "\nRounds thrown away because the machine was busy: %d.\n", thrown)
}

func byProcessor(r result) string {
	if len(r.CPU) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", median(r.CPU))
}

// short writes a figure with three digits.
func short(x float64) string {
	switch {
	case x >= 1000:
		s := fmt.Sprintf("%.0f", x)
		for at := len(s) - 3; at > 0; at -= 3 {
			s = s[:at] + "," + s[at:]
		}
		return s
	case x >= 100:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// surroundings names the time and everything that took part, with its version.
func surroundings(ctx context.Context, s settings) string {
	said := []string{
		time.Now().UTC().Format("2006-01-02"),
		fmt.Sprintf("%d rounds, %s each where time decides", s.rounds, s.round),
		fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()),
		fmt.Sprintf("a flush of one page takes %.0f µs", flushTime()),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			switch dep.Path {
			case "github.com/nats-io/nats-server/v2", "github.com/nats-io/nats.go", "github.com/hibiken/asynq", "github.com/riverqueue/river":
				said = append(said, filepath.Base(strings.TrimSuffix(dep.Path, "/v2"))+" "+dep.Version)
			}
		}
	}
	said = append(said, firstLine(ctx, "redis-server", "--version"))
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres"); len(found) > 0 {
		said = append(said, firstLine(ctx, found[len(found)-1], "--version"))
	}
	return strings.Join(said, "; ")
}

// flushTime returns what it takes to write one page and flush it, in µs, a median; 0 if
// there is no place for it.
func flushTime() float64 {
	file, err := os.CreateTemp("", "missioncontrol-bench")
	if err != nil {
		return 0
	}
	defer func() { _, _ = file.Close(), os.Remove(file.Name()) }()
	page := make([]byte, 4096)
	took := make([]float64, 50)
	for i := range took {
		began := time.Now()
		if _, err := file.Write(page); err != nil || file.Sync() != nil {
			return 0
		}
		took[i] = float64(time.Since(began).Nanoseconds()) / 1e3
	}
	return median(took)
}

func firstLine(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output() //nolint:gosec // our own
	if err != nil {
		return name + ": not there"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
