package main

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func (c *cli) missionsStatsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Show figures: statuses, types, durations, success",
		Example: `  supervisor missions stats
  supervisor missions stats --type resize --watch
  supervisor missions stats --json | jq .stats.duration_seconds.p95`,
		Args: noArguments,
	}
	l := addLookFlags(cmd)
	var request api.StatsRequest
	cmd.Flags().StringVar(&request.Type, "type", "", "only missions of this `TYPE`")
	completeFlag(cmd, "type", c.missionTypes)
	cmd.PreRunE = func(*cobra.Command, []string) error { return badFlag(request.Validate()) }
	cmd.RunE = c.withSession(func(ctx context.Context, s *session, _ []string) error {
		return c.show(ctx, l, func(ctx context.Context, out *screen) error {
			reply, raw, err := ask[api.StatsReply](ctx, s, api.SubjectMissionsStats, request)
			switch {
			case err != nil:
				return badRequest(err)
			case l.json:
				out.json(raw)
			default:
				statsCard(out, &reply.Stats, request.Type)
			}
			return nil
		})
	})
	return cmd
}

func statsCard(out *screen, s *missions.Stats, missionType string) {
	title := "Missions"
	if missionType != "" {
		title += " of type " + missionType
	}
	b := out.card(title + " at " + out.moment(s.LastUpdated.Time()))
	b.line("Total", count(s.Total))
	for _, status := range missions.Statuses() {
		b.line(capitalized(string(status)), count(s.ByStatus[status]))
	}
	b.line("Success rate", percent(s.SuccessRate))
	b.line("Oldest pending", seconds(s.OldestPendingSeconds))
	b.line("Longest claimable", seconds(s.OldestClaimableSeconds))
	b.gap()
	b.print()
	windowsTable(out, s)
	timesTable(out, s)
	if len(s.ByType) > 0 && missionType == "" {
		types := out.grid("Types", "Type", "Missions#")
		types.shrink(shorterID("Type", 12))
		for _, name := range slices.Sorted(maps.Keys(s.ByType)) {
			types.row(name, count(s.ByType[name]))
		}
		types.print()
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
func windowsTable(out *screen, s *missions.Stats) {
	g := out.grid("What happened", "Last", "Created#", "Started#", "Completed#", "Failed#", "Cancelled#", "Success#")
	g.shrink(shrinkBy("Cancelled", "Started"))
	row := func(name string, created, started, completed, failed, cancelled int64, success string) {
		g.row(name, count(created), count(started), count(completed), count(failed), count(cancelled), success)
	}
	minute := s.PerMinute
	row("1 min", minute[missions.HappenedCreated], minute[missions.HappenedStarted], minute[missions.HappenedCompleted],
		minute[missions.HappenedFailed], minute[missions.HappenedCancelled], "")
	for _, w := range windows(s) {
		row(w.name, w.Created, w.Started, w.Completed, w.Failed, w.Cancelled, percent(w.SuccessRate))
	}
	g.print()
	if since := s.Windows.Day.Since.Time(); !since.IsZero() && s.LastUpdated.Time().Sub(since) < missions.Day-missions.LongSample {
		out.printf("%s\n", out.paint(faint, "Watched since "+out.moment(since)+"."))
	}
}

// timesTable shows run times and queue times, per window and in total.
func timesTable(out *screen, s *missions.Stats) {
	g := out.grid("Times", "", "Last", "Average#", "p50#", "p95#", "p99#")
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
			g.row(what, last, seconds(d.Average), seconds(d.P50), seconds(d.P95), seconds(d.P99))
			what = "" // show it once
		}
		for _, w := range windows(s) {
			row(w.name, times.of(w.Window))
		}
		row("ever", times.ever)
	}
	g.print()
}
