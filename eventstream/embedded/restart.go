package embedded

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// After a failed write, for example on a full disk, the server library disables the
// stream until JetStream restarts: it rejects every message even when there is
// space again. After a restart, the stream has everything it acknowledged.

// mendPause is how long to wait before each restart of JetStream.
const restartPause = time.Second

// isWriteFailure reports whether a server log line that is not about a client says
// that a stream is disabled. The server reports it in no other way.
func isWriteFailure(format string) bool {
	return strings.HasSuffix(strings.ToLower(format), "critical write error: %v")
}

// restartOnWriteError restarts JetStream whenever a stream could not be written,
// until stop is closed.
func (s *Server) restartOnWriteError(stop <-chan struct{}) {
	defer close(s.restarted)
	timer := time.NewTimer(restartPause)
	defer timer.Stop()
	for {
		select {
		case <-s.log.broken:
		case <-stop:
			return
		}
		for again := true; again; {
			timer.Reset(restartPause)
			select {
			case <-timer.C:
			case <-stop:
				return
			}
			again = !s.restartJetStream()
		}
	}
}

// restartJetStream restarts JetStream on the same files and reports whether it is
// up.
func (s *Server) restartJetStream() bool {
	s.log.log.Warn("cannot write a stream; restarting JetStream")
	if err := s.broker.ShutdownJetStream(); err != nil {
		s.log.log.Warn("cannot stop JetStream; trying again", "error", err)
		return false
	}
	select { // reports made while stopping concern the failure being handled
	case <-s.log.broken:
	default:
	}
	if err := s.broker.EnableJetStream(&server.JetStreamConfig{StoreDir: s.storeDir}); err != nil {
		s.log.log.Warn("cannot start JetStream; trying again", "error", err)
		return false
	}
	return s.roundTrip(context.Background()) == nil
}
