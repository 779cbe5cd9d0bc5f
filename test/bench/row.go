package main

import (
	"context"
	"fmt"
	"time"
)

// row is one comparison.
type row struct {
	name     string
	group    string
	goal     float64 // the ratio to reach, see less; 0 for none: the row explains others
	less     bool    // the ratio is to be at most the goal, not at least
	unit     string  // of both sides' figures
	yardside string  // what ours is measured beside
	durable  string  // what each side guarantees for what it accepts

	ours, theirs side

	stock    string // the store with 1,000,000 missions that the row uses, "" for none
	rounds   int    // at most, 0 for as many as are asked for
	cold     bool   // there is nothing to warm up
	deferred bool   // work that is put off counts, see deferredWork
}

// side starts on a site what one side of a row needs, and returns how to load it. The
// site ends everything after a round.
type side func(ctx context.Context, at *site) (load, error)

// load measures once. part is less than 1 when it only warms up.
type load func(ctx context.Context, part float64) (figure, error)

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

// constant is the side of a limit.
func constant(value float64) side {
	return func(context.Context, *site) (load, error) {
		return func(context.Context, float64) (figure, error) { return figure{value: value}, nil }, nil
	}
}

// reached reports whether a ratio reaches the goal.
func (r row) reached(ratio float64) bool {
	if r.less {
		return ratio <= r.goal
	}
	return ratio >= r.goal
}

// verdict says what became of the goal.
func (r row) verdict(ratio float64) string {
	switch {
	case r.goal == 0:
		return "no goal"
	case r.reached(ratio):
		return "reached"
	}
	return "not reached"
}

// aim writes the goal.
func (r row) aim() string {
	switch {
	case r.goal == 0:
		return ""
	case r.less:
		return fmt.Sprintf("≤ %.3g", r.goal)
	}
	return fmt.Sprintf("≥ %.3g", r.goal)
}
