// Package client has the commands that ask a supervisor, change its missions and show its
// events, once or live.
package client

import (
	"github.com/gdamore/tcell/v2"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/ui"
)

// Commands returns the commands. What needs the whole terminal takes the one that take
// returns; nil takes that of the process.
func Commands(c *ui.Console, take func() (tcell.Screen, error)) []*cobra.Command {
	return []*cobra.Command{
		healthCommand(c), statusCommand(c), agentsCommand(c), alertsCommand(c), eventsCommand(c), missionsCommand(c, take), batchesCommand(c), limitsCommand(c), schedulesCommand(c),
		applyCommand(c),
	}
}
