package serve

import (
	"context"
	"os"
	"strings"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/fileperm"
)

// checkDataDir looks at the data directory before anything is started on it.
func (h *instance) checkDataDir(context.Context) error {
	if err := config.RefuseHalfRestored(h.cfg.DataDir); err != nil {
		return err
	}
	if h.cfg.Server == "" || !h.storeIn().Shared() {
		h.closeDataDir()
	}
	return nil
}

// closeDataDir removes the rights of other users to the data directory if it is ours, that
// is, if it contains only our files. The owner of a directory with other files may want it
// to be open. What it did is logged once the supervisor has started, so that a start that
// fails prints its error and nothing else.
func (h *instance) closeDataDir() {
	dir := h.cfg.DataDir
	info, err := os.Stat(dir)
	if err != nil || !fileperm.Open(info) {
		return // missing, or closed
	}
	if holdsOnlyOurs(dir) {
		if _, err := fileperm.Tighten(dir); err == nil {
			h.onStarted(func() {
				h.log.Info("other users could access the data directory; its mode was corrected", "dir", dir)
			})
			return
		}
	}
	h.onStarted(func() {
		h.log.Warn("other users can access the data directory; run chmod 700 on it, or choose a directory with nothing else in it",
			"dir", dir, "mode", info.Mode().String())
	})
}

// holdsOnlyOurs reports whether a directory contains only our files.
func holdsOnlyOurs(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, entry := range entries {
		name := entry.Name()
		if name != config.JetStreamName && name != config.LocalBrokerName && name != "lost+found" && !strings.HasPrefix(name, config.StoreFileName) {
			return false
		}
	}
	return true
}
