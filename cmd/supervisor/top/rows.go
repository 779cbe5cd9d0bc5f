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
	s.lists[agentList].Fill(s.agentRows(), s.filter)
	s.lists[missionList].Fill(s.missionRows(now), s.filter)
	s.lists[eventList].Fill(s.eventRows(zone), s.filter)
}

// agentRows returns the agents, connected ones first.
func (s *viewState) agentRows() []ui.ListRow {
	doing := map[string][]*missions.Mission{}
	for i := range s.look.running {
		m := &s.look.running[i]
		doing[string(m.AgentID)] = append(doing[string(m.AgentID)], m)
	}
	agents := slices.Clone(s.look.agents.Agents)
	slices.SortStableFunc(agents, func(a, b missions.Agent) int { return rankOf(a.State) - rankOf(b.State) })
	rows := make([]ui.ListRow, len(agents))
	for i := range agents {
		a := &agents[i]
		rows[i] = ui.ListRow{Key: a.ID, Cells: []ui.Cell{
			ui.Text(a.ID, ""), ui.Text(string(a.State), ui.AgentColour(a.State)), ui.Text(fmt.Sprintf("%d/%d", a.MissionsRunning, a.Capacity), ""),
			ui.Text(ui.FormatCores(a.CPU), ""), ui.Text(ui.FormatMemory(a.MemoryBytes), ""), ui.Text(doings(doing[a.ID], a), ""),
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

// missionRows returns the missions that wait for a person, then those that run, then those
// that failed.
func (s *viewState) missionRows(now time.Time) []ui.ListRow {
	rows := make([]ui.ListRow, 0, len(s.look.waiting)+len(s.look.running)+len(s.look.failed))
	for i := range s.look.waiting {
		m := &s.look.waiting[i]
		name := m.Name
		if prompt := ui.Unmet(m)[0].Prompt; prompt != "" {
			name += ": " + prompt
		}
		rows = append(rows, ui.ListRow{Key: m.ID, Cells: []ui.Cell{
			ui.Text(m.ID, ""), ui.Text(m.Type, ""), ui.Text("", ""), ui.Text(ui.WaitedFor(m.WaitingSince, now), ""),
			ui.Text(ui.Attempts(m), ""), ui.Text(ui.WaitSummary(&ui.Screen{}, m), ui.Yellow), ui.Text(name, ""),
		}})
	}
	for i := range s.look.running {
		m := &s.look.running[i]
		progress, name := "", m.Name
		if m.Progress != nil {
			progress = fmt.Sprintf("%5s %s", ui.ProgressPercent(m.Progress.Percent), ui.Gauge(m.Progress.Percent, 10))
			name = strings.TrimSuffix(m.Name+": "+m.Progress.Message, ": ")
		}
		rows = append(rows, ui.ListRow{Key: m.ID, Cells: []ui.Cell{
			ui.Text(m.ID, ""), ui.Text(m.Type, ""), ui.Text(string(m.AgentID), ""), ui.Text(elapsed(m, now), ""),
			ui.Text(ui.Attempts(m), ""), ui.Text(progress, ui.Cyan), ui.Text(name, ""),
		}})
	}
	for i := range s.look.failed {
		m := &s.look.failed[i]
		rows = append(rows, ui.ListRow{Key: m.ID, Cells: []ui.Cell{
			ui.Text(m.ID, ""), ui.Text(m.Type, ""), ui.Text(string(m.AgentID), ""), ui.Text(ui.Ago(now.Sub(m.FinishedAt.Time())), ""),
			ui.Text(ui.Attempts(m), ""), ui.Text(ui.FirstLine(string(m.Error)), ui.Red), ui.Text(m.Name, ""),
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
func (s *viewState) eventRows(zone *time.Location) []ui.ListRow {
	plain := &ui.Screen{Zone: zone}
	rows := make([]ui.ListRow, 0, len(s.events))
	for _, e := range slices.Backward(s.events) {
		rows = append(rows, ui.ListRow{Key: e.ID.String(), Cells: []ui.Cell{
			ui.Text(plain.Clock(e.Timestamp), ui.Faint), ui.Text(e.Type, eventColour(&e)), ui.Text(string(ui.EventSummary(plain, &e)), ""),
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
