//go:build !unix

package embedded

import "os"

// tryLock does nothing on systems without flock. There, the shared port keeps two
// supervisors from using one directory.
func tryLock(*os.File) error { return nil }

// unlock undoes tryLock.
func unlock(*os.File) error { return nil }
