package eventstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// autoReplicas is how many copies Config.Replicas 0 asks for first.
const autoReplicas = 3

// JetStream's ways of saying that a stream cannot have so many copies
// (errors.json of the server).
const (
	codeNoPeers              jetstream.ErrorCode = 10005 // no suitable peers for placement, and why
	codeInsufficient         jetstream.ErrorCode = 10023 // the same from older servers
	codeReplicasNotSupported jetstream.ErrorCode = 10074 // not a cluster
	codeNoLimits             jetstream.ErrorCode = 10120 // the account may not have streams with copies
)

// createReplicated creates a stream with Config.Replicas copies, or chooses: see
// "Copies" in the package documentation.
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

// settleForOne reports whether err, at now, means that there will not be three
// copies. Where it may only mean that a node is not up yet, it says so when that
// has lasted for Config.ReplicasWait.
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

// servers is how many servers the URL names.
func (c Config) servers() int {
	urls, err := splitURL(c.URL)
	if err != nil {
		return 0
	}
	return len(urls)
}

// lacksNodes reports a cluster without nodes for as many copies as asked for.
func lacksNodes(err error) bool {
	var apiErr *jetstream.APIError
	return errors.As(err, &apiErr) && (apiErr.ErrorCode == codeNoPeers || apiErr.ErrorCode == codeInsufficient)
}

// nodeAway reports whether the cluster lacks nodes because one that it knows
// does not answer; the server tells in no other way than by its text.
func nodeAway(err *jetstream.APIError) bool {
	return strings.Contains(err.Description, "offline") || strings.Contains(err.Description, "miscellaneous")
}

// placementConflict explains a stream that lacks nodes.
func (s *Stream) placementConflict(err *jetstream.APIError) error {
	copies := s.cfg.Replicas
	if copies == 0 {
		copies = autoReplicas
	}
	return &conflictError{fmt.Sprintf("the cluster has no nodes for %d copies of the stream %s (%s); bring its nodes up, or configure fewer replicas",
		copies, s.cfg.StreamName, err.Description)}
}

// copies is how many copies a stream has that is created beside the events: as
// many as these have, unless it is configured.
func (s *session) copies() int {
	if s.cfg.Replicas > 0 {
		return s.cfg.Replicas
	}
	return s.layout.Load().replicas
}
