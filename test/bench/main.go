// Command bench measures Mission Control beside what it is compared with: every row
// of the table is a ratio, both sides of which run in turn, in the same rounds, on
// the same machine. `make bench` runs it and writes docs/BENCHMARKS.md.
//
// It is a module of its own so that the peers stay out of the product's go.mod.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"time"
)

// settings is what a run is told.
type settings struct {
	rounds int
	round  time.Duration // how long one side is measured in a round, where time decides
	stored int           // missions in a large store
	binary string        // the supervisor
	out    string        // where the report goes, "" for nowhere
}

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			exit(role())
		}
	}
	var s settings
	var only string
	flag.IntVar(&s.rounds, "rounds", 5, "rounds of each row; medians are reported")
	flag.DurationVar(&s.round, "round", 2*time.Second, "how long each side is measured in a round")
	flag.IntVar(&s.stored, "stored", 1_000_000, "missions in the large stores")
	flag.StringVar(&s.binary, "binary", "", "the supervisor to measure")
	flag.StringVar(&s.out, "out", "", "file to write the report to")
	flag.StringVar(&only, "rows", ".", "regular expression of the rows to run")
	flag.Parse()
	rows, err := regexp.Compile(only)
	if err != nil || s.binary == "" {
		exit(fmt.Errorf("bench: -binary is needed, and -rows has to be a regular expression (%w)", err))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
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

// run measures the rows and prints the table.
func run(ctx context.Context, s settings, only *regexp.Regexp) error {
	w, err := newWorkplace(s)
	if err != nil {
		return err
	}
	defer w.close()
	var done []result
	for _, r := range table() {
		if !only.MatchString(r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\n", r.name)
		result, err := measure(ctx, w, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		fmt.Println(result)
		done = append(done, result)
	}
	if s.out == "" {
		return nil
	}
	text, err := report(ctx, s, done)
	if err != nil {
		return err
	}
	return os.WriteFile(s.out, text, 0o644) //nolint:gosec // a document
}

// roles are what this program also is: processes that rows need, and a measurement
// apart from the table.
var roles = map[string]func() error{"echo": serveEcho, "limit": serveLimit, "recovery": recovery, "asynq-worker": workAsynq}
