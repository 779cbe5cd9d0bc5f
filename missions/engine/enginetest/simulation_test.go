package enginetest_test

import (
	"math/rand/v2"
	"os"
	"strconv"
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

// TestSimulation runs random histories. A failing one is shrunk.
func TestSimulation(t *testing.T) {
	t.Parallel()
	seed := setting(t, seedVariable, uint64(time.Now().UnixNano())) //nolint:gosec // any number will do
	steps := setting(t, stepsVariable, 20_000)
	end := time.Now().Add(minutes(t))
	seeds := rand.New(rand.NewPCG(seed, 0))
	var sum enginetest.Counted
	for uint64(sum.Steps) < steps || time.Now().Before(end) { //nolint:gosec // not negative
		history := seeds.Uint64()
		if os.Getenv(seedVariable) != "" {
			history = seed
		}
		actions := enginetest.Actions(history, historySteps)
		counted, err := enginetest.Run(enginetest.NewMemory(), actions)
		if err != nil {
			t.Logf("repeat this with %s=%d", seedVariable, history)
			report(t, actions, err)
			return
		}
		sum.Add(counted)
	}
	t.Logf("%d steps, %d commits, %d faults, %d takeovers, %d commits of replaced leaders", sum.Steps, sum.Commits, sum.Faults, sum.Takeovers, sum.Stale)
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
