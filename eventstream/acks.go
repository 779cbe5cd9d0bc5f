package eventstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outcome is the result of one sent message: either stored as seq, or err. For the
// last message of an atomic batch, batch and count describe what was stored with
// it.
type outcome struct {
	seq       uint64
	duplicate bool
	batch     string
	count     int
	err       error
}

// settler receives the outcome of each message it sent, exactly once. settle runs
// on the connection's delivery goroutine, so it must not block.
type settler interface {
	settle(index int, o outcome)
}

// window sends messages on one connection and matches their acknowledgements. At
// most cap(tokens) messages are unacknowledged at any time.
//
// It replaces jetstream.PublishMsgAsync for two reasons. PublishMsgAsync resends a
// message when the first attempt gets no response. Later messages may already be
// stored by then, which breaks the order. Its cost per message (a timer, a future,
// two channels, a header map) is also several times the cost of the publish itself,
// and telemetry would add that to every request.
type window struct {
	nc            *nats.Conn
	stream        string // the stream that acknowledges
	timeout       time.Duration
	reportFailure func(error) // receives outcomes that point to a problem with the stream
	prefix        string      // reply subjects are prefix + number
	tokens        chan struct{}

	mu      sync.Mutex
	next    uint64
	pending map[uint64]inFlight
	ended   error // set once no more messages can be sent
}

// inFlight is a message that has been sent and is not settled yet.
type inFlight struct {
	to    settler
	index int
	since time.Time
}

// newWindow returns a window of n messages and subscribes to the stream's
// acknowledgements.
func newWindow(nc *nats.Conn, stream string, n int, timeout time.Duration, reportFailure func(error)) (*window, error) {
	w := &window{
		nc:            nc,
		stream:        stream,
		timeout:       timeout,
		reportFailure: reportFailure,
		prefix:        newAckSubject() + ".",
		tokens:        make(chan struct{}, n),
		pending:       make(map[uint64]inFlight, n),
	}
	_, err := nc.Subscribe(w.prefix+"*", w.acked)
	return w, err
}

// newAckSubject returns a new, unique subject; see [AckPrefix].
func newAckSubject() string { return AckPrefix + strings.TrimPrefix(nats.NewInbox(), nats.InboxPrefix) }

// acquire waits for room in the window. Each successful acquire is followed by one
// send.
func (w *window) acquire(ctx context.Context) error {
	select {
	case w.tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send publishes msg and later delivers its outcome to the settler. If send returns
// an error, nothing was sent and the settler is not called.
func (w *window) send(msg *nats.Msg, to settler, index int) error {
	n, err := w.register(inFlight{to: to, index: index, since: time.Now()})
	if err != nil {
		<-w.tokens
		return err
	}
	msg.Reply = w.prefix + strconv.FormatUint(n, 36)
	if err := w.nc.PublishMsg(msg); err != nil {
		if _, mine := w.take(n); !mine {
			return nil // already settled, because the window ended
		}
		<-w.tokens
		return publishError(err)
	}
	return nil
}

func (w *window) register(m inFlight) (uint64, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended != nil {
		return 0, w.ended
	}
	w.next++
	w.pending[w.next] = m
	return w.next, nil
}

// take removes message n; the caller then releases its token. It returns false if
// the message was already settled.
func (w *window) take(n uint64) (inFlight, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.pending[n]
	delete(w.pending, n)
	return m, ok
}

// acked handles one acknowledgement. Anything else is ignored, because the real
// acknowledgement may still arrive.
func (w *window) acked(msg *nats.Msg) {
	n, err := strconv.ParseUint(strings.TrimPrefix(msg.Subject, w.prefix), 36, 64)
	if err != nil {
		return
	}
	o, ok := parseAck(msg, w.stream)
	if !ok {
		return
	}
	if m, ok := w.take(n); ok {
		w.settle(m, o)
	}
}

// settle delivers the outcome of a message that was taken. It releases the token
// last, so the next holder of the token sees every earlier failure.
func (w *window) settle(m inFlight, o outcome) {
	if o.err != nil && !harmless(o.err) {
		w.reportFailure(o.err)
	}
	m.to.settle(m.index, o)
	<-w.tokens
}

// expire settles the messages whose acknowledgement is overdue.
func (w *window) expire(now time.Time) {
	w.sweep(func(m inFlight) bool { return now.Sub(m.since) >= w.timeout }, ErrAckTimeout)
}

// end settles everything with err and refuses further messages.
func (w *window) end(err error) {
	w.mu.Lock()
	if w.ended == nil {
		w.ended = err
	}
	w.mu.Unlock()
	w.sweep(func(inFlight) bool { return true }, err)
}

func (w *window) sweep(overdue func(inFlight) bool, err error) {
	var out []inFlight
	w.mu.Lock()
	for n, m := range w.pending {
		if overdue(m) {
			delete(w.pending, n)
			out = append(out, m)
		}
	}
	w.mu.Unlock()
	for _, m := range out {
		w.settle(m, outcome{err: err})
	}
}

// drain waits until nothing is in flight. The caller ensures that nothing is sent
// meanwhile.
func (w *window) drain(ctx context.Context) error {
	for n := range cap(w.tokens) {
		if err := w.acquire(ctx); err != nil {
			for range n {
				<-w.tokens
			}
			return err
		}
	}
	for range cap(w.tokens) {
		<-w.tokens
	}
	return nil
}

// pubAck is JetStream's response to a publish.
type pubAck struct {
	Stream    string              `json:"stream"`
	Seq       uint64              `json:"seq"`
	Duplicate bool                `json:"duplicate"`
	Batch     string              `json:"batch"`
	Count     int                 `json:"count"`
	Error     *jetstream.APIError `json:"error"`
}

// parseAck returns the outcome of a message. ok is false if msg is not an
// acknowledgement from the named stream.
func parseAck(msg *nats.Msg, stream string) (o outcome, ok bool) {
	if noResponders(msg) {
		return outcome{err: ErrNoStream}, true
	}
	var ack pubAck
	if json.Unmarshal(msg.Data, &ack) != nil {
		return outcome{}, false
	}
	if ack.Error != nil {
		return outcome{err: ackError(ack.Error)}, true
	}
	if ack.Stream != stream || ack.Seq == 0 {
		return outcome{}, false
	}
	return outcome{seq: ack.Seq, duplicate: ack.Duplicate, batch: ack.Batch, count: ack.Count}, true
}

// ackError classifies a JetStream error response.
func ackError(refusal *jetstream.APIError) error {
	switch {
	case refusal.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum, refusal.ErrorCode == codeHeaderTooLarge:
		return fmt.Errorf("%w: %w", ErrUnpublishable, refusal)
	case refusal.ErrorCode == codeIDInProcess:
		return ErrPending
	case refusal.ErrorCode == codeWrongLastMsgID:
		return errChainBroken
	case slices.Contains(batchCodes, refusal.ErrorCode):
		return fmt.Errorf("%w: %w", errBatchRefused, refusal)
	default:
		return fmt.Errorf("%w: %w", ErrRefused, refusal)
	}
}

// harmless reports whether an outcome does not point to a problem with the stream.
func harmless(err error) bool {
	return errors.Is(err, ErrUnpublishable) || errors.Is(err, ErrDisconnected) || errors.Is(err, ErrPending) || errors.Is(err, errBatchRefused) ||
		errors.Is(err, errChainBroken)
}

// noResponders reports whether msg is the broker's "no responders" status.
func noResponders(msg *nats.Msg) bool {
	return len(msg.Data) == 0 && msg.Header.Get("Status") == "503"
}

// publishError classifies an error from the client library's publish. Nothing was
// sent.
func publishError(err error) error {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrUnpublishable, err)
	case errors.Is(err, nats.ErrBadSubject):
		return fmt.Errorf("%w: %w", ErrUnpublishable, err)
	default:
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
}
