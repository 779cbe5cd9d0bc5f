//go:build !unix

package worker

import "errors"

// errHangup ends an agent because its terminal was closed.
var errHangup = errors.New("the terminal was closed")

// onHangup does nothing: closing the terminal ends the process.
func onHangup(func()) (stop func()) { return func() {} }
