package client

import (
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// addPageFlags adds the flags of a list of which the supervisor sends a page at a time.
func addPageFlags(cmd *cobra.Command, things string, limit *int, cursor *string, check func() (int, error)) {
	cmd.Flags().IntVar(limit, "limit", defaultList, "at most `N` "+things+", 1 to 1000")
	cmd.Flags().StringVar(cursor, "cursor", "", "continue with this `CURSOR`, next_cursor of the list before")
	ui.CompleteFlag(cmd, "cursor", ui.CompleteNothing)
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *limit == 0 {
			*limit = -1 // on the wire, 0 means the default
		}
		_, err := check()
		return remote.BadFlag(err)
	}
}

// noteCursor says how a list goes on of which so many are shown.
func noteCursor(out *ui.Screen, shown int, cursor string) {
	if cursor != "" {
		out.Note("Showing %s; continue with --cursor %s\n", ui.Count(shown), ui.Clean(cursor))
	}
}

// momentFlag is a flag with a time, as it was given; "" if it was not.
type momentFlag struct {
	flag, text string
	into       *missions.Time
}

// parseMoments reads flags with times. A duration is so long ago if direction is -1, and so far ahead if it is 1.
func parseMoments(c *ui.Console, direction int, flags ...momentFlag) error {
	for _, f := range flags {
		if f.text == "" {
			continue
		}
		at, err := c.ParseMoment(f.text, direction)
		if err != nil {
			return ui.Usagef("--%s: %v", f.flag, err)
		}
		*f.into = at
	}
	return nil
}
