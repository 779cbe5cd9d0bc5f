//go:build !unix

package credentials

// exclusively only changes the files: flock does not exist here.
func exclusively(_ string, change func() error) error { return change() }
