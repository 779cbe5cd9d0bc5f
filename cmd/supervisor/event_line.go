package main

import (
	"fmt"
	"strings"

	"missioncontrol/charter"
	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

func typeColour(eventType string) string {
	switch subject, _, _ := strings.Cut(eventType, "."); subject {
	case "mission":
		return ui.Cyan
	case "agent":
		return ui.Blue
	}
	return ""
}

// summary describes an event in one line: its target and the important part of its
// payload.
func summary(out *ui.Screen, e *charter.Event) ui.Painted {
	payload, err := charter.DecodePayload(e)
	if err != nil {
		text := ui.Clean(e.Target + " " + ui.Shorten(string(e.Payload), 200))
		return ui.Painted(text)
	}
	switch p := payload.(type) {
	case charter.MissionCreated:
		return about(p.MissionID, fmt.Sprintf("%q %s %s", p.Name, p.Type, p.Priority))
	case charter.MissionStatusChanged:
		return statusGist(out, &p)
	case charter.MissionLogAppended:
		return about(p.MissionID, p.LogLevel+": "+p.Message)
	case charter.MissionProgressed:
		return about(p.MissionID, strings.TrimSpace(ui.ProgressPercent(p.Percent)+" "+p.Message))
	case charter.AgentOnline:
		return about(p.AgentID, agentGist(p.Name, p.Role, p.Types, p.Reason))
	case charter.AgentOffline:
		return about(p.AgentID, agentGist(p.Name, p.Role, p.Types, p.Reason))
	}
	return ui.Painted(supervisorSummary(out, payload))
}

// about joins an event's target and its description.
func about(id, what string) ui.Painted {
	return ui.Painted(ui.Clean(id) + "  " + ui.Shorten(ui.Clean(what), 300))
}

func statusGist(out *ui.Screen, p *charter.MissionStatusChanged) ui.Painted {
	var more strings.Builder
	if p.Attempt > 0 {
		fmt.Fprintf(&more, ", attempt %d", p.Attempt)
	}
	if p.AgentID != "" {
		more.WriteString(", agent " + p.AgentID)
	}
	if p.Reason != "" {
		more.WriteString(": " + p.Reason)
	}
	return about(p.MissionID, p.OldStatus+" →") + " " + out.Paint(ui.StatusColour(missions.Status(p.NewStatus)), p.NewStatus) +
		ui.Painted(ui.Shorten(ui.Clean(more.String()), 300))
}

func agentGist(name, role string, types []string, reason string) string {
	text := fmt.Sprintf("%q", name)
	if role != "" {
		text += " " + role
	}
	text += " [" + strings.Join(types, ", ") + "]"
	if reason != "" {
		text += ": " + reason
	}
	return text
}

// supervisorGist summarizes the supervisor's own events.
func supervisorSummary(out *ui.Screen, payload charter.Payload) string {
	switch p := payload.(type) {
	case charter.HealthChecked:
		return ui.Clean(p.Status)
	case charter.StatusQueried:
		return fmt.Sprintf("%s, %d running, %d pending", ui.Plural(p.TotalMissions, "mission", "missions"), p.RunningMissions, p.PendingMissions)
	case charter.AgentsListed:
		return ui.Plural(p.AgentCount, "agent", "agents")
	case charter.AlertRaised:
		return ui.Clean(fmt.Sprintf("%s: %s is %g, beyond %g since %s", p.Rule, p.Metric, p.Value, p.Threshold, out.Clock(p.Since)))
	case charter.AlertResolved:
		return ui.Clean(fmt.Sprintf("%s: %s is %g again", p.Rule, p.Metric, p.Value))
	}
	return ""
}
