package main

import (
	"context"
	"os"
	"strings"

	"missioncontrol/fileperm"
)

// checkDataDir looks at the data directory before anything is started on it.
func (h *instance) checkDataDir(context.Context) error {
	if err := refuseHalfRestored(h.cfg.DataDir); err != nil {
		return err
	}
	if h.cfg.Server == "" || !h.storeIn().mayBeShared() {
		h.closeDataDir()
	}
	return nil
}

// closeDataDir takes the rights of others to the data directory away if it is ours: if it
// has nothing in it but what we keep there. One that holds something else is somebody's
// who may want it to be open.
func (h *instance) closeDataDir() {
	dir := h.cfg.DataDir
	info, err := os.Stat(dir)
	if err != nil || !fileperm.Open(info) {
		return // missing, or closed
	}
	if holdsOnlyOurs(dir) {
		if _, err := fileperm.Tighten(dir); err == nil {
			h.log.Info("others could look into the data directory; now its owner alone can", "dir", dir)
			return
		}
	}
	h.log.Warn("others than its owner can look into the data directory; chmod 700 it, or name a directory with nothing else in it",
		"dir", dir, "mode", info.Mode().String())
}

// holdsOnlyOurs reports whether a directory holds nothing but what we keep in it.
func holdsOnlyOurs(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		name := entry.Name()
		if name != jetStreamName && name != "lost+found" && !strings.HasPrefix(name, storeFileName) {
			return false
		}
	}
	return true
}
