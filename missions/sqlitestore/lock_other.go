//go:build !unix

package sqlitestore

import (
	"os"

	"missioncontrol/fileperm"
)

// lockFile takes no lock where flock does not exist: on these systems keeping
// two supervisors off one file is left to the port that they share.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, fileperm.FileMode)
	if err != nil {
		return nil, notWritable(path, err)
	}
	return f, nil
}

// unlock closes the file.
func unlock(f *os.File) error { return f.Close() }
