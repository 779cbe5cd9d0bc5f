package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"missioncontrol/missions"
)

// Error is the content of an error reply.
//
// Match it by code with errors.Is and the sentinels below.
type Error struct {
	Code    missions.Code `json:"code"`
	Message string        `json:"message"`
	Field   string        `json:"field,omitzero"` // the offending field of the request, if there is one

	// NothingDone says, with CodeUnavailable or CodeTimeout, that the request certainly
	// changed nothing. Without it, that is not known.
	NothingDone bool `json:"nothing_done,omitzero"`
}

// Codes that only the service itself uses. The others are defined in package missions.
const (
	CodeTimeout  missions.Code = "timeout"
	CodeInternal missions.Code = "internal"
)

// Codes that only occur over HTTP.
const (
	CodeUnauthorized     missions.Code = "unauthorized"
	CodeForbidden        missions.Code = "forbidden"
	CodeMethodNotAllowed missions.Code = "method_not_allowed"
)

// Sentinels for errors.Is.
var (
	ErrInvalid     = &Error{Code: missions.CodeInvalid}
	ErrNotFound    = &Error{Code: missions.CodeNotFound}
	ErrTimeout     = &Error{Code: CodeTimeout}
	ErrConflict    = &Error{Code: missions.CodeConflict}
	ErrLeaseLost   = &Error{Code: missions.CodeLeaseLost}
	ErrTooLarge    = &Error{Code: missions.CodeTooLarge}
	ErrOverloaded  = &Error{Code: missions.CodeOverloaded}
	ErrQuota       = &Error{Code: missions.CodeQuota}
	ErrInternal    = &Error{Code: CodeInternal}
	ErrUnavailable = &Error{Code: missions.CodeUnavailable}
)

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Is reports whether target is an *Error of the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// statuses maps codes to numbers. A number is sent in the NATS header and is the HTTP
// status.
var statuses = map[missions.Code]int{
	missions.CodeInvalid:     400,
	CodeUnauthorized:         401,
	CodeForbidden:            403,
	missions.CodeNotFound:    404,
	CodeMethodNotAllowed:     405,
	CodeTimeout:              408,
	missions.CodeConflict:    409,
	missions.CodeLeaseLost:   409,
	missions.CodeTooLarge:    413,
	missions.CodeOverloaded:  429,
	missions.CodeQuota:       429,
	CodeInternal:             500,
	missions.CodeUnavailable: 503,
}

// Status returns the error's number, which is sent in the NATS header and is the HTTP
// status.
func (e *Error) Status() int {
	if status, ok := statuses[e.Code]; ok {
		return status
	}
	return 500
}

// Logged returns whether a request that failed with the error is logged, and at what level.
// Error is for what needs an operator. A store that is away logs that itself, once, and not
// with each request.
func (e *Error) Logged() (level slog.Level, logged bool) {
	if e.Code == CodeInternal {
		return slog.LevelError, true
	}
	return slog.LevelWarn, e.Status() >= 500
}

// StatusText is Status as text, for the NATS header.
func (e *Error) StatusText() string { return strconv.Itoa(e.Status()) }

// ErrorReply is the body of a reply that is an error.
type ErrorReply struct {
	Error *Error `json:"error"`
}

// FromError converts any error to one that may be sent. An error that is neither from
// package missions nor from a context becomes an internal error without details; the
// caller logs the rest. FromError(nil) is nil.
func FromError(err error) *Error {
	var wire *Error
	var domain *missions.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wire):
		return wire
	case errors.As(err, &domain):
		message := domain.Message
		if domain.Field != "" {
			message = domain.Field + " " + message
		}
		return &Error{Code: domain.Code, Message: message, Field: domain.Field, NothingDone: domain.NothingDone}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeTimeout, Message: "the request took too long; nothing was done", NothingDone: true}
	case errors.Is(err, context.Canceled):
		return &Error{Code: missions.CodeUnavailable, Message: "the supervisor is stopping; nothing was done", NothingDone: true}
	}
	return &Error{Code: CodeInternal, Message: "internal error; see the supervisor's log for details"}
}

// Timeout returns an [ErrTimeout].
func Timeout(format string, args ...any) *Error {
	return &Error{Code: CodeTimeout, Message: fmt.Sprintf(format, args...)}
}
