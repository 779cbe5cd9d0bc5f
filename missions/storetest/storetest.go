// Package storetest is the conformance suite of [missions.Store]: the one place
// that specifies a store's behaviour in code. Every store passes it unchanged.
//
// It uses a store only through the contract and a small [Harness], and expects
// nothing beyond the contract. Tokens and positions grow, but may leave gaps. Times
// are accurate to [Slack], because a store's clock may advance while a test runs.
package storetest

import (
	"context"
	"testing"
	"time"

	"missioncontrol/missions"
)

// Slack is how far the store's clock may advance by itself within one scenario.
const Slack = 20 * time.Second

// Options configures the store of a scenario.
type Options struct {
	OutboxLimit int64                // events in the outbox above which new missions are rejected
	Retry       missions.RetryPolicy // without jitter, so that waits are predictable
}

// Harness is one empty store and the two things a test does to it from outside.
type Harness struct {
	Store   missions.Store
	Advance func(time.Duration)             // moves the store's clock forward
	Reopen  func(*testing.T) missions.Store // closes the store and opens the same data again
}

// Opener opens an empty store. It closes it, in whatever state it then is, when the
// test ends. Scenarios run in parallel, each with its own store.
type Opener func(*testing.T, Options) Harness

// Run runs the whole suite.
func Run(t *testing.T, open Opener) {
	for _, subject := range []struct {
		name string
		run  func(*suite)
	}{
		{"create", testCreate},
		{"claim", testClaim},
		{"claim order", testClaimOrder},
		{"create and claim", testCreateAndClaim},
		{"fencing", testFencing},
		{"heartbeat", testHeartbeat},
		{"finish", testFinish},
		{"repeated finish", testRepeatedFinish},
		{"progress and log", testProgressAndLog},
		{"large", testLarge},
		{"operations by status", testOperationsByStatus},
		{"cancel, retry, delete", testChange},
		{"bulk", testBulk},
		{"due", testDue},
		{"due limit", testDueLimit},
		{"due while planning", testDueWhilePlanning},
		{"stall", testStall},
		{"agents", testAgents},
		{"lost agents", testLost},
		{"agent listing", testAgentListing},
		{"list", testList},
		{"list bounds", testListBounds},
		{"counts", testCounts},
		{"stats", testStats},
		{"windows", testWindows},
		{"history", testHistory},
		{"run times", testRunTimes},
		{"unserved", testUnserved},
		{"alerts", testAlerts},
		{"retention", testRetention},
		{"outbox", testOutbox},
		{"full outbox", testFullOutbox},
		{"checkpoints", testCheckpoints},
		{"usage", testUsage},
		{"retry policy", testRetryPolicy},
		{"waits", testWaits},
		{"ends of waits", testWaitEnds},
		{"inputs", testInputs},
		{"signals", testSignals},
		{"parking", testParking},
		{"children", testChildren},
		{"batches", testBatches},
		{"retry of what waited", testRetryFlow},
		{"graph", testGraph},
		{"events of waits and signals", testFlowEvents},
		{"many waiters", testManyWaiters},
		{"schedules", testSchedules},
		{"limits", testLimits},
		{"limits in time", testLimitTimes},
		{"limits while claiming", testLimitsWhileClaiming},
		{"turns", testTurns},
		{"requires", testRequires},
		{"prefer agent", testPreferAgent},
		{"queues", testQueues},
		{"unique keys", testUnique},
		{"leadership", testLeadership},
		{"persistence", testPersistence},
		{"contexts", testContexts},
		{"close", testClose},
		{"model", testModel},
	} {
		t.Run(subject.name, func(t *testing.T) {
			t.Parallel()
			subject.run(&suite{t: t, open: open})
		})
	}
}

// suite runs the scenarios of one subject.
type suite struct {
	t    *testing.T
	open Opener
}

// defaults suits nearly every scenario. Failed missions wait 1, 2, 4, 8, 8 …
// minutes.
func defaults() Options {
	return Options{
		OutboxLimit: 1_000_000,
		Retry:       missions.RetryPolicy{Base: time.Minute, Max: 8 * time.Minute},
	}
}

// run runs one scenario on its own store.
func (s *suite) run(name string, scenario func(*fixture)) { s.runWith(defaults(), name, scenario) }

func (s *suite) runWith(options Options, name string, scenario func(*fixture)) {
	s.t.Run(name, func(t *testing.T) {
		t.Parallel()
		scenario(&fixture{T: t, Harness: s.open(t, options), ctx: context.WithoutCancel(t.Context())})
	})
}
