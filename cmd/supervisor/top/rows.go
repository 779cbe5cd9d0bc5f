package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// listTitles are the names of the lists. columnNames are the names of their columns; the
// last column takes the remaining room. If that is too little, columns are dropped in
// the order of dropOrder.
var (
	listTitles  = [listCount]string{"Agents", "Running missions", "Latest events"}
	columnNames = [listCount][]string{
		{"Agent", "State", "Busy", "CPU", "Memory", "Doing"},
		{"Mission", "Type", "Agent", "Running", "Attempt", "Progress", "Name"},
		{"Time", "Event", "What"},
	}
	dropOrder = [listCount][]string{{"Memory", "CPU", "State"}, {"Type", "Attempt", "Running", "Agent", "Progress"}, {"Event"}}
)

// fill builds the rows of all lists from the current state.
func (s *viewState) fill(zone *time.Location, now time.Time) {
	s.lists[agentList].fill(s.agentRows(), s.filter)
	s.lists[missionList].fill(s.missionRows(now), s.filter)
	s.lists[eventList].fill(s.eventRows(zone), s.filter)
}

// agentRows returns the agents, connected ones first.
func (s *viewState) agentRows() []tableRow {
	doing := map[string][]*missions.Mission{}
	for i := range s.look.running {
		m := &s.look.running[i]
		doing[string(m.AgentID)] = append(doing[string(m.AgentID)], m)
	}
	agents := slices.Clone(s.look.agents.Agents)
	slices.SortStableFunc(agents, func(a, b missions.Agent) int { return rankOf(a.State) - rankOf(b.State) })
	rows := make([]tableRow, len(agents))
	for i := range agents {
		a := &agents[i]
		rows[i] = tableRow{a.ID, []tableCell{
			{a.ID, ""}, {string(a.State), ui.AgentColour(a.State)}, {fmt.Sprintf("%d/%d", a.MissionsRunning, a.Capacity), ""},
			{ui.FormatCores(a.CPU), ""}, {ui.FormatMemory(a.MemoryBytes), ""}, {doings(doing[a.ID], a), ""},
		}}
	}
	return rows
}

// rankOf sorts connected agents before the others.
func rankOf(state missions.AgentState) int {
	if state == missions.Offline {
		return 1
	}
	return 0
}

// doings says what an agent works on, as far as known.
func doings(running []*missions.Mission, a *missions.Agent) string {
	if len(running) == 0 {
		if a.MissionsRunning > 0 {
			return ui.Plural(a.MissionsRunning, "mission", "missions")
		}
		return ""
	}
	parts := make([]string, 0, len(running))
	for _, m := range running {
		part := m.Name
		if m.Progress != nil {
			part += " " + ui.ProgressPercent(m.Progress.Percent)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func (s *viewState) missionRows(now time.Time) []tableRow {
	rows := make([]tableRow, len(s.look.running), len(s.look.running)+len(s.look.failed))
	for i := range s.look.running {
		m := &s.look.running[i]
		progress, name := "", m.Name
		if m.Progress != nil {
			progress = fmt.Sprintf("%5s %s", ui.ProgressPercent(m.Progress.Percent), ui.Gauge(m.Progress.Percent, 10))
			name = strings.TrimSuffix(m.Name+": "+m.Progress.Message, ": ")
		}
		rows[i] = tableRow{m.ID, []tableCell{
			{m.ID, ""}, {m.Type, ""}, {string(m.AgentID), ""}, {elapsed(m, now), ""},
			{ui.Attempts(m), ""}, {progress, ui.Cyan}, {name, ""},
		}}
	}
	for i := range s.look.failed {
		m := &s.look.failed[i]
		rows = append(rows, tableRow{m.ID, []tableCell{
			{m.ID, ""}, {m.Type, ""}, {string(m.AgentID), ""}, {ui.Ago(now.Sub(m.FinishedAt.Time())), ""},
			{ui.Attempts(m), ""}, {ui.FirstLine(string(m.Error)), ui.Red}, {m.Name, ""},
		}})
	}
	return rows
}

// elapsed formats how long a mission has run. It avoids digits that change too fast to
// read.
func elapsed(m *missions.Mission, now time.Time) string {
	d := max(0, now.Sub(m.StartedAt.Time()))
	switch {
	case m.StartedAt == 0:
		return ""
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return ui.FormatDuration(d)
}

// eventRows returns the latest events, newest first.
func (s *viewState) eventRows(zone *time.Location) []tableRow {
	plain := &ui.Screen{Zone: zone}
	rows := make([]tableRow, 0, len(s.events))
	for _, e := range slices.Backward(s.events) {
		rows = append(rows, tableRow{e.ID.String(), []tableCell{
			{plain.Clock(e.Timestamp), ui.Faint}, {e.Type, eventColour(&e)}, {string(ui.EventSummary(plain, &e)), ""},
		}})
	}
	return rows
}

// eventColour returns the colour for an event's outcome.
func eventColour(e *charter.Event) string {
	if payload, err := charter.DecodePayload(e); err == nil {
		if changed, ok := payload.(charter.MissionStatusChanged); ok {
			return ui.StatusColour(missions.Status(changed.NewStatus))
		}
	}
	return ui.EventColour(e.Type)
}
