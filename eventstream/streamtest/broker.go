package streamtest

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// StartBroker runs a broker on a port until the test ends. It has JetStream if storeDir is
// not empty.
func StartBroker(tb testing.TB, port int, storeDir string) *server.Server {
	tb.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: storeDir != "", StoreDir: storeDir,
	})
	if err != nil {
		tb.Fatal(err)
	}
	s.Start()
	tb.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(Timeout) {
		tb.Fatal("the broker does not start")
	}
	return s
}
