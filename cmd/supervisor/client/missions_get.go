package client

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

func missionsGetCommand(c *ui.Console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Show a mission, with its progress, result and error",
		Example: `  supervisor missions get 0198c5b0-6f3c-7c55-9d3a-2b8c1de0a001
  supervisor missions get build-42 --watch
  supervisor missions get build-42 --json | jq .mission.result`,
		Args:              oneMission,
		ValidArgsFunction: remote.MissionIDs(c, 1),
	}
	l := addLookFlags(cmd)
	var request api.IDRequest
	cmd.PreRunE = func(_ *cobra.Command, ids []string) error {
		request.ID = ids[0]
		return nil
	}
	cmd.RunE = showMission(c, l, &request)
	return cmd
}

// waitsFor says why a mission is PENDING; "" for other missions, and if that cannot be found
// out.
func waitsFor(ctx context.Context, s *remote.Session, out *ui.Screen, m *missions.Mission) string {
	now := missions.At(time.Now())
	switch {
	case m.Status != missions.Pending:
		return ""
	case ui.Waiting(m):
		return waitsForOthers(out, m)
	case m.NextAttemptAt > now && m.Attempt > 0:
		return "for the next attempt, at " + out.Moment(m.NextAttemptAt.Time())
	case m.NotBefore > now:
		return "until it may begin, at " + out.Moment(m.NotBefore.Time())
	}
	agents, err := s.Client.Agents(ctx, api.AgentsRequest{State: missions.Online, Type: m.Type, Limit: api.MaxPage})
	if err != nil {
		return ""
	}
	if agents.AgentCount == 0 {
		return "for an agent: none is online for the type " + m.Type + "; start one: supervisor agent run --type " + m.Type + " -- COMMAND"
	}
	busy, slots := 0, 0
	for i := range agents.Agents {
		busy, slots = busy+agents.Agents[i].MissionsRunning, slots+agents.Agents[i].Capacity
	}
	text := fmt.Sprintf("for a free agent: %s online for its type, with %s of %s busy", ui.Plural(agents.AgentCount, "agent is", "agents are"),
		ui.Count(busy), ui.Plural(slots, "slot", "slots"))
	place, exact, err := placeOf(ctx, s, m, now)
	switch {
	case err != nil:
		return text
	case !exact:
		return text + "; more than " + ui.Count(place-1) + " missions of its type are claimed before it"
	}
	return text + "; place " + ui.Count(place) + " in the queue of its type"
}

// waitsForOthers says what a mission waits for, other than an agent, and what happens when its
// time is up.
func waitsForOthers(out *ui.Screen, m *missions.Mission) string {
	text := "until its time is up"
	if unmet := ui.Unmet(m); len(unmet) > 0 {
		text = "for " + unmet[0].String()
		if len(unmet) > 1 {
			text += " and " + ui.Count(len(unmet)-1) + " more"
		}
		if name := unmet[0].Signal; name != "" {
			text += "; send it: supervisor missions signal " + m.ID + " " + name + " DATA, or answer in: supervisor missions inbox"
		}
	}
	if m.WaitingUntil == 0 {
		return text
	}
	then := "it continues"
	if m.Turn == 0 { // afterwards its agent decides
		then = map[missions.OnUnmet]string{missions.UnmetFail: "it fails", missions.UnmetRun: "it can begin"}[m.OnUnmet]
		then = cmp.Or(then, "it is cancelled")
	}
	return text + "; at " + out.Moment(m.WaitingUntil.Time()) + " " + then
}

// maxAhead bounds the pending missions that are examined, on each side of a mission's age, to
// find its place in the queue.
const maxAhead = 2 * api.MaxPage

// placeOf returns the place of a claimable mission in the queue of its type: 1 is claimed next.
// If too many missions are pending to examine them all, it returns the lowest place that is
// possible.
func placeOf(ctx context.Context, s *remote.Session, m *missions.Mission, now missions.Time) (place int, exact bool, err error) {
	older, allOlder, err := ahead(ctx, s, now, api.ListRequest{CreatedBefore: m.CreatedAt, Type: m.Type}, m.Priority.Rank())
	if err != nil {
		return 0, false, err
	}
	younger, allYounger, err := ahead(ctx, s, now, api.ListRequest{CreatedAfter: m.CreatedAt, Type: m.Type}, m.Priority.Rank()+1)
	return older + younger + 1, allOlder && allYounger, err
}

// ahead counts the claimable missions of a list with at least a priority, and reports
// whether these are all.
func ahead(ctx context.Context, s *remote.Session, now missions.Time, request api.ListRequest, least int) (count int, all bool, err error) {
	request.Status, request.Limit = missions.Pending, api.MaxPage
	for examined := 0; examined < maxAhead; {
		page, err := s.Client.List(ctx, request)
		if err != nil {
			return 0, false, err
		}
		for i := range page.Missions {
			if m := &page.Missions[i]; m.Priority.Rank() >= least && !ui.Waiting(m) && m.NextAttemptAt <= now && m.NotBefore <= now {
				count++
			}
		}
		examined += max(1, len(page.Missions))
		if page.NextCursor == 0 {
			return count, true, nil
		}
		request.Cursor = page.NextCursor
	}
	return count, false, nil
}
