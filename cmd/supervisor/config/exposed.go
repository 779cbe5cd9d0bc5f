package config

import (
	"errors"
	"log/slog"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/fileperm"
)

// An Exposure is a file with a secret that others can read.
type Exposure struct {
	File  string
	Where string // what named it
}

// WarnOfExposed tells people that others can read secrets.
func WarnOfExposed(c *ui.Console, exposed []Exposure) {
	for _, e := range exposed {
		if !c.Completing {
			c.Err.Printf("supervisor: warning: other users can read %s (%s); run: chmod 600 %s\n", ui.Clean(e.File), ui.Clean(e.Where), ui.Clean(e.File))
		}
	}
}

// LogExposed logs that others can read secrets.
func LogExposed(log *slog.Logger, exposed []Exposure) {
	for _, e := range exposed {
		log.Warn("other users can read a file with a secret", "file", e.File, "setting", e.Where, "do", "chmod 600 "+e.File)
	}
}

// checkTrusted refuses a file that says who may do what if other users can change it.
func checkTrusted(v value, file string) error {
	err := fileperm.CheckTrusted(file)
	if errors.Is(err, fileperm.ErrUntrusted) {
		return ui.Usagef("%s: %s decides who may do what, but %v", v.where, file, err)
	}
	return nil // what cannot be looked at cannot be read, either, which says why
}
