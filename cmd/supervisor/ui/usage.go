package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A UsageError is a mistake in the command line.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text }

// Usagef returns a UsageError.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// OneOf checks that a text is one of the words.
func OneOf(text string, words ...string) error {
	if slices.Contains(words, text) {
		return nil
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
}

// ErrSilent ends a command with a failure that its output has already reported.
var ErrSilent = errors.New("")
