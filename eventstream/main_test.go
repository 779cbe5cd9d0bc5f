package eventstream_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// Most of the tests' time is spent in a broker's own timeouts and elections, so
	// more tests than processors may run at once.
	if err := flag.Set("test.parallel", fmt.Sprint(2*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Goroutines that a broker leaks if it is shut down while it flushes, or while
	// it creates a stream: the stream's file is never closed, nor the clock it
	// registered for.
	const broker = "github.com/nats-io/nats-server/v2/server"
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(broker+".(*msgBlock).flushLoop"),
		goleak.IgnoreAnyFunction(broker+".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(broker+"/ats.Register.func1"))
}
