package eventstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// apiLevelAtomic is the JetStream API level (server 2.12) that supports atomic
// batches. An older server rejects a configuration that enables them.
const apiLevelAtomic = 2

// errNoQuorum means that a replicated stream cannot accept writes.
var errNoQuorum = errors.New("no leader")

// conflictError is a stream that conflicts with ours; its text is a complete
// sentence.
type conflictError struct{ text string }

func (e *conflictError) Error() string { return e.text }

// eventsConfig returns the configuration of a new stream. Replicas may be 0 for as
// many as the broker allows.
func (c Config) eventsConfig(apiLevel int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               c.StreamName,
		Description:        "Mission Control charter events",
		Subjects:           []string{SubjectAll},
		Storage:            jetstream.FileStorage,
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardOld,
		MaxAge:             c.MaxAge,
		Duplicates:         c.DuplicateWindow,
		Compression:        c.compression(),
		Replicas:           c.Replicas,
		AllowDirect:        true,
		AllowAtomicPublish: apiLevel >= apiLevelAtomic,
	}
}

func (c Config) compression() jetstream.StoreCompression {
	if c.Uncompressed {
		return jetstream.NoCompression
	}
	return jetstream.S2Compression
}

// probe checks that the stream exists, creates it if not, and checks that it
// acknowledges.
func (s *Stream) probe(ctx context.Context, sess *session) error {
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.DialTimeout)
	defer cancel()
	if s.cfg.ConsumeOnly {
		return s.check(ctx, sess)
	}
	if err := s.ensureStream(ctx, sess); err != nil {
		return sess.withAsyncError(err)
	}
	return s.check(ctx, sess)
}

// check verifies that an existing stream still works.
func (s *Stream) check(ctx context.Context, sess *session) error {
	if !s.cfg.ConsumeOnly {
		return s.probePublish(ctx, sess)
	}
	stream, err := s.lookUp(ctx, sess)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return ErrNoStream
	case err != nil:
		return sess.withAsyncError(noJetStream(err))
	}
	sess.settle(stream.CachedInfo())
	return nil
}

// ensureStream creates the stream if it is missing. An existing one is never
// changed; differences from what we would create are logged once.
func (s *Stream) ensureStream(ctx context.Context, sess *session) error {
	stream, err := s.lookUp(ctx, sess)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return s.createStream(ctx, sess)
	}
	if err != nil {
		return noJetStream(err)
	}
	info := stream.CachedInfo()
	sess.settle(info)
	s.warnDifferences(info.Config)
	if !covers(info.Config.Subjects, SubjectAll) {
		return &conflictError{fmt.Sprintf("the stream %s exists and covers %s instead of %s; add the subject to it, or delete the stream",
			s.cfg.StreamName, strings.Join(info.Config.Subjects, ", "), SubjectAll)}
	}
	return quorum(info)
}

// lookUpWait is how long lookUp waits for its first response.
const lookUpWait = 250 * time.Millisecond

// lookUp requests the stream's info, for at most Config.DialTimeout. A cluster
// without a leader does not respond, so lookUp retries with growing timeouts.
func (s *Stream) lookUp(ctx context.Context, sess *session) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout)
	defer cancel()
	for wait := lookUpWait; ; wait *= 2 {
		once, cancel := context.WithTimeout(ctx, wait)
		stream, err := sess.js.Stream(once, s.cfg.StreamName)
		cancel()
		if !isTimeout(err) || ctx.Err() != nil || sess.ended() {
			return stream, err
		}
	}
}

func (s *Stream) createStream(ctx context.Context, sess *session) error {
	account, err := sess.js.AccountInfo(ctx)
	if err != nil {
		return noJetStream(err)
	}
	stream, err := s.createReplicated(ctx, sess, s.cfg.eventsConfig(account.API.Level))
	var apiErr *jetstream.APIError
	switch {
	case err == nil:
		sess.settle(stream.CachedInfo())
		s.log.Info("event stream created", "stream", s.cfg.StreamName, "subjects", SubjectAll, "replicas", stream.CachedInfo().Config.Replicas)
		return nil
	case errors.Is(err, jetstream.ErrStreamNameAlreadyInUse):
		return err // another process created it first; the next probe finds it
	case errors.As(err, &apiErr) && apiErr.ErrorCode == codeSubjectOverlap:
		return s.overlap(ctx, sess)
	case lacksNodes(err):
		return s.placementConflict(apiErr)
	default:
		return noJetStream(err)
	}
}

// overlap names the stream whose subjects prevent ours from being created.
func (s *Stream) overlap(ctx context.Context, sess *session) error {
	names, err := streamsCovering(ctx, sess.js, SubjectAll)
	if err != nil {
		return err
	}
	return &conflictError{fmt.Sprintf("cannot create the stream %s, because %s already covers subjects of %s; remove these subjects from it, or delete it",
		s.cfg.StreamName, strings.Join(names, ", "), SubjectAll)}
}

// probePublish checks that the stream's leader answers a publish, without storing
// anything: the message requires a stream of another name, which JetStream rejects.
func (s *Stream) probePublish(ctx context.Context, sess *session) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout)
	defer cancel()
	msg := nats.NewMsg(eventSubject("supervisor.rehearsal"))
	msg.Header.Set(jetstream.ExpectedStreamHeader, s.cfg.StreamName+"-rehearsal")
	msg.Reply = newAckSubject()
	reply, err := request(ctx, sess.nc, msg)
	switch {
	case err != nil:
		return sess.withAsyncError(err)
	case noResponders(reply):
		return ErrNoStream
	}
	var ack pubAck
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return fmt.Errorf("%w: its answer is not an acknowledgement", ErrRefused)
	}
	switch {
	case ack.Stream != s.cfg.StreamName:
		return &conflictError{fmt.Sprintf("events are answered by %q instead of the stream %s", ack.Stream, s.cfg.StreamName)}
	case ack.Error != nil && ack.Error.ErrorCode != codeStreamMismatch:
		return fmt.Errorf("%w: %w", ErrRefused, ack.Error)
	}
	return nil
}

// request sends a message and returns the first reply. Unlike the client library's
// request, it uses the message's own reply subject.
func request(ctx context.Context, nc *nats.Conn, msg *nats.Msg) (*nats.Msg, error) {
	replies, err := nc.SubscribeSync(msg.Reply)
	if err != nil {
		return nil, err
	}
	defer func() { _ = replies.Unsubscribe() }() // fails only on a closed connection
	if err := nc.PublishMsg(msg); err != nil {
		return nil, err
	}
	return replies.NextMsgWithContext(ctx)
}

// noJetStream detects the broker's errors for a missing JetStream.
func noJetStream(err error) error {
	if errors.Is(err, nats.ErrNoResponders) {
		return jetstream.ErrJetStreamNotEnabled
	}
	return err
}

// quorum returns an error for a replicated stream that has no leader or too few
// replicas.
func quorum(info *jetstream.StreamInfo) error {
	if info.Cluster == nil || info.Config.Replicas <= 1 {
		return nil
	}
	if info.Cluster.Leader == "" {
		return errNoQuorum
	}
	alive := 1 // the leader itself
	for _, peer := range info.Cluster.Replicas {
		if !peer.Offline {
			alive++
		}
	}
	if 2*alive <= info.Config.Replicas {
		return fmt.Errorf("%w with a majority: %d of %d replicas are up", errNoQuorum, alive, info.Config.Replicas)
	}
	return nil
}

// covers reports whether one of the subjects includes everything in want.
func covers(subjects []string, want string) bool {
	return slices.ContainsFunc(subjects, func(have string) bool {
		return have == want || have == ">" || have == "*.>" // the only supersets of a.>
	})
}

// warnDifferences logs once how an existing stream differs from what would be
// created.
func (s *Stream) warnDifferences(have jetstream.StreamConfig) {
	diff := differences(s.cfg.eventsConfig(0), have)
	text := strings.Join(diff, "; ")
	if text == s.loggedDiff {
		return
	}
	s.loggedDiff = text
	if text != "" {
		s.log.Warn("the event stream exists with different settings, which are left unchanged", "stream", have.Name, "differences", text)
	}
}

// differences lists the settings that are part of the contract and differ from what
// is wanted.
func differences(want, have jetstream.StreamConfig) []string {
	var out []string
	differ := func(name string, want, have any) {
		w, h := fmt.Sprint(want), fmt.Sprint(have)
		if w != h {
			out = append(out, fmt.Sprintf("%s is %s, expected %s", name, h, w))
		}
	}
	differ("subjects", want.Subjects, have.Subjects)
	differ("storage", want.Storage, have.Storage)
	differ("retention", want.Retention, have.Retention)
	differ("discard", want.Discard, have.Discard)
	differ("max_age", want.MaxAge, have.MaxAge)
	if have.Duplicates < want.Duplicates { // streams of earlier versions have a longer one
		differ("duplicate_window", want.Duplicates, have.Duplicates)
	}
	differ("compression", want.Compression, have.Compression)
	if want.Replicas != 0 {
		differ("num_replicas", want.Replicas, have.Replicas)
	}
	if have.NoAck {
		out = append(out, "no_ack is true, expected false")
	}
	return out
}

// ForeignStreams returns the names of all streams that capture messages on a
// subject matching the filter, for example "supervisor.>". A stream that covers
// request subjects would answer the requests with its own acknowledgements.
func (s *Stream) ForeignStreams(ctx context.Context, subjectFilter string) ([]string, error) {
	sess, err := s.session()
	if err != nil {
		return nil, err
	}
	return streamsCovering(ctx, sess.js, subjectFilter)
}

func streamsCovering(ctx context.Context, js jetstream.JetStream, subjectFilter string) ([]string, error) {
	lister := js.StreamNames(ctx, jetstream.WithStreamListSubject(subjectFilter))
	var names []string
	for name := range lister.Name() {
		names = append(names, name)
	}
	if err := lister.Err(); err != nil {
		return nil, fmt.Errorf("listing the streams that take %s: %w", subjectFilter, err)
	}
	slices.Sort(names)
	return names, nil
}
