package main

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// row is one comparison.
type row struct {
	name     string
	goal     float64 // the ratio to reach, see less
	less     bool    // the ratio is to be at most the goal, not at least
	unit     string  // of both sides' figures
	yardside string  // what ours is measured beside
	durable  string  // what either side promises of what it accepts

	// prepare starts what both sides need and returns them.
	prepare func(ctx context.Context, w *workplace) (ours, theirs side, err error)
}

// side measures one side once and returns its figure.
type side func(ctx context.Context) (float64, error)

// result is what a row came to.
type result struct {
	row
	ours, theirs, ratios []float64
}

func measure(ctx context.Context, s settings, r row) (result, error) {
	w, err := newWorkplace(s)
	if err != nil {
		return result{}, err
	}
	defer w.close()
	out := result{row: r}
	ours, theirs, err := r.prepare(ctx, w)
	if err != nil {
		return out, err
	}
	for round := range s.rounds + 1 {
		a, err := ours(ctx)
		if err != nil {
			return out, fmt.Errorf("ours: %w", err)
		}
		b, err := theirs(ctx)
		if err != nil {
			return out, fmt.Errorf("theirs: %w", err)
		}
		fmt.Fprintf(os.Stderr, "  round %d: %.4g beside %.4g %s, ratio %.2f\n", round, a, b, r.unit, a/b)
		if round > 0 { // the first is for warming up
			out.ours, out.theirs, out.ratios = append(out.ours, a), append(out.theirs, b), append(out.ratios, a/b)
		}
	}
	return out, nil
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

func (r result) String() string {
	sign, verdict := "≥", "reached"
	if r.less {
		sign = "≤"
	}
	if !r.reached() {
		verdict = "NOT reached"
	}
	return fmt.Sprintf("%-58s %6.2f (%.2f–%.2f)  goal %s %g  %s", r.name, median(r.ratios),
		slices.Min(r.ratios), slices.Max(r.ratios), sign, r.goal, verdict)
}
