package eventstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// autoReplicas is the number of replicas that Config.Replicas 0 tries first.
const autoReplicas = 3

// createReplicated creates a stream with Config.Replicas replicas, or chooses their
// number: see "Replicas" in the package documentation.
func (s *Stream) createReplicated(ctx context.Context, sess *session, cfg jetstream.StreamConfig) (jetstream.Stream, error) {
	if cfg.Replicas != 0 {
		return sess.js.CreateStream(ctx, cfg)
	}
	cfg.Replicas = autoReplicas
	stream, err := sess.js.CreateStream(ctx, cfg)
	if err == nil || !s.fallBackToOneReplica(err, time.Now()) {
		return stream, err
	}
	cfg.Replicas = 1
	return sess.js.CreateStream(ctx, cfg)
}

// fallBackToOneReplica reports whether err, at time now, means that three replicas
// are not possible. If it may only mean that a node is not up yet, the error must
// last for Config.ReplicasWait.
func (s *Stream) fallBackToOneReplica(err error, now time.Time) bool {
	var apiErr *jetstream.APIError
	switch {
	case !errors.As(err, &apiErr):
		return false
	case apiErr.ErrorCode == codeReplicasNotSupported, apiErr.ErrorCode == codeNoLimits:
		return true
	case !lacksNodes(err), nodeAway(apiErr), s.cfg.servers() >= autoReplicas:
		return false
	}
	if s.tooFewSince.IsZero() {
		s.tooFewSince = now
	}
	return now.Sub(s.tooFewSince) >= s.cfg.ReplicasWait
}

// servers returns how many servers the URL names.
func (c Config) servers() int {
	urls, err := splitURL(c.URL)
	if err != nil {
		return 0
	}
	return len(urls)
}

// lacksNodes reports whether the cluster has too few nodes for the requested
// replicas.
func lacksNodes(err error) bool {
	var apiErr *jetstream.APIError
	return errors.As(err, &apiErr) && (apiErr.ErrorCode == codeNoPeers || apiErr.ErrorCode == codeInsufficient)
}

// nodeAway reports whether the cluster has too few nodes because a known node does
// not respond. The server says so only in the error text.
func nodeAway(err *jetstream.APIError) bool {
	return strings.Contains(err.Description, "offline") || strings.Contains(err.Description, "miscellaneous")
}

// placementConflict explains why a stream cannot be placed.
func (s *Stream) placementConflict(err *jetstream.APIError) error {
	copies := s.cfg.Replicas
	if copies == 0 {
		copies = autoReplicas
	}
	return &conflictError{fmt.Sprintf("the cluster has no nodes for %d copies of the stream %s (%s); bring its nodes up, or configure fewer replicas",
		copies, s.cfg.StreamName, err.Description)}
}

// copies returns the number of replicas for streams created beside the events: as
// many as the events have, unless configured.
func (s *session) copies() int {
	if s.cfg.Replicas > 0 {
		return s.cfg.Replicas
	}
	return s.layout.Load().replicas
}
