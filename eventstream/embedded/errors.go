package embedded

import "errors"

// What can go wrong at a start. Match with [errors.Is]; the error itself is a
// [*StartError] whose text is one sentence for the operator.
var (
	// ErrPortTaken: another process listens on the address.
	ErrPortTaken = errors.New("port taken")
	// ErrDirNotWritable: the store directory cannot be created or written.
	ErrDirNotWritable = errors.New("store directory not writable")
	// ErrDirLocked: another supervisor holds the store directory.
	ErrDirLocked = errors.New("store directory locked")
	// ErrNotReady: the broker started and did not become ready in time, or said
	// itself why it cannot.
	ErrNotReady = errors.New("broker not ready")
)

// StartError is why [Start] failed.
type StartError struct {
	// Kind is one of the sentinels of this package.
	Kind error
	// Message is one plain sentence: what is wrong and what to do.
	Message string
	// Cause is the underlying error, nil when there is none.
	Cause error
}

// Error returns the sentence.
func (e *StartError) Error() string { return e.Message }

// Unwrap gives [errors.Is] and [errors.As] the kind and the cause.
func (e *StartError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
