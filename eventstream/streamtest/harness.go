package streamtest

import (
	"slices"
	"testing"

	"missioncontrol/eventstream"
)

// Harness is the surroundings of one test. Each test gets a fresh one, with an
// empty store, and may disturb it.
type Harness interface {
	// Config is how the stream under test reaches the broker. The suite fills in
	// the logger and short waits.
	Config() eventstream.Config
	// Replicas is how many copies of a stream are made when nobody says.
	Replicas() int
	// AdminURL is a way to the broker for the test's own connection. Hang does
	// not concern it, but Stop ends its connections, and Start may change it.
	AdminURL() string
	// Stop takes the broker down, or away from its clients.
	Stop(t *testing.T)
	// Start brings it back with what it had stored.
	Start(t *testing.T)
	// Hang makes the broker stop answering without closing a connection: bytes
	// are taken and held back, both ways.
	Hang(t *testing.T)
	// Resume lets everything pass that was held back.
	Resume(t *testing.T)
}

// Features says what the broker behind a harness can do.
type Features struct {
	// JetStream: events can be stored. Without it the no-op contract is tested:
	// nothing blocks, drops are counted, and the status says why. AdminURL and
	// the methods that disturb are then not used.
	JetStream bool
	// Reason is a part of Status.Reason when JetStream is false.
	Reason string
}

// Open makes the harness of one test. It registers its own clean-up.
type Open func(t *testing.T) Harness

// Run tests everything that the features allow. The tests are parallel.
func Run(t *testing.T, open Open, f Features) {
	tests := noopTests(f)
	if f.JetStream {
		tests = slices.Concat(topologyTests, publishTests, emitTests, outageTests, consumeTests, followTests, failureTests, closeTests)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(newBench(t, open(t)))
		})
	}
}

// test is one named test of the suite.
type test struct {
	name string
	run  func(b *bench)
}
