//go:build !unix

package credentials

// exclusively runs change without a lock: flock does not exist here.
func exclusively(_ string, change func() error) error { return change() }
