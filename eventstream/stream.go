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

// Stream publishes charter events to JetStream and consumes them. Make one with
// [Open]; all methods may be called concurrently.
type Stream struct {
	cfg     Config
	log     *slog.Logger
	options *nats.Options // the caller's, already applied
	health  *health

	// live is the session to publish on, nil while degraded.
	live atomic.Pointer[session]

	emitter *emitter

	mu         sync.Mutex
	closed     bool
	publishers sync.WaitGroup // durable publishes under way; added to under mu
	consumers  sync.WaitGroup // Consume calls under way; added to under mu

	closing  context.Context    // done when Close begins
	refuse   context.CancelFunc // ends closing
	stop     context.CancelFunc // ends the background work
	work     sync.WaitGroup     // the background work
	finished chan struct{}      // closed when Close has done everything
	closeErr error              // valid once finished is closed

	// Used by supervise only.
	loggedDiff  string    // what warnDifferences last said
	tooFewSince time.Time // since when the cluster has had too few nodes, see settleForOne
	known       []string  // servers that the broker told of, see connect
}

// Open starts a stream. That the broker is away is no error: the stream is then
// degraded until the broker is there. An error is an [ErrConfig]: a field out
// of range, or credentials that cannot be read.
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
		health:   newHealth(cfg.Logger, redactList(cfg.URL)),
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

// Emit sends a telemetry event, best effort. It never blocks, never fails and
// does no I/O: the event is queued for another goroutine. An event that cannot
// be sent now (degraded, queue full, closed) is dropped and counted, and so is
// one whose acknowledgement does not come.
//
// The event's maps and payload are read later and must not be changed after
// the call.
func (s *Stream) Emit(e charter.Event) { s.emitter.emit(e) }

// Status is a snapshot of the stream's state and counters. It does no I/O.
func (s *Stream) Status() Status {
	status := s.health.snapshot()
	if sess := s.live.Load(); sess != nil {
		status.Copies = sess.layout.Load().replicas
	}
	return status
}

// Changed returns a channel that is closed at the next change of the state or
// its reason. To wait for a state without missing it, take the channel before
// looking at the Status.
func (s *Stream) Changed() <-chan struct{} { return s.health.wait() }

// session is the live session, or an error saying why there is none.
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

// begin admits a durable publish; every success is followed by
// s.publishers.Done.
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

// Close stops the stream. It sends queued telemetry, awaits what is in flight
// and lets the handlers of running Consume calls finish, until ctx ends; then it
// drops the rest. Either way the background goroutines have ended when it
// returns. New publishes get [ErrClosed] at once. The error says that ctx ended
// first.
//
// Close is idempotent, and every call waits for the end. A handler must not
// call it: Close would wait for the handler until ctx ends.
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

// shutdown drains and stops; it takes little longer than ctx.
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
		// The consumers' last acknowledgements are still in the buffer.
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

// waitChannel turns the end of a wait group into a channel.
func waitChannel(wg *sync.WaitGroup) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	return done
}
