package client

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// missionFilter are the flags that narrow down missions.
type missionFilter struct {
	request       api.ListRequest
	status        string
	after, before string
}

// missionFilterNames are the names of these flags.
var missionFilterNames = []string{"status", "type", "agent", "tag", "text", "waiting", "parent", "batch", "key", "after", "before"}

func (f *missionFilter) add(c *ui.Console, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.status, "status", "", "only missions with this `STATUS`")
	flags.StringVar(&f.request.Type, "type", "", "only missions of this `TYPE`")
	flags.StringVar(&f.request.AgentID, "agent", "", "only missions whose current or last agent has this `ID`")
	flags.StringVar(&f.request.Tag, "tag", "", "only missions with this `TAG`")
	flags.StringVar(&f.request.Text, "text", "", "only missions with this `TEXT` in their name, ignoring case")
	flags.StringVar((*string)(&f.request.Waiting), "waiting", "", "only missions that wait for `WHAT`: mission, batch, signal, time or limit")
	flags.StringVar(&f.request.ParentID, "parent", "", "only children of the mission with this `ID`")
	flags.StringVar(&f.request.Batch, "batch", "", "only missions of the batch with this `ID`")
	flags.StringVar(&f.request.Key, "key", "", "only missions with this `KEY`")
	flags.StringVar(&f.after, "after", "", "only missions created after this `TIME`, or within this duration (24h)")
	flags.StringVar(&f.before, "before", "", "only missions created before this `TIME`, or longer ago than this duration")
	ui.CompleteFlag(cmd, "status", ui.CompleteWords(ui.StatusNames()...))
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	ui.CompleteFlag(cmd, "agent", remote.AgentIDs(c))
	ui.CompleteFlag(cmd, "waiting", ui.CompleteWords("mission", "batch", "signal", "time", "limit"))
	ui.CompleteFlag(cmd, "parent", remote.MissionIDs(c, -1))
	ui.CompleteFlag(cmd, "batch", remote.BatchIDs(c, -1))
}

// given reports whether any of the flags is set.
func (f *missionFilter) given(cmd *cobra.Command) bool {
	return slices.ContainsFunc(missionFilterNames, cmd.Flags().Changed)
}

// check turns the flags into a request.
func (f *missionFilter) check(c *ui.Console) error {
	f.request.Status = missions.Status(strings.ToUpper(f.status))
	if err := parseMoments(c, -1, momentFlag{"after", f.after, &f.request.CreatedAfter}, momentFlag{"before", f.before, &f.request.CreatedBefore}); err != nil {
		return err
	}
	_, err := f.request.Filter()
	return remote.BadFlag(err)
}
