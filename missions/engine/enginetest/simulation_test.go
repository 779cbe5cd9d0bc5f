package enginetest_test

import (
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"missioncontrol/missions/engine/enginetest"
)

// Environment variables that make the simulation longer, by steps or by minutes, and that
// repeat a history.
const (
	stepsVariable   = "SIMULATION_STEPS"
	minutesVariable = "SIMULATION_MINUTES"
	seedVariable    = "SIMULATION_SEED"
)

// historySteps is the length of one history.
const historySteps = 2000

func setting(t *testing.T, variable string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// minutes returns for how long the simulation runs at least.
func minutes(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(minutesVariable)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(n * float64(time.Minute))
}

// TestSimulation runs random histories, one on each processor. A failing one is shrunk.
func TestSimulation(t *testing.T) {
	t.Parallel()
	s := &simulation{steps: setting(t, stepsVariable, 6000), end: time.Now().Add(minutes(t))}
	seed := setting(t, seedVariable, uint64(time.Now().UnixNano())) //nolint:gosec // any number will do
	if s.seeds = rand.New(rand.NewPCG(seed, 0)); os.Getenv(seedVariable) != "" {
		s.run(t, seed)
		return
	}
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for history, more := s.next(); more; history, more = s.next() {
				s.run(t, history)
			}
		})
	}
	all.Wait()
	t.Logf("%d steps, %d commits, %d faults, %d takeovers, %d commits of replaced leaders", s.sum.Steps, s.sum.Commits, s.sum.Faults, s.sum.Takeovers, s.sum.Stale)
}

// simulation is what the histories of a simulation share.
type simulation struct {
	steps uint64 // at least
	end   time.Time

	mu     sync.Mutex
	seeds  *rand.Rand
	begun  uint64 // steps of the histories that were begun
	failed bool
	sum    enginetest.Counted
}

// next returns the seed of another history, unless there were enough or one has failed.
func (s *simulation) next() (history uint64, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed || s.begun >= s.steps && !time.Now().Before(s.end) {
		return 0, false
	}
	s.begun += historySteps
	return s.seeds.Uint64(), true
}

// run runs a history.
func (s *simulation) run(t *testing.T, history uint64) {
	t.Helper()
	actions := enginetest.Actions(history, historySteps)
	counted, err := enginetest.Run(enginetest.NewMemory(), actions)
	s.mu.Lock()
	s.sum.Add(counted)
	first := err != nil && !s.failed
	s.failed = s.failed || err != nil
	s.mu.Unlock()
	if first {
		t.Logf("repeat this with %s=%d", seedVariable, history)
		report(t, actions, err)
	}
}

func report(t *testing.T, actions []enginetest.Action, err error) {
	t.Helper()
	fails := func(actions []enginetest.Action) bool {
		_, err := enginetest.Run(enginetest.NewMemory(), actions)
		return err != nil
	}
	short := enginetest.Shrink(actions, fails)
	_, last := enginetest.Run(enginetest.NewMemory(), short)
	t.Errorf("%v\nshrunk to %d actions: %v\n%s", err, len(short), last, enginetest.Describe(short))
}
