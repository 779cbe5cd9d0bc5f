package client

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/gdamore/tcell/v2"
	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/config"
	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

func missionsCommand(c *ui.Console, take func() (tcell.Screen, error)) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "missions",
		Aliases: []string{"mission", "m"},
		GroupID: ui.GroupAction,
		Short:   "Create, find, follow, answer and change missions",
		Example: `  supervisor missions create "resize" --type resize --data '{"width": 640}' --wait
  supervisor missions list --status FAILED
  supervisor missions retry 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001`,
	}
	config.AddConnectionFlags(cmd)
	cmd.AddCommand(
		missionsCreateCommand(c), missionsGetCommand(c), missionsListCommand(c), missionsLogCommand(c),
		missionsWaitCommand(c), missionsCancelCommand(c), missionsRetryCommand(c), missionsDeleteCommand(c),
		missionsStatsCommand(c), missionsHistoryCommand(c), missionsQueuesCommand(c), missionsSignalCommand(c), missionsGraphCommand(c),
		missionsInboxCommand(c, take),
	)
	ui.SubcommandOnly(cmd)
	return cmd
}

// oneMission accepts the id of one mission.
func oneMission(cmd *cobra.Command, args []string) error {
	if err := ui.Arguments(1, 1, "the ID of a mission")(cmd, args); err != nil {
		return err
	}
	return checkIDs(args)
}

// someMissions accepts the ids of missions.
func someMissions(cmd *cobra.Command, args []string) error {
	if err := ui.Arguments(1, -1, "the ID of at least one mission")(cmd, args); err != nil {
		return err
	}
	return checkIDs(args)
}

// checkIDs checks ids before any request is sent.
func checkIDs(ids []string) error {
	for _, id := range ids {
		var invalid *missions.Error
		if err := missions.CheckToken("id", id); errors.As(err, &invalid) {
			return ui.Usagef("%q is not a mission ID: it %s", ui.Shorten(id, 80), invalid.Message)
		}
	}
	return nil
}

// ofMission adds the mission's id to an error, unless the error already has it.
func ofMission(id string, err error) error {
	if strings.Contains(remote.ErrorText(err), strconv.Quote(id)) {
		return err
	}
	return remote.ErrorAbout("mission "+id, err)
}

// eachID calls do for each id and continues after errors. It prints the errors, except
// that of the last id, which it returns.
func eachID(ctx context.Context, c *ui.Console, ids []string, do func(id string) error) error {
	var result error
	for i, id := range ids {
		err := do(id)
		if err == nil {
			continue
		}
		if len(ids) > 1 {
			err = ofMission(id, err)
		}
		if i == len(ids)-1 || ctx.Err() != nil {
			return err
		}
		c.Err.Printf("supervisor: %s\n", ui.Clean(remote.ErrorText(err)))
		result = ui.ErrSilent
	}
	return result
}
