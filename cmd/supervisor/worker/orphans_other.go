//go:build !linux

package worker

// reapOrphans does nothing: containers, in which an agent is the first process, run Linux.
func reapOrphans() (stop func()) { return func() {} }
