package embedded

import "errors"

// Reasons for a failed start. Match them with [errors.Is]. The error's text is one
// sentence for the operator.
var (
	// ErrPortTaken means that another process listens on the address.
	ErrPortTaken = errors.New("port taken")
	// ErrDirNotWritable means that the store directory cannot be created or
	// written.
	ErrDirNotWritable = errors.New("store directory not writable")
	// ErrDirLocked means that another supervisor uses the store directory.
	ErrDirLocked = errors.New("store directory locked")
	// ErrNotReady means that the broker started but was not ready in time, or
	// reported an error.
	ErrNotReady = errors.New("broker not ready")
)

// startError is the reason why [Start] failed.
type startError struct {
	// Kind is one of the sentinels of this package.
	Kind error
	// Message is one plain sentence: what is wrong and what to do.
	Message string
	// Cause is the underlying error, or nil.
	Cause error
}

// Error returns the sentence.
func (e *startError) Error() string { return e.Message }

// Unwrap returns the kind and the cause, for [errors.Is] and [errors.As].
func (e *startError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
