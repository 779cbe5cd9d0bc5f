//go:build !linux

package eventstream

import (
	"net"
	"time"
)

// dropLate does nothing: the system keeps its own limit for data that cannot be
// delivered.
func dropLate(net.Conn, time.Duration) {}
