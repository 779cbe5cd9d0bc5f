package charter

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalid is matched by every [FieldError]: the event breaks a rule of the
	// envelope or of its payload, and retrying does not help.
	ErrInvalid = errors.New("charter: invalid event")

	// ErrTooLarge reports an encoded event of more than [MaxSize] bytes.
	ErrTooLarge = errors.New("charter: event too large")

	// ErrUnknownType reports an event type that is not in the catalogue. The event
	// itself may be valid.
	ErrUnknownType = errors.New("charter: unknown event type")
)

// FieldError says which field of an event breaks which rule. It is always a
// *FieldError and matches [ErrInvalid].
type FieldError struct {
	// Field is the path of the field, such as "timestamp", "meta.schema_version" or
	// "payload.status". It is empty if the whole event is invalid, for example
	// because it is not a JSON object or has trailing data.
	Field string

	// Reason completes a sentence that begins with the field, such as "is missing"
	// or "must be a string, not null".
	Reason string
}

func (e *FieldError) Error() string {
	if e.Field == "" {
		return "charter: the event " + e.Reason
	}
	return "charter: field " + e.Field + " " + e.Reason
}

// Unwrap makes every FieldError match [ErrInvalid].
func (e *FieldError) Unwrap() error { return ErrInvalid }

func invalid(field, reason string) error {
	return &FieldError{Field: field, Reason: reason}
}

func tooLarge(size int) error {
	return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, MaxSize)
}

// clip shortens an external name for use in an error.
func clip(name string) string {
	const most = 80
	if len(name) <= most {
		return name
	}
	return name[:most] + "..."
}
