package agentcheck

import "fmt"

// status is what becomes of a check.
type status string

// The statuses, from the best to the worst.
const (
	passed  status = "pass"
	skipped status = "skip" // there is nothing to check
	warned  status = "warning"
	failed  status = "fail"
)

// verdict is the outcome of a check that has not simply passed. It is an error, so that a
// check ends with the first one.
type verdict struct {
	status status
	saw    string // in a sentence
}

func (v *verdict) Error() string { return v.saw }

func fail(format string, args ...any) error { return &verdict{failed, fmt.Sprintf(format, args...)} }

func warn(format string, args ...any) error { return &verdict{warned, fmt.Sprintf(format, args...)} }

func skip(format string, args ...any) error { return &verdict{skipped, fmt.Sprintf(format, args...)} }
