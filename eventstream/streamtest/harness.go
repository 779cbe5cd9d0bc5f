package streamtest

import (
	"slices"
	"testing"

	"missioncontrol/eventstream"
)

// Harness is the environment of one test. Each test gets a new one, with an empty
// store, and may disturb it.
type Harness interface {
	// Config is how the stream under test reaches the broker. The suite fills in
	// the logger and short waits.
	Config() eventstream.Config
	// Replicas is the default number of replicas of a stream.
	Replicas() int
	// AdminURL is the broker's address for the test's own connection. Hang does not
	// affect it, but Stop ends its connections, and Start may change it.
	AdminURL() string
	// Stop stops the broker, or disconnects its clients.
	Stop(t *testing.T)
	// Start restarts it with its stored data.
	Start(t *testing.T)
	// Hang makes the broker stop responding without closing a connection: bytes are
	// accepted and held back, in both directions.
	Hang(t *testing.T)
	// Resume forwards everything that was held back.
	Resume(t *testing.T)
}

// Features describes the broker behind a harness.
type Features struct {
	// JetStream means that events can be stored. Without it the no-op contract is
	// tested: nothing blocks, drops are counted, and the status says why. AdminURL
	// and the methods that disturb are then not used.
	JetStream bool
	// Reason is a part of Status.Reason if JetStream is false.
	Reason string
}

// Open creates the harness of one test. It registers its own cleanup.
type Open func(t *testing.T) Harness

// Run tests everything that the features allow. The tests run in parallel.
func Run(t *testing.T, open Open, f Features) {
	tests := noopTests(f)
	if f.JetStream {
		tests = slices.Concat(topologyTests, publishTests, emitTests, outageTests, consumeTests, followTests, readerTests, failureTests, closeTests)
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
