//go:build !unix

package embedded

import "os"

// tryLock does nothing where flock does not exist: on these systems keeping
// two supervisors off one directory is left to the port that they share.
func tryLock(*os.File) error { return nil }

// unlock ends what tryLock began.
func unlock(*os.File) error { return nil }
