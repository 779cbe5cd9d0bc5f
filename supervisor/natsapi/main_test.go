package natsapi_test

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Goroutines that a broker leaks if it is shut down while it flushes, or while it
	// creates a stream; see eventstream's tests.
	const broker = "github.com/nats-io/nats-server/v2/server"
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(broker+".(*msgBlock).flushLoop"),
		goleak.IgnoreAnyFunction(broker+".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(broker+"/ats.Register.func1"))
}
