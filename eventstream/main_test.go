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
	// Most of the tests' time goes by in a broker's own timeouts and elections,
	// so there may be more of them than processors.
	if err := flag.Set("test.parallel", fmt.Sprint(2*runtime.GOMAXPROCS(0))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// What a broker leaves behind that is shut down while it flushes, or while it makes a
	// stream: the stream's file is never closed, nor the clock that it has registered for.
	const broker = "github.com/nats-io/nats-server/v2/server"
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(broker+".(*msgBlock).flushLoop"),
		goleak.IgnoreAnyFunction(broker+".(*fileStore).flushStreamStateLoop"), goleak.IgnoreAnyFunction(broker+"/ats.Register.func1"))
}
