package eventstream

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"
)

// layout is how the broker keeps the stream, as far as publishing depends on it.
type layout struct {
	replicas int
	order    ordering
}

// ordering is the way PublishBatch keeps events in order.
type ordering int

const (
	// pipelined: many in flight. Messages reach the stream over one connection, and
	// the process that reads the connection stores them.
	pipelined ordering = iota
	// atomically: in batches that are stored as a whole, one after the other.
	atomically
	// oneByOne: each event is sent after the previous one is stored.
	oneByOne
)

// settle records how the broker keeps the stream.
func (s *session) settle(info *jetstream.StreamInfo) {
	s.layout.Store(&layout{
		replicas: max(1, info.Config.Replicas),
		order:    orderFor(info, s.nc.ConnectedServerName(), s.cfg.MaxInFlight),
	})
}

// orderFor chooses how to publish to a stream through the named broker. Only a
// stream with one replica, on that very broker, stores messages exactly as they are
// sent. Otherwise there is another hop behind the broker, or a leader that may
// change, and single messages in flight can be lost.
func orderFor(info *jetstream.StreamInfo, broker string, maxInFlight int) ordering {
	here := info.Cluster == nil || info.Cluster.Leader == broker
	switch {
	case maxInFlight == 1:
		return oneByOne
	case info.Config.Replicas <= 1 && here:
		return pipelined
	case info.Config.AllowAtomicPublish:
		return atomically
	default:
		return oneByOne
	}
}

// refreshPlacement records what an operator may have changed on a working stream.
// It may fail: what matters is that publishes are acknowledged, which was already
// checked.
func (s *Stream) refreshPlacement(ctx context.Context, sess *session) {
	if stream, err := s.lookUp(ctx, sess); err == nil {
		sess.settle(stream.CachedInfo())
	}
}
