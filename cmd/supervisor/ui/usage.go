package ui

import (
	"errors"
	"fmt"
)

// A UsageError is a mistake in the command line.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// ErrSilent ends a command with a failure that its output has already reported.
var ErrSilent = errors.New("")
