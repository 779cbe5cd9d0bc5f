package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// warmUp is the part of a measurement that is done before it.
const warmUp = 0.15

// deferralTime is how long our acknowledged events stay in the outbox, and a little more:
// the embedded broker syncs every 10 s, and the relay deletes what was acknowledged 12.5 s
// ago.
const deferralTime = 14 * time.Second

var errBusy = errors.New("the machine is too busy to measure")

// party is one side in the rounds of a row.
type party struct {
	side

	// The processor time, in microseconds for each thing done, of what the side does
	// once nobody waits for it. It is measured in one round, and added in all.
	deferred float64
	known    bool
}

// visit is one side, measured in one round.
type visit struct {
	figure
	cpu       float64 // microseconds of processor time for each thing done
	condition condition
}

// measure takes a row's rounds. Rounds on a busy machine are thrown away and taken
// again, at most as many as there are rounds.
func measure(ctx context.Context, w *workplace, r row) (result, error) {
	out := result{Name: r.name}
	rounds := w.rounds
	if r.rounds > 0 {
		rounds = min(rounds, r.rounds)
	}
	ours := &party{side: r.ours, known: !r.deferred}
	theirs := &party{side: r.theirs, known: !r.deferred}
	for round := 1; len(out.Ours) < rounds; round++ {
		a, b, err := w.turn(ctx, r, ours, theirs, round)
		if err != nil {
			return out, err
		}
		fmt.Fprintf(os.Stderr, "  round %d: %.4g beside %.4g %s, ratio %.2f; processor time %.4g beside %.4g µs each\n    ours:   %s\n    theirs: %s\n",
			round, a.value, b.value, r.unit, a.value/b.value, a.cpu, b.cpu, a.condition, b.condition)
		usual := w.spinner.usual()
		busy := cmp.Or(a.condition.busy(usual), b.condition.busy(usual), unequal(a.condition, b.condition))
		if busy != "" && !w.busy {
			out.Thrown++
			fmt.Fprintf(os.Stderr, "    thrown away: %s\n", busy)
			if out.Thrown > rounds {
				return out, fmt.Errorf("%w: %d of %d rounds were thrown away, the last one because %s", errBusy, out.Thrown, round, busy)
			}
			continue
		}
		out.add(a, b)
	}
	return out, nil
}

// turn measures both sides once. They take turns at being first.
func (w *workplace) turn(ctx context.Context, r row, ours, theirs *party, round int) (a, b visit, err error) {
	if round%2 == 0 {
		if b, err = w.visit(ctx, r, theirs); err != nil {
			return a, b, fmt.Errorf("theirs: %w", err)
		}
	}
	if a, err = w.visit(ctx, r, ours); err != nil {
		return a, b, fmt.Errorf("ours: %w", err)
	}
	if round%2 == 1 {
		if b, err = w.visit(ctx, r, theirs); err != nil {
			return a, b, fmt.Errorf("theirs: %w", err)
		}
	}
	return a, b, nil
}

// visit starts a side, measures it when everything is at rest, and ends all of its
// processes. Processor time counts until everything is at rest again.
func (w *workplace) visit(ctx context.Context, r row, p *party) (v visit, err error) {
	at, err := w.site()
	if err != nil {
		return v, err
	}
	defer at.close()
	load, err := p.side(ctx, at)
	if err != nil {
		return v, err
	}
	if !r.cold {
		if _, err := load(ctx, warmUp); err != nil {
			return v, fmt.Errorf("warming up: %w", err)
		}
	}
	atRest, err := rest(ctx)
	if err != nil {
		return v, err
	}
	spin := w.spinner.spin()
	before := usedNow()
	if v.figure, err = load(ctx, 1); err != nil {
		return v, err
	}
	after := usedNow()
	load1 := loadAverage()
	again, err := rest(ctx)
	if err != nil {
		return v, err
	}
	settled := cpuTime()
	v.condition = conditionOf(before, after, max(spin, w.spinner.spin()))
	v.condition.load, v.condition.restless = load1, !atRest || !again
	if v.done == 0 {
		return v, nil
	}
	if !p.known {
		if p.deferred, err = deferredTime(ctx, v.done); err != nil {
			return v, err
		}
		p.known = true
	}
	v.cpu = float64((settled-before.ours).Microseconds())/float64(v.done) + p.deferred
	return v, nil
}

// deferredTime waits until everything that was put off is done, and returns the
// microseconds of processor time that it took for each of so many things.
func deferredTime(ctx context.Context, done int) (float64, error) {
	before := cpuTime()
	select {
	case <-time.After(deferralTime):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	if _, err := rest(ctx); err != nil {
		return 0, err
	}
	return float64((cpuTime() - before).Microseconds()) / float64(done), nil
}
