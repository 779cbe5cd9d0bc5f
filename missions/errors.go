package missions

import (
	"errors"
	"fmt"
)

// Code is the kind of failure of an [Error]. Its values are also the codes of error
// replies on the wire, and are never renamed.
type Code string

// Codes used by the domain and its stores.
const (
	CodeInvalid     Code = "invalid_request" // the input breaks a rule; Field names the field
	CodeNotFound    Code = "not_found"       // no such mission or agent
	CodeConflict    Code = "conflict"        // the current state of the mission or agent does not allow it
	CodeLeaseLost   Code = "lease_lost"      // the caller no longer holds the mission's newest lease
	CodeTooLarge    Code = "too_large"       // a size limit is exceeded
	CodeOverloaded  Code = "overloaded"      // a limit is reached; the same request may succeed later
	CodeUnavailable Code = "unavailable"     // the store cannot be reached or cannot write
	CodeQuota       Code = "quota_exceeded"  // as many missions of the key are PENDING as a limit allows
)

// Error is returned by the domain and every [Store] for a failure the caller can
// act on. Match it by code with errors.Is and the sentinels below.
type Error struct {
	Code    Code
	Field   string // the wire name of the invalid field, or ""
	Message string // one sentence for the caller; never contains internal details
	Err     error  // the cause, for logs only

	// NothingDone is set with CodeUnavailable if the step certainly changed nothing.
	NothingDone bool
}

// Sentinels for errors.Is, one per code.
var (
	ErrInvalid     = &Error{Code: CodeInvalid}
	ErrNotFound    = &Error{Code: CodeNotFound}
	ErrConflict    = &Error{Code: CodeConflict}
	ErrLeaseLost   = &Error{Code: CodeLeaseLost}
	ErrTooLarge    = &Error{Code: CodeTooLarge}
	ErrOverloaded  = &Error{Code: CodeOverloaded}
	ErrUnavailable = &Error{Code: CodeUnavailable}
	ErrQuota       = &Error{Code: CodeQuota}
)

func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = string(e.Code)
	}
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error with the same code, so that errors.Is(err,
// ErrNotFound) is true for every not_found.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Invalid returns an [ErrInvalid] for one field.
func Invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// TooLarge returns an [ErrTooLarge] for one field.
func TooLarge(field, format string, args ...any) *Error {
	return &Error{Code: CodeTooLarge, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Overloaded returns an [ErrOverloaded].
func Overloaded(format string, args ...any) *Error {
	return &Error{Code: CodeOverloaded, Message: fmt.Sprintf(format, args...)}
}

// NotFound returns an [ErrNotFound] for a thing ("mission", "agent") and its id.
func NotFound(thing, id string) *Error {
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("there is no %s %q", thing, id)}
}

// Conflict returns an [ErrConflict].
func Conflict(format string, args ...any) *Error {
	return &Error{Code: CodeConflict, Message: fmt.Sprintf(format, args...)}
}

// LeaseLost returns an [ErrLeaseLost] that says what happened to the mission.
func LeaseLost(format string, args ...any) *Error {
	return &Error{Code: CodeLeaseLost, Message: fmt.Sprintf(format, args...)}
}

// Refused returns an [ErrUnavailable] for a step that certainly changed nothing.
func Refused(message string, cause error) *Error {
	return &Error{Code: CodeUnavailable, Message: message, Err: cause, NothingDone: true}
}

// ErrFull is the cause of a [Full] error.
var ErrFull = errors.New("there is no room")

// Full returns an [ErrUnavailable] for a step that changed nothing because the store has no
// room for it. A smaller step may succeed.
func Full(message string, cause error) *Error {
	if cause == nil {
		return Refused(message, ErrFull)
	}
	return Refused(message, fmt.Errorf("%w: %w", ErrFull, cause))
}

// Unavailable returns an [ErrUnavailable] whose cause is not sent on the wire.
func Unavailable(message string, cause error) *Error {
	return &Error{Code: CodeUnavailable, Message: message, Err: cause}
}
