// Package client has the commands that ask a supervisor, change its missions and show its
// events, once or live.
package client

import (
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
)

// Commands returns the commands.
func Commands(c *ui.Console) []*cobra.Command {
	return []*cobra.Command{
		healthCommand(c), statusCommand(c), agentsCommand(c), alertsCommand(c), eventsCommand(c), missionsCommand(c),
	}
}
