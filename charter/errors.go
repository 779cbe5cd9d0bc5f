package charter

import (
	"errors"
	"fmt"
)

var (
	// ErrInvalid is what every [FieldError] matches: the event breaks a rule of
	// the envelope or of its payload, and will do so however often it is tried.
	ErrInvalid = errors.New("charter: invalid event")

	// ErrTooLarge reports an encoded event of more than [MaxSize] bytes.
	ErrTooLarge = errors.New("charter: event too large")

	// ErrUnknownType reports an event type that the catalogue does not hold. The
	// event itself may be perfectly valid.
	ErrUnknownType = errors.New("charter: unknown event type")
)

// A FieldError says which field of an event breaks a rule, and which rule. It
// always comes as a *FieldError and matches [ErrInvalid].
type FieldError struct {
	// Field is the path of the field, such as "timestamp", "meta.schema_version"
	// or "payload.status". It is empty when the event as a whole is at fault,
	// as when it is not a JSON object or has trailing data.
	Field string

	// Reason completes the sentence that the field begins, such as "is missing"
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

// clip keeps a name that came from outside short enough to stand in an error.
func clip(name string) string {
	const most = 80
	if len(name) <= most {
		return name
	}
	return name[:most] + "..."
}
