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
	b.line("Success rate", share(s.SuccessRate))
	b.line("Oldest pending", seconds(s.OldestPendingSeconds))
	b.gap()
	b.print()
	times := out.grid("Times", "", "Average#", "p50#", "p95#", "p99#")
	for _, row := range []struct {
		name string
		d    missions.Distribution
	}{{"Duration", s.Duration}, {"Queue", s.Queue}} {
		times.row(row.name, seconds(row.d.Average), seconds(row.d.P50), seconds(row.d.P95), seconds(row.d.P99))
	}
	times.print()
	rates := out.grid("Per minute", "Happening", "Missions#")
	for _, happening := range missions.Happenings() {
		rates.row(happening, count(s.PerMinute[happening]))
	}
	rates.print()
	if len(s.ByType) > 0 && missionType == "" {
		types := out.grid("Types", "Type", "Missions#")
		types.concede(shorterID("Type", 12))
		for _, name := range slices.Sorted(maps.Keys(s.ByType)) {
			types.row(name, count(s.ByType[name]))
		}
		types.print()
	}
}
