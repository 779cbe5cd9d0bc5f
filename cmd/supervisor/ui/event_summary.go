package ui

import (
	"fmt"
	"strings"

	"missioncontrol/charter"
	"missioncontrol/missions"
)

// EventColour returns the colour of an event type.
func EventColour(eventType string) string {
	switch subject, _, _ := strings.Cut(eventType, "."); subject {
	case "mission":
		return Cyan
	case "agent":
		return Blue
	case "schedule", "limit":
		return Cyan
	}
	return ""
}

// EventSummary describes an event in one line: its target and the important part of its
// payload.
func EventSummary(out *Screen, e *charter.Event) Painted {
	payload, err := charter.DecodePayload(e)
	if err != nil {
		text := Clean(e.Target + " " + Shorten(string(e.Payload), 200))
		return Painted(text)
	}
	switch p := payload.(type) {
	case charter.MissionCreated:
		return about(p.MissionID, fmt.Sprintf("%q %s %s", p.Name, p.Type, p.Priority))
	case charter.MissionStatusChanged:
		return statusSummary(out, &p)
	case charter.MissionLogAppended:
		return about(p.MissionID, p.LogLevel+": "+p.Message)
	case charter.MissionProgressed:
		return about(p.MissionID, strings.TrimSpace(ProgressPercent(p.Percent)+" "+p.Message))
	case charter.MissionWaiting:
		return about(p.MissionID, waitingSummary(out, &p))
	case charter.MissionReady:
		return about(p.MissionID, strings.TrimSuffix("can be claimed: "+p.Reason, ": "))
	case charter.MissionSignalled:
		return about(p.MissionID, strings.TrimSuffix(fmt.Sprintf("signal %d: %s, from %s", p.Seq, p.Name, p.By), ", from "))
	case charter.MissionSignalSeen:
		return about(p.MissionID, fmt.Sprintf("signal %d was seen by agent %s", p.Seq, p.AgentID))
	case charter.LimitChanged:
		return about(p.Name, strings.TrimSuffix("limit changed by "+p.By, " by "))
	case charter.ScheduleChanged:
		return about(p.ScheduleID, strings.TrimSuffix("schedule changed by "+p.By, " by "))
	case charter.ScheduleMissed:
		return about(p.ScheduleID, missedSummary(out, &p))
	case charter.AgentOnline:
		return about(p.AgentID, agentSummary(p.Name, p.Role, p.Types, p.Reason))
	case charter.AgentOffline:
		return about(p.AgentID, agentSummary(p.Name, p.Role, p.Types, p.Reason))
	}
	return Painted(supervisorSummary(out, payload))
}

// about joins an event's target and its description.
func about(id, what string) Painted {
	return Painted(Clean(id) + "  " + Shorten(Clean(what), 300))
}

func statusSummary(out *Screen, p *charter.MissionStatusChanged) Painted {
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
	return about(p.MissionID, p.OldStatus+" →") + " " + out.Paint(StatusColour(missions.Status(p.NewStatus)), p.NewStatus) +
		Painted(Shorten(Clean(more.String()), 300))
}

func waitingSummary(out *Screen, p *charter.MissionWaiting) string {
	parts := make([]string, 0, len(p.Conditions))
	for _, c := range p.Conditions {
		switch {
		case c.Mission != "":
			parts = append(parts, "mission "+c.Mission)
		case c.Batch != "":
			parts = append(parts, "batch "+c.Batch)
		case c.Signal != "":
			parts = append(parts, "signal "+c.Signal)
		default: // what a later version has added
			parts = append(parts, "something else")
		}
	}
	text := "waits"
	if len(parts) > 0 {
		text += " for " + strings.Join(parts, ", ")
	}
	if !p.Until.IsZero() {
		text += " until " + out.Moment(p.Until)
	}
	return text
}

func missedSummary(out *Screen, p *charter.ScheduleMissed) string {
	text := fmt.Sprintf("missed %s: %s", Plural(p.Count, "occurrence", "occurrences"), out.Moment(p.From))
	if p.Count > 1 {
		text += " to " + out.Moment(p.To)
	}
	return text
}

func agentSummary(name, role string, types []string, reason string) string {
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

// supervisorSummary summarizes the supervisor's own events.
func supervisorSummary(out *Screen, payload charter.Payload) string {
	switch p := payload.(type) {
	case charter.HealthChecked:
		return Clean(p.Status)
	case charter.StatusQueried:
		return fmt.Sprintf("%s, %d running, %d pending", Plural(p.TotalMissions, "mission", "missions"), p.RunningMissions, p.PendingMissions)
	case charter.AgentsListed:
		return Plural(p.AgentCount, "agent", "agents")
	case charter.AlertRaised:
		return Clean(fmt.Sprintf("%s: %s is %g, past the threshold of %g since %s", p.Rule, p.Metric, p.Value, p.Threshold, out.Clock(p.Since)))
	case charter.AlertResolved:
		return Clean(fmt.Sprintf("%s: resolved, %s is %g", p.Rule, p.Metric, p.Value))
	}
	return ""
}
