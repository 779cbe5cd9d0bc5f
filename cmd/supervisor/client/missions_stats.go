package client

import (
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func missionsStatsCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show statistics: statuses, types, durations, success",
		Example: `  supervisor missions stats
  supervisor missions stats --type resize --watch
  supervisor missions stats --json | jq .stats.duration_seconds.p95`,
		Args: ui.NoArguments,
	}
	l := addLookFlags(cmd)
	var request api.StatsRequest
	cmd.Flags().StringVar(&request.Type, "type", "", "only missions of this `TYPE`")
	ui.CompleteFlag(cmd, "type", remote.MissionTypes(c))
	cmd.PreRunE = func(*cobra.Command, []string) error { return remote.BadFlag(request.Validate()) }
	cmd.RunE = showReply(c, l, api.OpStats, &request, func(out *ui.Screen, reply *api.StatsReply) { statsCard(out, &reply.Stats, request.Type) })
	return cmd
}

func statsCard(out *ui.Screen, s *missions.Stats, missionType string) {
	title := "Missions"
	if missionType != "" {
		title += " of type " + missionType
	}
	b := out.Card(title + " at " + out.Moment(s.LastUpdated.Time()))
	b.Line("Total", ui.Count(s.Total))
	for _, status := range missions.Statuses() {
		b.Line(ui.Capitalized(string(status)), ui.Count(s.ByStatus[status]))
	}
	if waiting := waitingText(s.Waiting); waiting != "" {
		b.Line("Waiting", waiting)
	}
	b.Line("Success rate", ui.Percent(s.SuccessRate))
	b.Line("Oldest pending", ui.Seconds(s.OldestPendingSeconds))
	b.Line("Longest claimable", ui.Seconds(s.OldestClaimableSeconds))
	b.Gap()
	b.Print()
	windowsTable(out, s)
	gap(out)
	timesTable(out, s)
	usageTable(out, s)
	if len(s.ByType) > 0 && missionType == "" {
		gap(out)
		types := out.Table("Types", "Type", "Missions#")
		types.Cut("Type", 12)
		for _, name := range slices.Sorted(maps.Keys(s.ByType)) {
			types.Row(name, ui.Count(s.ByType[name]))
		}
		types.Print()
	}
}

// waitingText says how many missions wait for what: "2 for a signal, 1 for a mission".
func waitingText(waiting map[missions.WaitKind]int64) string {
	var parts []string
	for _, of := range []struct {
		kind missions.WaitKind
		name string
	}{{missions.WaitSignal, "a signal"}, {missions.WaitMission, "a mission"}, {missions.WaitBatch, "a batch"}, {missions.WaitTime, "a time"}} {
		if n := waiting[of.kind]; n > 0 {
			parts = append(parts, ui.Count(n)+" for "+of.name)
		}
	}
	return strings.Join(parts, ", ")
}

// usageTable shows what missions have used, per window and in total, if they have used anything.
func usageTable(out *ui.Screen, s *missions.Stats) {
	if len(s.Usage) == 0 {
		return
	}
	gap(out)
	g := out.Table("Usage", "Unit", "5 min#", "1 h#", "24 h#", "Ever#")
	for _, unit := range slices.Sorted(maps.Keys(s.Usage)) {
		row := []any{unit}
		for _, u := range []missions.Usage{s.Windows.FiveMinutes.Usage, s.Windows.Hour.Usage, s.Windows.Day.Usage, s.Usage} {
			row = append(row, ui.Amount(u[unit]))
		}
		g.Row(row...)
	}
	g.Print()
}

// gap separates tables that have no frames.
func gap(out *ui.Screen) {
	if !out.Terminal {
		out.Printf("\n")
	}
}

// window is a time window with its display name.
type window struct {
	name string
	*missions.Window
}

func windows(s *missions.Stats) []window {
	return []window{{"5 min", &s.Windows.FiveMinutes}, {"1 h", &s.Windows.Hour}, {"24 h", &s.Windows.Day}}
}

// windowsTable shows what happened in the last minute and in each window. For a window
// that is not yet covered in full, it shows since when the window counts.
func windowsTable(out *ui.Screen, s *missions.Stats) {
	g := out.Table("What happened", "Last", "Created#", "Started#", "Completed#", "Failed#", "Cancelled#", "Success#")
	g.Drop("Cancelled", "Started")
	row := func(name string, created, started, completed, failed, cancelled int64, success string) {
		g.Row(name, ui.Count(created), ui.Count(started), ui.Count(completed), ui.Count(failed), ui.Count(cancelled), success)
	}
	minute := s.PerMinute
	row("1 min", minute[missions.HappenedCreated], minute[missions.HappenedStarted], minute[missions.HappenedCompleted],
		minute[missions.HappenedFailed], minute[missions.HappenedCancelled], "")
	for _, w := range windows(s) {
		row(w.name, w.Created, w.Started, w.Completed, w.Failed, w.Cancelled, ui.Percent(w.SuccessRate))
	}
	g.Print()
	if since := s.Windows.Day.Since.Time(); !since.IsZero() && s.LastUpdated.Time().Sub(since) < missions.Day-missions.LongSample {
		out.Printf("%s\n", out.Paint(ui.Faint, "Data since "+out.Moment(since)+"."))
	}
}

// timesTable shows run times and queue times, per window and in total.
func timesTable(out *ui.Screen, s *missions.Stats) {
	g := out.Table("Times", "What", "Last", "Average#", "p50#", "p95#", "p99#")
	for _, times := range []struct {
		what string
		of   func(*missions.Window) *missions.Distribution
		ever *missions.Distribution
	}{
		{"Duration", func(w *missions.Window) *missions.Distribution { return &w.Duration }, &s.Duration},
		{"Queue", func(w *missions.Window) *missions.Distribution { return &w.Queue }, &s.Queue},
	} {
		what := times.what
		row := func(last string, d *missions.Distribution) {
			g.Row(what, last, ui.Seconds(d.Average), ui.Seconds(d.P50), ui.Seconds(d.P95), ui.Seconds(d.P99))
			if out.Terminal {
				what = "" // show it once
			}
		}
		for _, w := range windows(s) {
			row(w.name, times.of(w.Window))
		}
		row("ever", times.ever)
	}
	g.Print()
}
