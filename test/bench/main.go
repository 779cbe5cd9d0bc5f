// Command bench measures Mission Control beside what it is compared with: every row of
// the table is a ratio, both sides of which run in turn, in the same rounds, on the same
// machine. `make bench` runs it and writes docs/BENCHMARKS.md.
//
// It is a module of its own so that the peers stay out of the product's go.mod.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// settings is what a run is told.
type settings struct {
	rounds int
	round  time.Duration // how long one side is measured in a round, where time decides
	stored int           // missions in a large store
	busy   bool          // keep the rounds of a busy machine
	binary string        // the supervisor
	out    string        // the directory of the document and the picture, "" for none
	kept   string        // the file of all rows' latest results
}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			exit(role())
		}
	}
	var s settings
	var only string
	var render bool
	flag.IntVar(&s.rounds, "rounds", 5, "rounds of each row; medians are reported")
	flag.DurationVar(&s.round, "round", 1500*time.Millisecond, "how long each side is measured in a round, where time decides")
	flag.IntVar(&s.stored, "stored", 1_000_000, "missions in the large stores")
	flag.BoolVar(&s.busy, "busy", false, "keep rounds that a busy machine spoils, to try rows out; nothing is written")
	flag.StringVar(&s.binary, "binary", "", "the supervisor to measure")
	flag.StringVar(&s.out, "out", "", "directory to write BENCHMARKS.md and benchmarks.svg to")
	flag.StringVar(&s.kept, "results", "results.json", "file of the latest results, which a run merges its own into")
	flag.StringVar(&only, "rows", ".", "regular expression of the rows to run")
	flag.BoolVar(&render, "render", false, "measure nothing, and write the document from the latest results")
	flag.Parse()
	rows, err := choose(table(), only)
	if err == nil {
		err = s.validate(render, flag.Args())
	}
	if err != nil {
		exit(fmt.Errorf("bench: %w", err))
	}
	if render {
		exit(s.write(nil))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, s, rows))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (s settings) validate(render bool, rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case render:
		return nil
	case s.binary == "":
		return errors.New("-binary, the supervisor to measure, is needed")
	case s.rounds < 1:
		return fmt.Errorf("-rounds is %d, but must be at least 1", s.rounds)
	case s.round <= 0:
		return fmt.Errorf("-round is %s, but must be positive", s.round)
	case s.stored < small:
		return fmt.Errorf("-stored is %d, but must be at least %d", s.stored, small)
	}
	return nil
}

// choose returns the rows whose names match a pattern.
func choose(all []row, pattern string) ([]row, error) {
	only, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("the rows %q are not a regular expression: %w", pattern, err)
	}
	var chosen []row
	var names strings.Builder
	for _, r := range all {
		if only.MatchString(r.name) {
			chosen = append(chosen, r)
		}
		fmt.Fprintf(&names, "\n  %s", r.name)
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no row matches %q; there are:%s", pattern, names.String())
	}
	return chosen, nil
}

// run measures the rows, prints each, and writes the document after each, so that a run
// that ends early leaves what it has measured. A row that a busy machine spoils does not
// end the run.
func run(ctx context.Context, s settings, rows []row) error {
	w, err := newWorkplace(s)
	if err != nil {
		return err
	}
	defer w.close()
	began, taken := time.Now(), surroundings(ctx, s)
	var spoiled error
	for i, r := range rows {
		fmt.Fprintf(os.Stderr, "%s\n", r.name)
		result, err := measure(ctx, w, r)
		w.release(rows[i+1:])
		switch {
		case errors.Is(err, errBusy):
			spoiled = errors.Join(spoiled, fmt.Errorf("%s: %w", r.name, err))
			fmt.Fprintln(os.Stderr, err)
			continue
		case err != nil:
			return errors.Join(spoiled, fmt.Errorf("%s: %w", r.name, err))
		}
		result.Taken = taken
		fmt.Println(line(r, result))
		if s.busy {
			continue
		}
		if err := s.write(&result); err != nil {
			return err
		}
	}
	fmt.Fprintf(os.Stderr, "%d rows in %s\n", len(rows), time.Since(began).Round(time.Second))
	return spoiled
}

// line is a row in the terminal.
func line(r row, done result) string {
	middle, low, high := done.ratio()
	return fmt.Sprintf("%-72s %6.2f (%.2f–%.2f)  %-7s %s", r.name, middle, low, high, r.aim(), r.verdict(middle))
}

// write merges a result into the kept ones, and writes the document and the picture of
// them all.
func (s settings) write(newer *result) error {
	if s.out == "" {
		return nil
	}
	all, err := readResults(s.kept)
	if err != nil {
		return err
	}
	rows := table()
	if newer != nil {
		all = merge(rows, all, []result{*newer})
		if err := writeResults(s.kept, all); err != nil {
			return err
		}
	} else {
		all = merge(rows, all, nil)
	}
	text, err := report(rows, all)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.out, "BENCHMARKS.md"), text, 0o644); err != nil { //nolint:gosec // a document
		return err
	}
	return os.WriteFile(filepath.Join(s.out, "benchmarks.svg"), picture(bars(rows, all)), 0o644) //nolint:gosec // a document
}

// roles are what this program also is: processes that rows need, and measurements apart
// from the table.
var roles = map[string]func() error{
	"echo": serveEcho, "limit": serveLimit, "broker": serveBroker, "recovery": recovery, "peers": peers, "asynq-worker": workAsynq,
}
