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

// outcome is what became of one sent message: stored as seq, or err. With the
// last message of an atomic batch, batch and count say what was stored with it.
type outcome struct {
	seq       uint64
	duplicate bool
	batch     string
	count     int
	err       error
}

// settler is told the outcome of each message that it sent, exactly once. It is
// called on the connection's delivery goroutine, so it must not block.
type settler interface {
	settle(index int, o outcome)
}

// window sends messages on one connection and matches the acknowledgements. At
// most cap(tokens) messages are unacknowledged at any time.
//
// It is used instead of jetstream.PublishMsgAsync for two reasons. That function
// sends a message again when nothing answered the first time, after later
// messages may already have been stored, which breaks the order. And its cost
// per message (a timer, a future, two channels, a header map) is several times
// that of the publish itself, which telemetry would add to every request.
type window struct {
	nc            *nats.Conn
	stream        string // that acknowledges
	timeout       time.Duration
	reportFailure func(error) // told of outcomes that speak against the stream's health
	prefix        string      // reply subjects are prefix + number
	tokens        chan struct{}

	mu      sync.Mutex
	next    uint64
	pending map[uint64]inFlight
	ended   error // set once no more messages can be sent
}

// inFlight is a message that was sent and not yet settled.
type inFlight struct {
	to    settler
	index int
	since time.Time
}

// newWindow subscribes for the acknowledgements that a stream gives for a new window of
// n messages.
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

// newAckSubject returns a subject that nobody has used yet; see [AckPrefix].
func newAckSubject() string { return AckPrefix + strings.TrimPrefix(nats.NewInbox(), nats.InboxPrefix) }

// acquire waits for room in the window. Every successful acquire is followed by
// one send.
func (w *window) acquire(ctx context.Context) error {
	select {
	case w.tokens <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send publishes msg and tells to of the outcome. On an error nothing was sent
// and to is not told.
func (w *window) send(msg *nats.Msg, to settler, index int) error {
	n, err := w.register(inFlight{to: to, index: index, since: time.Now()})
	if err != nil {
		<-w.tokens
		return err
	}
	msg.Reply = w.prefix + strconv.FormatUint(n, 36)
	if err := w.nc.PublishMsg(msg); err != nil {
		if _, mine := w.take(n); !mine {
			return nil // settled meanwhile, because the window ended
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

// take removes message n, whose token is then the caller's to release; false
// when it was settled before.
func (w *window) take(n uint64) (inFlight, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	m, ok := w.pending[n]
	delete(w.pending, n)
	return m, ok
}

// acked handles one acknowledgement. What is none is ignored: the message's own may
// still come.
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

// settle tells the outcome of a message that was taken. Its token comes last, so
// that whoever gets it knows of every failure before.
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

// drain waits until nothing is in flight. The caller sees to it that nobody
// sends meanwhile.
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

// pubAck is JetStream's answer to a publish.
type pubAck struct {
	Stream    string              `json:"stream"`
	Seq       uint64              `json:"seq"`
	Duplicate bool                `json:"duplicate"`
	Batch     string              `json:"batch"`
	Count     int                 `json:"count"`
	Error     *jetstream.APIError `json:"error"`
}

// Error codes of JetStream that say something about the message itself. The
// client library has no names for them; the numbers are part of the protocol
// (errors.json of the server).
const (
	codeMessageTooLarge jetstream.ErrorCode = 10054
	codeStreamMismatch  jetstream.ErrorCode = 10060
	codeHeaderTooLarge  jetstream.ErrorCode = 10097
	codeIDInProcess     jetstream.ErrorCode = 10158
)

// batchCodes are JetStream's refusals of an atomic batch as such. They say
// nothing about its messages, which may well be taken one by one.
var batchCodes = []jetstream.ErrorCode{
	10174, // the stream does not allow it
	10175, // a sequence is missing
	10176, // incomplete: its beginning reached nobody, or another leader
	10177, // unsupported header
	10179, // bad id
	10199, // too many messages
	10200, // bad commit
	10201, // contains a message that is stored already
	10210, // too many batches at a time
}

// parseAck reads the outcome of a message; ok is false if msg is no acknowledgement by
// the stream of that name.
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

// ackError classifies JetStream's refusal of a message.
func ackError(refusal *jetstream.APIError) error {
	switch {
	case refusal.ErrorCode == codeMessageTooLarge, refusal.ErrorCode == codeHeaderTooLarge:
		return fmt.Errorf("%w: %w", ErrUnpublishable, refusal)
	case refusal.ErrorCode == codeIDInProcess:
		return ErrPending
	case slices.Contains(batchCodes, refusal.ErrorCode):
		return fmt.Errorf("%w: %w", errBatchRefused, refusal)
	default:
		return fmt.Errorf("%w: %w", ErrRefused, refusal)
	}
}

// harmless reports whether an outcome says nothing against the stream's health.
func harmless(err error) bool {
	return errors.Is(err, ErrUnpublishable) || errors.Is(err, ErrDisconnected) || errors.Is(err, ErrPending) || errors.Is(err, errBatchRefused)
}

// noResponders reports the broker's own answer that nobody listens.
func noResponders(msg *nats.Msg) bool {
	return len(msg.Data) == 0 && msg.Header.Get("Status") == "503"
}

// publishError classifies an error of the client library's publish, after which
// nothing was sent.
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
