package eventstream

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// RefusedConsumer is the error of a read whose consumer the broker refuses. Its text
// gives the reason, and what to do about it.
type RefusedConsumer struct{ cause error }

// Error implements error.
func (r *RefusedConsumer) Error() string {
	var refusal *jetstream.APIError
	if !errors.As(r.cause, &refusal) {
		return fmt.Sprintf("the broker does not permit the consumer that reads events: %v", r.cause)
	}
	text := fmt.Sprintf("the broker refuses the consumer that reads events: %s (code %d)", refusal.Description, refusal.ErrorCode)
	if refusal.ErrorCode == jetstream.JSErrCodeMaximumConsumersLimit {
		text += "; remove consumers that nobody needs, or raise the limit of the stream or the account"
	}
	return text
}

// Unwrap returns the broker's error.
func (r *RefusedConsumer) Unwrap() error { return r.cause }

// refusedConsumer returns the error of a request to create a consumer as a
// [RefusedConsumer] if it is a refusal, and not a stream or a JetStream that is away.
func refusedConsumer(err error) error {
	var refusal *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrPermissionViolation):
	case !errors.As(err, &refusal), refusal.Code == 503, refusal.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return err
	}
	return &RefusedConsumer{err}
}

// refusedText returns the sentence of a refusal, or "" if err is none.
func refusedText(err error) string {
	if refused, ok := errors.AsType[*RefusedConsumer](err); ok {
		return refused.Error()
	}
	return ""
}

// refuse records that the broker refuses a reader's consumer, or with an empty text that
// it does not, or that the reader has ended.
func (h *health) refuse(reader any, text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := len(h.refused)
	if text == "" {
		delete(h.refused, reader)
	} else {
		h.refused[reader] = text
		h.record(text)
	}
	switch {
	case before == 0 && text != "":
		h.log.Warn("events are stored but cannot be read", "broker", h.broker, "reason", text)
	case before > 0 && len(h.refused) == 0:
		h.log.Info("the broker accepts consumers of the event stream again", "broker", h.broker)
	}
}
