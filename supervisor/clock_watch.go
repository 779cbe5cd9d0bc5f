package supervisor

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const (
	clockInterval = 5 * time.Second
	clockTimeout  = time.Second // for an answer of the store

	// clockStep is the smallest step that is reported. Clocks that are only corrected gradually
	// never get so far within an interval.
	clockStep = time.Second

	// clockGap is how long ago the clock must have been read for a comparison. After a longer
	// outage of the store, two clocks may differ by more without a step.
	clockGap = 5 * time.Minute

	// clockReported is how long health reports a step, at least.
	clockReported = time.Hour
)

// clockWatch notices when the store's clock is set: deadline and not_before follow it. It compares
// the clock with one that is never set.
type clockWatch struct {
	now     func(context.Context) (missions.Time, error) // the store's clock
	elapsed func() time.Duration                         // the clock that is never set
	log     *slog.Logger

	lastStore time.Time // owned by run, like lastRead
	lastRead  time.Duration

	mu   sync.Mutex
	step time.Duration // the latest; negative for one back
	at   time.Duration // when it was noticed, by elapsed
	when time.Time     // the same, by the store's clock
}

func newClockWatch(store missions.Store, log *slog.Logger) *clockWatch {
	began := time.Now()
	return &clockWatch{now: store.Now, elapsed: func() time.Duration { return time.Since(began) }, log: log}
}

// run watches until ctx ends.
func (w *clockWatch) run(ctx context.Context) {
	tick := time.NewTicker(clockInterval)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look reads the clock and compares it with the last time.
func (w *clockWatch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, clockTimeout)
	defer cancel()
	asked := w.elapsed()
	answer, err := w.now(ctx)
	read := w.elapsed()
	if err != nil {
		return // that the store is unavailable is reported elsewhere
	}
	now := answer.Time()
	passed := read - w.lastRead
	step := now.Sub(w.lastStore) - passed
	// The clock was read at some time between the question and the answer.
	known := !w.lastStore.IsZero() && passed < clockGap
	if unsure := read - asked; known && max(step, -step) > clockStep+unsure {
		w.note(step, read, now)
	}
	w.lastStore, w.lastRead = now, read
}

func (w *clockWatch) note(step, at time.Duration, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step, w.at, w.when = step, at, now
	w.log.Warn("the store's clock was set", "by", step.Round(time.Millisecond), "meaning", clockEffect)
}

// clockEffect is what a step does.
const clockEffect = "leases, timeouts and backoffs last as long as before; deadlines and not_before follow the clock"

// check returns what health says: nothing, or the latest step while it matters.
func (w *clockWatch) check() api.Check {
	w.mu.Lock()
	defer w.mu.Unlock()
	size, direction := w.step, "forward, or its machine slept"
	if size < 0 {
		size, direction = -size, "back"
	}
	if size == 0 || w.elapsed()-w.at > max(clockReported, size) {
		return api.Check{}
	}
	return api.Check{Status: api.HealthOK, Message: fmt.Sprintf("the store's clock was set %s %s at %s: %s",
		size.Round(time.Millisecond), direction, w.when.UTC().Format(time.RFC3339), clockEffect)}
}
