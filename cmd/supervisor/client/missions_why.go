package client

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"missioncontrol/cmd/supervisor/remote"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

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
	if text := waitsForLimit(ctx, s, out, m); text != "" {
		return text
	}
	agents, err := s.Client.Agents(ctx, api.AgentsRequest{State: missions.Online, Type: m.Type, Limit: api.MaxPage})
	if err != nil {
		return ""
	}
	text, free := waitsForAgent(out, m, agents.Agents)
	if !free {
		return text
	}
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

// waitsForAgent says for which agent a mission waits, given the agents that are online for its type. free says that any of
// them can have it.
func waitsForAgent(out *ui.Screen, m *missions.Mission, agents []missions.Agent) (text string, free bool) {
	if len(agents) == 0 {
		return "for an agent: none is online for the type " + m.Type + "; start one: supervisor agent run --type " + m.Type + " -- COMMAND", false
	}
	online := len(agents)
	if m.Flow != nil {
		agents = slices.DeleteFunc(agents, func(a missions.Agent) bool { return !hasLabels(&a, m.Requires) })
	}
	if len(agents) == 0 {
		return fmt.Sprintf("for an agent: of %s online for its type, none has the labels %s", ui.Plural(online, "agent that is", "agents that are"), labelsText(m.Requires)), false
	}
	if m.Flow != nil && m.PreferUntil != 0 && slices.ContainsFunc(agents, func(a missions.Agent) bool { return a.ID == m.PreferAgent }) {
		return "for agent " + m.PreferAgent + ", to which others leave it while it is online; at " + out.Moment(m.PreferUntil.Time()) + " they can have it", false
	}
	busy, slots := 0, 0
	for i := range agents {
		busy, slots = busy+agents[i].MissionsRunning, slots+agents[i].Capacity
	}
	return fmt.Sprintf("for a free agent: %s online for its type, with %s of %s busy", ui.Plural(len(agents), "agent is", "agents are"),
		ui.Count(busy), ui.Plural(slots, "slot", "slots")), true
}

func hasLabels(a *missions.Agent, labels map[string]string) bool {
	for label, value := range labels {
		if is, there := a.Labels[label]; !there || is != value {
			return false
		}
	}
	return true
}

// waitsForLimit says which limit holds a mission back; "" if none is known to.
func waitsForLimit(ctx context.Context, s *remote.Session, out *ui.Screen, m *missions.Mission) string {
	limits, err := s.Client.Limits(ctx, api.LimitsRequest{Limit: api.MaxPage})
	if err != nil { // an earlier supervisor has none
		return ""
	}
	flow := cmp.Or(m.Flow, &missions.Flow{})
	for i := range limits.Limits {
		l := &limits.Limits[i]
		if !l.AppliesTo(m.Type, flow.Limits) {
			continue
		}
		if why := cmp.Or(fullText(out, l), keyFullText(l, flow.Key)); why != "" {
			return "for the limit " + l.Name + ": " + why
		}
	}
	return ""
}

// fullText says why nothing starts under a limit, "" if missions may.
func fullText(out *ui.Screen, l *missions.LimitStatus) string {
	opens := ""
	if l.OpensAt != 0 {
		opens = "; missions start again at " + out.Moment(l.OpensAt.Time())
	}
	switch l.Full {
	case "":
	case missions.FullPaused:
		return "it is paused; resume it: supervisor limits resume " + l.Name
	case missions.FullTotal:
		return ui.Count(l.Running) + " of " + optionalCount(l.Total) + " missions run"
	case missions.FullRate:
		return "as many have started as may" + opens
	case missions.FullBudget:
		return spentText(l) + " are spent" + opens
	case missions.FullBlocked:
		return "an agent was told to wait" + opens
	}
	return ""
}

// keyFullText says why no mission with a key starts under a limit, "" if that is not known. The busiest keys are.
func keyFullText(l *missions.LimitStatus, key string) string {
	if key == "" {
		return ""
	}
	if l.Keys[key].Paused {
		return "its key " + key + " is paused"
	}
	bound := cmp.Or(l.Keys[key].PerKey, l.PerKey)
	for _, busy := range l.Busiest {
		if bound != nil && busy.Key == key && busy.Running >= *bound {
			return fmt.Sprintf("%s of %s missions with its key %s run", ui.Count(busy.Running), ui.Count(*bound), key)
		}
	}
	return ""
}

// labelsText returns labels as a person writes them, in order.
func labelsText(labels map[string]string) string {
	list := make([]string, 0, len(labels))
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, label+"="+labels[label])
	}
	return strings.Join(list, ", ")
}
