package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// What a data directory holds.
const (
	StoreFileName = "missions.db" // and files whose names begin with it
	JetStreamName = "jetstream"   // the embedded broker's streams
	RestoringName = "restoring"   // while a restore works
)

// DefaultDataDir returns the default data directory: as the desktop conventions define
// it, or below the working directory.
func DefaultDataDir() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "missioncontrol")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "missioncontrol")
	}
	return "missioncontrol-data"
}

// HomelessDataDir returns the data directory, absolute, if it is the default and stands
// below the working directory because there is no home; otherwise "".
func (s *Settings) HomelessDataDir() string {
	if s.values["data_dir"].source != sourceDefault || filepath.IsAbs(s.DataDir) {
		return ""
	}
	if dir, err := filepath.Abs(s.DataDir); err == nil {
		return dir
	}
	return s.DataDir
}

// RefuseHalfRestored refuses a data directory with an interrupted restore.
func RefuseHalfRestored(dataDir string) error {
	if _, err := os.Stat(filepath.Join(dataDir, RestoringName)); err == nil {
		return fmt.Errorf("a restore into %s was interrupted; empty the directory, and restore again", dataDir)
	}
	return nil
}
