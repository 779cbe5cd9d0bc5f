package eventstream

import (
	"errors"
	"fmt"
)

// Errors of this package. Match them with [errors.Is]. Unless noted otherwise, the
// caller does not know whether the event was stored. It may repeat the call with
// the same event: within the duplicate window the event is stored once.
var (
	// ErrClosed means that the stream was closed. Nothing was sent.
	ErrClosed = errors.New("event stream is closed")
	// ErrDegraded means that the stream is not connected; Status says why. Nothing
	// was sent.
	ErrDegraded = errors.New("event stream is degraded")
	// ErrChanged means that the state changed after the caller read it. Nothing was
	// sent.
	ErrChanged = errors.New("the event stream's state has changed")
	// ErrDisconnected means that the connection ended before the acknowledgement
	// arrived.
	ErrDisconnected = errors.New("connection to the broker was lost")
	// ErrAckTimeout means that no acknowledgement arrived within Config.AckTimeout.
	ErrAckTimeout = errors.New("the broker did not acknowledge in time")
	// ErrNoStream means that nothing listens on the event's subject, so nothing was
	// stored. The stream was deleted, or has no leader.
	ErrNoStream = errors.New("no stream accepts the event")
	// ErrRefused means that the broker returned an error. Nothing was stored.
	ErrRefused = errors.New("the broker refused the event")
	// ErrPending means that the broker is still storing an earlier copy of the
	// event, and does not know yet whether it will succeed. Repeat the call a
	// little later.
	ErrPending = errors.New("the broker is still storing an earlier copy of the event")
	// ErrUnpublishable means that this event can never be stored: it is not a valid
	// envelope, or it is larger than the broker accepts. Nothing was stored, and
	// repeating the call does not help.
	ErrUnpublishable = errors.New("the event cannot be published")
	// ErrNotFound means that no such event is stored.
	ErrNotFound = errors.New("no such event")
	// ErrConfig means that a configuration field is out of range; the text names
	// the field.
	ErrConfig = errors.New("bad event stream configuration")
)

// permanentError marks an error that redelivery cannot fix.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent wraps an error of a [Handler] that redelivery cannot fix. The event
// becomes a dead letter and is not retried. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err: err}
}

// isPermanent reports whether err, or an error it wraps, was made by [Permanent].
func isPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// badConfig returns an [ErrConfig] that names a field.
func badConfig(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
