package config

import (
	"errors"
	"log/slog"
	"strings"

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
			c.Err.Printf("supervisor: warning: others can read %s (%s); chmod 600 %s\n", ui.Clean(e.File), ui.Clean(e.Where), ui.Clean(e.File))
		}
	}
}

// LogExposed logs that others can read secrets.
func LogExposed(log *slog.Logger, exposed []Exposure) {
	for _, e := range exposed {
		log.Warn("others can read a file with a secret", "file", e.File, "setting", e.Where, "do", "chmod 600 "+e.File)
	}
}

// lookAt notes the file that a setting names, if others can read it and should not.
func (s *Settings) lookAt(of *setting, g value) {
	if of.private && g.text != "" && fileperm.Exposed(g.text) {
		s.Exposed = append(s.Exposed, Exposure{g.text, g.where})
	}
}

// lookAtConfig notes the configuration file, if there are secrets in it and others can
// read it.
func (s *Settings) lookAtConfig(file map[string]value, table []setting) {
	for i := range table {
		g, there := file[table[i].key]
		urls := table[i].key == "store" || table[i].key == "server"
		if there && (table[i].secret || urls && strings.Contains(g.text, "@")) && fileperm.Exposed(s.config) {
			s.Exposed = append(s.Exposed, Exposure{s.config, g.where})
			return
		}
	}
}

// trusted refuses a file that says who may do what if others can change it.
func trusted(g value, file string) error {
	err := fileperm.CheckTrusted(file)
	if errors.Is(err, fileperm.ErrUntrusted) {
		return ui.Usagef("%s: %s says who may do what, and %v", g.where, file, err)
	}
	return nil // what cannot be looked at cannot be read, either, which says why
}

// trustConfig refuses a configuration file that others can change and that says who may do
// what, or where that stands.
func (s *Settings) trustConfig() error {
	for _, g := range []value{s.guard.usersGiven, s.guard.usersFile, s.guard.tokensFile} {
		if g.text != "" && g.source == doorFile {
			return trusted(g, s.config)
		}
	}
	return nil
}
