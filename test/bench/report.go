package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// reading is what has to be said about the figures: why they are as they are.
//
//go:embed reading.md
var reading string

// report writes docs/BENCHMARKS.md.
func report(ctx context.Context, s settings, done []result) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, `# Benchmarks

How fast Mission Control is, as ratios to what stands beside it. Both sides of a row run
in turn, in the same rounds, on the same machine; %d rounds of %s where time decides, after
one for warming up. A ratio is the median of the rounds', with the lowest and the highest.
"By processor" is the same ratio by the processor time that each side's processes took
together, clients, brokers and stores: it says less about what a user waits for, and is
nearly the same on a busy machine. Above 1 we are better in both, but for what is to be
small.

Written by `+"`make bench`"+`; a single row again: `+"`make bench ROWS='one by one.*Redis'`"+`.

%s

| what | ratio | goal | | by processor | beside | durability |
|---|---|---|---|---|---|---|
`, s.rounds, s.round, surroundings(ctx))
	for _, r := range done {
		fmt.Fprintf(&b, "| %s | **%.2f** (%.2f–%.2f) | %s | %s | %s | %s | %s |\n", r.name, median(r.ratios), slices.Min(r.ratios),
			slices.Max(r.ratios), r.aim(), r.verdict(), byProcessor(r), r.yardside, r.durable)
	}
	b.WriteString("\n" + reading)
	return b.Bytes(), nil
}

func byProcessor(r result) string {
	if len(r.cpu) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", median(r.cpu))
}

// surroundings names everything that took part, with its version.
func surroundings(ctx context.Context) string {
	said := []string{fmt.Sprintf("%d cores, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())}
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
	return "Taken with: " + strings.Join(said, "; ") + "."
}

func firstLine(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).Output() //nolint:gosec // our own
	if err != nil {
		return name + ": not there"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
