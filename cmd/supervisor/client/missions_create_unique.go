package client

import (
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// uniqueFlags are the flags for the unique key of a mission.
type uniqueFlags struct {
	key, onConflict, atLeast string
}

func (f *uniqueFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.key, "unique", "", "a `KEY` that one mission at a time holds, as long as it is pending or running")
	flags.StringVar(&f.onConflict, "on-conflict", "", "with --unique: `WHAT` to do if another mission holds the key: keep that one (the default), replace_pending or replace")
	flags.StringVar(&f.atLeast, "unique-for", "", "with --unique: hold the key for at least this `DURATION`, even if the mission ends before")
	ui.CompleteFlag(cmd, "on-conflict", ui.CompleteWords("keep", "replace_pending", "replace"))
	for _, name := range []string{"unique", "unique-for"} {
		ui.CompleteFlag(cmd, name, ui.CompleteNothing)
	}
}

// complete turns the flags into a unique key, nil for none.
func (f *uniqueFlags) complete() (*missions.Unique, error) {
	switch {
	case f.key == "" && f.onConflict != "":
		return nil, ui.Usagef("--on-conflict needs --unique")
	case f.key == "" && f.atLeast != "":
		return nil, ui.Usagef("--unique-for needs --unique")
	case f.key == "":
		return nil, nil
	}
	u := &missions.Unique{Key: f.key, OnConflict: missions.OnConflict(f.onConflict)}
	if f.atLeast != "" {
		d, err := ui.DurationWithin(f.atLeast, time.Microsecond, maxTimeout)
		if err != nil {
			return nil, ui.Usagef("--unique-for: %v", err)
		}
		u.ForSeconds = d.Seconds()
	}
	return u, nil
}

// uniqueText says which key a mission holds, and how.
func uniqueText(u *missions.Unique) string {
	if u == nil {
		return ""
	}
	text := u.Key
	switch u.OnConflict {
	case missions.ConflictKeep:
		text += ", keeps the mission that holds it"
	case missions.ConflictReplacePending:
		text += ", replaces a pending mission that holds it"
	case missions.ConflictReplace:
		text += ", replaces the mission that holds it"
	}
	if u.ForSeconds > 0 {
		text += "; held for at least " + ui.FormatDuration(missions.Seconds(u.ForSeconds))
	}
	return text
}
