package eventstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"missioncontrol/charter"
)

// Stream publishes charter events to JetStream and consumes them. Create one with
// [Open]. All methods may be called concurrently.
type Stream struct {
	cfg     Config
	log     *slog.Logger
	options *nats.Options // the caller's, already applied
	health  *health

	// live is the session to publish on, or nil while degraded.
	live atomic.Pointer[session]

	emitter *emitter

	mu         sync.Mutex
	closed     bool
	publishers sync.WaitGroup // running durable publishes; added to under mu
	consumers  sync.WaitGroup // running Consume calls; added to under mu

	closing  context.Context    // done when Close starts
	refuse   context.CancelFunc // cancels closing
	stop     context.CancelFunc // stops the background work
	work     sync.WaitGroup     // the background work
	finished chan struct{}      // closed when Close is complete
	closeErr error              // valid once finished is closed

	// Used by supervise only.
	loggedDiff  string    // what warnDifferences last logged
	tooFewSince time.Time // since when the cluster has had too few nodes; see fallBackToOneReplica
	known       []string  // servers the broker advertised; see connect
}

// Open starts a stream. An unreachable broker is not an error: the stream is
// degraded until the broker responds. The error is an [ErrConfig]: a field out of
// range, or unreadable credentials.
func Open(cfg Config) (*Stream, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	options, err := checkOptions(cfg.Options)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	closing, refuse := context.WithCancel(context.Background())
	s := &Stream{
		cfg:      cfg,
		log:      cfg.Logger,
		options:  options,
		health:   newHealth(cfg.Logger, RedactURLs(canonicalURL(cfg.URL))),
		closing:  closing,
		refuse:   refuse,
		stop:     stop,
		finished: make(chan struct{}),
	}
	s.emitter = newEmitter(s, cfg.EmitBuffer)
	s.work.Go(func() { s.supervise(ctx) })
	s.work.Go(func() { s.emitter.run(ctx) })
	return s, nil
}

// Emit sends a telemetry event, best effort. It never blocks, never fails and does
// no I/O: it queues the event for another goroutine. An event that cannot be sent
// now (degraded, queue full, closed), or that is not acknowledged, is dropped and
// counted.
//
// The event's maps and payload are read later and must not be changed after the
// call.
func (s *Stream) Emit(e charter.Event) { s.emitter.emit(e) }

// Status returns a snapshot of the stream's state and counters. It does no I/O.
func (s *Stream) Status() Status {
	status := s.health.snapshot()
	if sess := s.live.Load(); sess != nil {
		status.Copies = sess.layout.Load().replicas
	}
	return status
}

// Changed returns a channel that is closed at the next change of the state or its
// reason. To wait for a state without missing it, get the channel before reading
// Status.
func (s *Stream) Changed() <-chan struct{} { return s.health.wait() }

// session returns the live session, or an error that says why there is none.
func (s *Stream) session() (*session, error) {
	if sess := s.live.Load(); sess != nil {
		return sess, nil
	}
	if s.closing.Err() != nil {
		return nil, ErrClosed
	}
	return nil, fmt.Errorf("%w: %s", ErrDegraded, s.health.snapshot().Reason)
}

// awaitSession waits for a live session.
func (s *Stream) awaitSession(ctx context.Context) (*session, error) {
	for {
		changed := s.Changed()
		sess, err := s.session()
		if err == nil || errors.Is(err, ErrClosed) {
			return sess, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.closing.Done():
			return nil, ErrClosed
		}
	}
}

// begin admits a durable publish. Each success is followed by s.publishers.Done.
func (s *Stream) begin() (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.cfg.ConsumeOnly {
		return nil, badConfig("ConsumeOnly is set, and nothing can be published")
	}
	sess, err := s.session()
	if err != nil {
		return nil, err
	}
	s.publishers.Add(1)
	return sess, nil
}

// Close stops the stream. Until ctx ends, it sends queued telemetry, waits for what
// is in flight and lets running Consume handlers finish; then it drops the rest. In
// either case the background goroutines have ended when it returns. New publishes
// fail with [ErrClosed] at once. The error means that ctx ended first.
//
// Close is idempotent, and every call waits for the end. A handler must not call
// it: Close would wait for the handler until ctx ends.
func (s *Stream) Close(ctx context.Context) error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		s.refuse()
		s.closeErr = s.shutdown(ctx)
		close(s.finished)
	}
	<-s.finished
	return s.closeErr
}

// shutdown drains and stops. It takes little longer than ctx.
func (s *Stream) shutdown(ctx context.Context) error {
	err := s.emitter.drain(ctx)
	published := waitChannel(&s.publishers)
	for _, idle := range []<-chan struct{}{published, waitChannel(&s.consumers)} {
		select {
		case <-idle:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if sess := s.live.Load(); sess != nil && err == nil {
		// The consumers' last acknowledgements are still buffered.
		flushCtx, cancel := context.WithTimeout(ctx, s.cfg.DialTimeout)
		err = sess.nc.FlushWithContext(flushCtx)
		cancel()
	}
	s.stop()
	s.work.Wait()
	<-published // no session is left, so every publish has its outcome
	if err != nil {
		return fmt.Errorf("event stream closed before it was drained: %w", err)
	}
	return nil
}

// waitChannel returns a channel that is closed when the wait group is done.
func waitChannel(wg *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	return done
}
