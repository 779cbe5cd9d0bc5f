//go:build !linux

package worker

import "time"

// Only Linux lets a process inherit what its descendants leave behind. Elsewhere, what leaves a
// program's process group is not found.

func inheritOrphans() {}

func reapOrphans() (stop func()) { return func() {} }

func killDescendants(string, time.Duration) {}
