package eventstream

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Heartbeats of a pull: the broker sends one every pullHeartbeat. A pull that is
// silent for twice that is ended, and the consumer is looked up again.
const (
	pullExpiry    = 30 * time.Second
	pullHeartbeat = 2 * time.Second
)

// Consume passes the events of a durable consumer to a handler, one after the
// other, until ctx ends. It creates the consumer if it is missing, and again if it
// is deleted. It waits through broker outages.
//
// The error is ctx's, [ErrClosed], or an [ErrConfig]. When Consume returns, no
// handler is running, and events that were fetched but not handled are returned to
// the stream.
func (s *Stream) Consume(ctx context.Context, cfg ConsumerConfig, handler Handler) error {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return err
	}
	if handler == nil {
		return badConfig("the handler of consumer %s is nil", cfg.Durable)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return ErrClosed
	}
	s.consumers.Add(1)
	s.mu.Unlock()
	defer s.consumers.Done()

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.closing, func() { cancel(ErrClosed) })()
	c := &consumer{
		stream:  s,
		cfg:     cfg,
		handler: handler,
		begun:   time.Now(),
		status:  ConsumerStatus{Durable: cfg.Durable},
		log:     s.log.With("consumer", cfg.Durable),
	}
	return c.run(ctx)
}

// run attaches and pulls until ctx ends or the configuration proves invalid.
func (c *consumer) run(ctx context.Context) error {
	defer c.attached(false)
	defer c.stream.health.refuse(c, "")
	wait := backoff{first: c.stream.cfg.ProbeWait, most: c.stream.cfg.ProbeMaxWait}
	for {
		sess, err := c.stream.awaitSession(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		c.sess = sess
		if err = c.attach(ctx); err == nil {
			c.refused("")
			c.attached(true)
			since := time.Now()
			err = c.pull(ctx)
			if time.Since(since) > wait.most {
				wait.reset()
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, ErrConfig) {
			return err
		}
		c.detached(err)
		wait.sleep(ctx, nil)
	}
}

// detached records why pulling ended. A missing stream is left to the Stream
// itself.
func (c *consumer) detached(err error) {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		c.sess.reportFailure(ErrNoStream)
	}
	if text := refusedText(err); text != "" {
		c.refused(text)
	}
	c.note(err)
	if c.status.Attached && !c.sess.ended() {
		c.log.Warn("consumer interrupted", "error", err)
	}
	c.attached(false)
}

// refused records why the broker refuses the consumer, or that it does not.
func (c *consumer) refused(text string) {
	c.stream.health.refuse(c, text)
	c.status.Refused = text
}

// attach finds or creates the durable consumer, and opens the ledger if it is used.
func (c *consumer) attach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*c.stream.cfg.DialTimeout)
	defer cancel()
	stream, err := c.sess.js.Stream(ctx, c.stream.cfg.StreamName)
	if err != nil {
		return err
	}
	c.progress.onStream(stream.CachedInfo().Created)

	want := c.brokerConfig()
	have, err := stream.Consumer(ctx, c.cfg.Durable)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound):
		c.startFrom(&want)
		c.pulls, err = stream.CreateConsumer(ctx, want)
	case err == nil && matches(want, have.CachedInfo().Config):
		c.pulls = have
	case err == nil:
		// The start of an existing consumer cannot be changed.
		old := have.CachedInfo().Config
		want.DeliverPolicy, want.OptStartSeq, want.OptStartTime = old.DeliverPolicy, old.OptStartSeq, old.OptStartTime
		c.pulls, err = stream.UpdateConsumer(ctx, want)
	}
	if err != nil {
		return consumerError(c.cfg.Durable, c.sess, err)
	}
	if c.cfg.Remember {
		c.ledger, err = openLedger(ctx, c.sess)
	}
	if info := c.pulls.CachedInfo(); info != nil {
		c.status.Pending = info.NumPending
	}
	return err
}

// brokerConfig is the consumer's configuration at the broker, except for its start.
func (c *consumer) brokerConfig() jetstream.ConsumerConfig {
	out := jetstream.ConsumerConfig{
		Durable:       c.cfg.Durable,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       c.cfg.AckWait,
		MaxAckPending: c.cfg.MaxAckPending,
		MaxDeliver:    -1, // see ConsumerConfig.MaxDeliver

		InactiveThreshold: c.cfg.Inactive,
	}
	for _, f := range c.cfg.Filter {
		out.FilterSubjects = append(out.FilterSubjects, eventSubject(f))
	}
	return out
}

// startFrom sets where a new consumer begins. A consumer that existed before
// resumes after the last event it settled.
func (c *consumer) startFrom(want *jetstream.ConsumerConfig) {
	if seq, ok := c.progress.resume(); ok {
		want.DeliverPolicy, want.OptStartSeq = jetstream.DeliverByStartSequencePolicy, seq
		return
	}
	switch {
	case c.progress.recreated || c.cfg.Start == StartAll:
		want.DeliverPolicy = jetstream.DeliverAllPolicy
	case c.cfg.Start == StartSince:
		since := c.cfg.Since
		want.DeliverPolicy, want.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
	case c.created:
		// Deleted before it delivered anything: StartNew then means since that
		// time.
		begun := c.begun
		want.DeliverPolicy, want.OptStartTime = jetstream.DeliverByStartTimePolicy, &begun
	case c.cfg.Start == StartAfter:
		want.DeliverPolicy, want.OptStartSeq = jetstream.DeliverByStartSequencePolicy, c.cfg.After+1
	default:
		want.DeliverPolicy = jetstream.DeliverNewPolicy
		c.begun = time.Now()
	}
	c.created = true
}

// matches reports whether an existing consumer has the wanted settings.
func matches(want, have jetstream.ConsumerConfig) bool {
	filters := have.FilterSubjects
	if have.FilterSubject != "" {
		filters = []string{have.FilterSubject}
	}
	return slices.Equal(want.FilterSubjects, filters) && want.AckPolicy == have.AckPolicy &&
		want.AckWait == have.AckWait && want.InactiveThreshold == have.InactiveThreshold && want.MaxAckPending == have.MaxAckPending && want.MaxDeliver == have.MaxDeliver
}

// consumerError detects a consumer that can never be created as configured. The
// broker also returns a limit of the stream as a bad request.
func consumerError(durable string, sess *session, err error) error {
	var apiErr *jetstream.APIError
	if errors.As(err, &apiErr) && apiErr.Code == 400 && apiErr.ErrorCode != jetstream.JSErrCodeMaximumConsumersLimit {
		return badConfig("the broker refuses the consumer %s: %v", durable, apiErr)
	}
	if isTimeout(err) {
		err = sess.withAsyncError(err)
	}
	return refusedConsumer(err)
}

// pull handles what the broker delivers, in order, until ctx ends or something
// fails. It alone owns the messages: it extends the ack wait of queued messages,
// and returns them to the stream when ctx ends. There are never more than
// MaxAckPending of them.
func (c *consumer) pull(ctx context.Context) error {
	in, err := c.read()
	if err != nil {
		return err
	}
	defer in.stop()
	alive := time.NewTicker(c.cfg.AckWait / 2)
	defer alive.Stop()

	incoming := in.msgs
	var waiting []jetstream.Msg // waiting[0] is being handled
	var handled chan struct{}   // nil: no handler is running
	for {
		if handled == nil && len(waiting) > 0 && ctx.Err() == nil {
			handled = make(chan struct{})
			go c.handle(ctx, waiting[0], handled)
		}
		if incoming == nil && len(waiting) == 0 {
			return in.err
		}
		select {
		case msg, ok := <-incoming:
			if !ok {
				incoming = nil
				continue
			}
			waiting = append(waiting, msg)
		case <-handled:
			handled, waiting = nil, waiting[1:]
		case <-alive.C:
			for _, msg := range waiting {
				_ = msg.InProgress() // if it is lost, the event is redelivered
			}
		case <-c.sess.done:
			if handled != nil {
				<-handled // the acknowledgement is lost, and the event is redelivered
			}
			return c.sess.endedBy()
		case <-ctx.Done():
			if handled != nil {
				<-handled
				waiting = waiting[1:]
			}
			for _, msg := range append(waiting, in.drain(c.stream.cfg.DialTimeout)...) {
				_ = msg.Nak() // if it is lost, the event is redelivered after AckWait
			}
			return ctx.Err()
		}
	}
}

// pull is a running pull request and the goroutine that reads it.
type pull struct {
	iter   jetstream.MessagesContext
	cancel context.CancelFunc
	msgs   chan jetstream.Msg // closed when reading has ended
	err    error              // why reading ended; valid once msgs is closed
}

// read starts pulling. Messages are taken from the client library at once, because
// only their owner can extend their ack wait.
func (c *consumer) read() (*pull, error) {
	iter, err := c.pulls.Messages(jetstream.PullMaxMessages(c.cfg.MaxAckPending),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	in := &pull{iter: iter, cancel: cancel, msgs: make(chan jetstream.Msg)}
	go func() {
		defer close(in.msgs)
		for {
			msg, err := iter.Next(jetstream.NextContext(ctx))
			if err != nil {
				in.err = err
				return
			}
			select {
			case in.msgs <- msg:
			case <-ctx.Done():
				in.err = ctx.Err()
				return
			}
		}
	}()
	return in, nil
}

// drain ends the pull and returns the messages the broker sent before it stopped.
// It waits no longer than limit.
func (in *pull) drain(limit time.Duration) []jetstream.Msg {
	in.iter.Drain()
	defer time.AfterFunc(limit, in.cancel).Stop()
	var rest []jetstream.Msg
	for msg := range in.msgs {
		rest = append(rest, msg)
	}
	return rest
}

// stop ends the pull and waits for its goroutine.
func (in *pull) stop() {
	in.iter.Stop()
	in.cancel()
	for range in.msgs { // these are not handled
		continue
	}
}
