package supervisor

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
	"missioncontrol/wakeup"
)

// switchboard plays the broker and the store in a test. It knows which agents are
// connected, which were taken offline, and since when those must have been silent.
type switchboard struct {
	mu        sync.Mutex
	connected map[string]int
	broken    error
	slow      time.Duration // how long the store takes to return the time
	ahead     time.Duration // how far the store's clock is ahead of ours
	taken     map[string]time.Duration
	refuses   error // the store's error when it takes an agent offline
}

func (b *switchboard) Run(ctx context.Context, _ func(string)) { <-ctx.Done() }
func (b *switchboard) Watching() error                         { return nil }

func (b *switchboard) Connected(context.Context, []string) (map[string]int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.connected, b.broken
}

func (b *switchboard) now(context.Context) (missions.Time, error) {
	now := missions.At(time.Now().Add(b.ahead))
	time.Sleep(b.slow)
	return now, nil
}

// take is the store's step. It records its time, relative to the beginning.
func (b *switchboard) take(begun time.Time) func(context.Context, string, missions.Time) error {
	return func(_ context.Context, agentID string, since missions.Time) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.refuses != nil {
			return b.refuses
		}
		b.taken[agentID] = since.Sub(missions.At(begun.Add(b.ahead)))
		return nil
	}
}

// set changes the switchboard while it is in use.
func (b *switchboard) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

// since returns whether an agent was taken offline, and since when it had to be silent.
func (b *switchboard) since(agentID string) (since time.Duration, taken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	since, taken = b.taken[agentID]
	return since, taken
}

// candidatesLeft returns how many candidates there are.
func (d *liveness) candidatesLeft() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.candidates)
}

const (
	testGrace = time.Second
	testLease = 10 * time.Second
)

// watching runs a test with a running liveness.
func watching(t *testing.T, test func(d *liveness, b *switchboard)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &switchboard{connected: map[string]int{}, taken: map[string]time.Duration{}, ahead: time.Hour}
		d := &liveness{
			connections: b, connected: newConnectedAgents(), grace: testGrace, giveUp: testLease, take: b.take(time.Now()), now: b.now,
			log: slog.New(slog.NewTextHandler(io.Discard, nil)), wake: wakeup.New(), candidates: map[string]candidate{},
		}
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { d.run(ctx) })
		test(d, b)
		cancel()
		loop.Wait()
	})
}

// after waits for a duration, and until everything due by then has happened.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// An agent that is connected to the supervisor itself is not taken, though the brokers know
// nothing of it, and though they do not answer.
func TestAnAgentThatIsConnectedToTheSupervisorIsNotTaken(t *testing.T) {
	t.Parallel()
	watching(t, func(d *liveness, b *switchboard) {
		b.set(func() { b.broken = errors.New("broken") })
		d.ended("a")
		connection := d.connected.join("a")
		after(testGrace)
		if _, taken := b.since("a"); taken || d.candidatesLeft() != 0 {
			t.Error("an agent that has come back was taken, or may still be")
		}
		d.connected.leave("a", connection)
		b.set(func() { b.broken = nil })
		d.ended("a")
		after(testGrace)
		if _, taken := b.since("a"); !taken {
			t.Error("an agent that has left again was not taken")
		}
	})
}

func TestAnAgentThatDoesNotComeBackIsTaken(t *testing.T) {
	t.Parallel()
	watching(t, func(d *liveness, b *switchboard) {
		d.ended("a")
		after(testGrace - 1)
		if _, taken := b.since("a"); taken {
			t.Fatal("taken before the grace period was over")
		}
		after(1)
		since, taken := b.since("a")
		if !taken || since != testGrace/onItsWay {
			t.Fatalf("taken: %v, if silent since %s", taken, since)
		}
		b.set(func() { delete(b.taken, "a") })
		after(time.Minute)
		if _, again := b.since("a"); again || d.candidatesLeft() != 0 {
			t.Fatalf("taken again: %v; suspected: %d", again, d.candidatesLeft())
		}
	})
}

func TestAnAgentThatHasAConnectionIsNotTaken(t *testing.T) {
	t.Parallel()
	watching(t, func(d *liveness, b *switchboard) {
		b.connected["a"] = 1
		d.ended("a")
		d.ended("b")
		after(time.Minute)
		_, a := b.since("a")
		if _, other := b.since("b"); a || !other || d.candidatesLeft() != 0 {
			t.Fatalf("taken: a %v, b %v; suspected: %d", a, other, d.candidatesLeft())
		}
	})
}

// A connection that ends again restarts the grace period.
func TestTheLastEndCounts(t *testing.T) {
	t.Parallel()
	watching(t, func(d *liveness, b *switchboard) {
		d.ended("a")
		after(testGrace / 2)
		d.ended("a")
		after(testGrace - 1)
		if _, taken := b.since("a"); taken {
			t.Fatal("taken before the grace period was over")
		}
		after(1)
		if since, _ := b.since("a"); since != testGrace/2+testGrace/onItsWay {
			t.Fatalf("taken if silent since %s", since)
		}
	})
}

// While the brokers do not answer, nothing is done. The time from which a heartbeat
// counts stays the same, and a slow store only moves it back.
func TestWithoutAnAnswerNobodyIsTaken(t *testing.T) {
	t.Parallel()
	watching(t, func(d *liveness, b *switchboard) {
		b.broken = errors.New("one of three servers does not answer")
		d.ended("a")
		after(testGrace + testGrace/2)
		if _, taken := b.since("a"); taken || d.candidatesLeft() != 1 {
			t.Fatalf("taken: %v; suspected: %d", taken, d.candidatesLeft())
		}
		b.set(func() { b.broken, b.slow = nil, 50*time.Millisecond })
		after(testGrace)
		if since, taken := b.since("a"); !taken || since != testGrace/onItsWay-50*time.Millisecond {
			t.Fatalf("taken: %v, if silent since %s", taken, since)
		}
	})
}

// A store that is away is asked again, until the lease has ended anyway.
func TestAStoreThatIsAwayIsAskedAgain(t *testing.T) {
	t.Parallel()
	watching(t, func(d *liveness, b *switchboard) {
		b.refuses = missions.ErrUnavailable
		d.ended("a")
		after(testLease / 2)
		b.set(func() { b.refuses = nil })
		after(testGrace)
		if since, taken := b.since("a"); !taken || since != testGrace/onItsWay {
			t.Fatalf("taken: %v, if silent since %s", taken, since)
		}
		b.set(func() { b.refuses = missions.ErrUnavailable })
		d.ended("b")
		after(testLease + 2*testGrace)
		if d.candidatesLeft() != 0 {
			t.Fatal("still suspected after the lease")
		}
		b.set(func() { b.refuses = missions.ErrNotFound })
		d.ended("stranger")
		after(testGrace)
		if d.candidatesLeft() != 0 {
			t.Fatal("a stranger is still suspected")
		}
	})
}
