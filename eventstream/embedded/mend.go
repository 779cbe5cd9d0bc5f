package embedded

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// The server library keeps a stream that could not be written, on a full disk for
// example, out of use until JetStream is started anew: it refuses every message even
// when there is room again. Started anew, the stream has all that it has acknowledged.

// mendPause is how long to wait before JetStream is started anew, the first time and
// each time again.
const mendPause = time.Second

// isWriteFailure reports whether a log line of the server's, which is not about a client,
// says that a stream is out of use. There is nothing else by which it says so.
func isWriteFailure(format string) bool {
	return strings.HasSuffix(strings.ToLower(format), "critical write error: %v")
}

// mend starts JetStream anew whenever a stream could not be written, until stop is
// closed.
func (s *Server) restartOnWriteError(stop <-chan struct{}) {
	defer close(s.mended)
	timer := time.NewTimer(mendPause)
	defer timer.Stop()
	for {
		select {
		case <-s.log.broken:
		case <-stop:
			return
		}
		for again := true; again; {
			timer.Reset(mendPause)
			select {
			case <-timer.C:
			case <-stop:
				return
			}
			again = !s.restartJetStream()
		}
	}
}

// restartJetStream reports whether JetStream is up again, on the same files.
func (s *Server) restartJetStream() bool {
	s.log.log.Warn("a stream could not be written; starting JetStream anew")
	if err := s.broker.ShutdownJetStream(); err != nil {
		s.log.log.Warn("JetStream could not be stopped; trying again", "error", err)
		return false
	}
	select { // what it said while it stopped is about what is being mended
	case <-s.log.broken:
	default:
	}
	if err := s.broker.EnableJetStream(&server.JetStreamConfig{StoreDir: s.storeDir}); err != nil {
		s.log.log.Warn("JetStream could not be started anew; trying again", "error", err)
		return false
	}
	return s.roundTrip(context.Background()) == nil
}
