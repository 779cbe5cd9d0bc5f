package eventstream

import (
	"errors"
	"fmt"
)

// Errors of this package. Match with [errors.Is]. Unless a comment says
// otherwise the outcome of the event is unknown to the caller, who may repeat
// the call with the same event: within the duplicate window it is stored once.
var (
	// ErrClosed: the stream was closed. Nothing was sent.
	ErrClosed = errors.New("event stream is closed")
	// ErrDegraded: the stream is not connected; its Status says why. Nothing
	// was sent.
	ErrDegraded = errors.New("event stream is degraded")
	// ErrChanged: the state has changed since the caller looked. Nothing was sent.
	ErrChanged = errors.New("the event stream's state has changed")
	// ErrDisconnected: the connection ended while the acknowledgement was awaited.
	ErrDisconnected = errors.New("connection to the broker was lost")
	// ErrAckTimeout: no acknowledgement came within Config.AckTimeout.
	ErrAckTimeout = errors.New("the broker did not acknowledge in time")
	// ErrNoStream: nothing listens on the event's subject, so nothing was
	// stored. The stream was deleted, or has no leader.
	ErrNoStream = errors.New("no stream takes the event")
	// ErrRefused: the broker answered with an error; nothing was stored.
	ErrRefused = errors.New("the broker refused the event")
	// ErrPending: the broker is still storing an earlier copy of the event, and
	// does not know yet whether it will succeed. Repeat the call a little later.
	ErrPending = errors.New("the broker is still storing an earlier copy of the event")
	// ErrUnpublishable: this event can never be stored as it is, because it is
	// not a valid envelope or is larger than the broker takes. Nothing was
	// stored, and repeating the call does not help.
	ErrUnpublishable = errors.New("the event cannot be published")
	// ErrNotFound: no such event is stored.
	ErrNotFound = errors.New("no such event")
	// ErrConfig: a configuration is out of range; the text names the field.
	ErrConfig = errors.New("bad event stream configuration")
)

// permanentError marks an error that no redelivery will heal.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent wraps an error of a [Handler] that a redelivery cannot heal: the
// event becomes a dead letter instead of being tried again. Permanent(nil) is
// nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err: err}
}

// IsPermanent reports whether err, or an error that it wraps, was made by
// [Permanent].
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// badConfig names a configuration field that is out of range.
func badConfig(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrConfig, fmt.Sprintf(format, args...))
}
