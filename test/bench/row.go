package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// row is one comparison.
type row struct {
	name     string
	goal     float64 // the ratio to reach, see less; 0 for none: the row is there to explain others
	less     bool    // the ratio is to be at most the goal, not at least
	unit     string  // of both sides' figures
	yardside string  // what ours is measured beside
	durable  string  // what either side promises of what it accepts

	// prepare starts what both sides need and returns them.
	prepare func(ctx context.Context, w *workplace) (ours, theirs side, err error)
}

// side measures one side once.
type side func(ctx context.Context) (figure, error)

// figure is one measurement: what the row's unit says, and how many things were done
// to find that out, 0 where that has no meaning.
type figure struct {
	value float64
	done  int
}

// perSecond is the figure of so many things in a time.
func perSecond(done int, took time.Duration) figure {
	return figure{value: float64(done) / took.Seconds(), done: done}
}

// result is what a row came to.
type result struct {
	row
	ours, theirs, ratios []float64
	cpu                  []float64 // processor time of one of theirs, in those of ours
}

func measure(ctx context.Context, w *workplace, r row) (result, error) {
	out := result{row: r}
	ours, theirs, err := r.prepare(ctx, w)
	if err != nil {
		return out, err
	}
	for round := range w.rounds + 1 {
		a, costA, err := timed(ctx, ours)
		if err != nil {
			return out, fmt.Errorf("ours: %w", err)
		}
		b, costB, err := timed(ctx, theirs)
		if err != nil {
			return out, fmt.Errorf("theirs: %w", err)
		}
		fmt.Fprintf(os.Stderr, "  round %d: %.4g beside %.4g %s, ratio %.2f; processor time %.4g beside %.4g µs each\n",
			round, a.value, b.value, r.unit, a.value/b.value, costA, costB)
		if round > 0 { // the first is for warming up
			out.ours, out.theirs, out.ratios = append(out.ours, a.value), append(out.theirs, b.value), append(out.ratios, a.value/b.value)
			if costA > 0 && costB > 0 {
				out.cpu = append(out.cpu, costB/costA)
			}
		}
	}
	return out, nil
}

// timed measures a side, and the microseconds of processor time that each thing took,
// of everything that the row has started: brokers, stores, clients.
func timed(ctx context.Context, s side) (figure, float64, error) {
	before := cpuTime()
	f, err := s(ctx)
	if f.done == 0 {
		return f, 0, err
	}
	return f, float64((cpuTime() - before).Microseconds()) / float64(f.done), err
}

func median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// reached reports whether the goal was.
func (r result) reached() bool {
	if r.less {
		return median(r.ratios) <= r.goal
	}
	return median(r.ratios) >= r.goal
}

// verdict says in a word what became of the goal.
func (r result) verdict() string {
	switch {
	case r.goal == 0:
		return "no goal"
	case r.reached():
		return "reached"
	}
	return "not reached"
}

// aim writes the goal.
func (r result) aim() string {
	switch {
	case r.goal == 0:
		return ""
	case r.less:
		return fmt.Sprintf("≤ %.3g", r.goal)
	}
	return fmt.Sprintf("≥ %.3g", r.goal)
}

func (r result) String() string {
	return fmt.Sprintf("%-66s %6.2f (%.2f–%.2f)  %-7s %s", r.name, median(r.ratios),
		slices.Min(r.ratios), slices.Max(r.ratios), r.aim(), r.verdict())
}
