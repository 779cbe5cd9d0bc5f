package main

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"missioncontrol/charter"
	"missioncontrol/missions"
)

// eventPrinter prints events: one line each for people, envelopes for programs.
type eventPrinter struct {
	out, err *screen
	json     bool
	printed  bool
}

func (p *eventPrinter) print(raw []byte) {
	p.printed = true
	if p.json {
		if !jsontext.Value(raw).IsValid() {
			p.err.printf("supervisor: an event was left out: its envelope is not valid JSON\n")
			return
		}
		p.out.jsonLine(raw)
		return
	}
	event, err := charter.Decode(raw)
	if err != nil {
		p.err.printf("supervisor: an event was left out: %s\n", clean(err.Error()))
		return
	}
	p.out.printf("%s  %s  %s\n", p.out.paint(faint, p.out.moment(event.Timestamp)),
		p.out.paint(typeColour(event.Type), padRight(clean(event.Type), 26)), summary(p.out, &event))
}

// none tells the user that there was nothing to print, and what to try.
func (p *eventPrinter) none(advice string) {
	if !p.printed && !p.json {
		p.err.printf("No events. %s\n", advice)
	}
}

func typeColour(eventType string) string {
	switch subject, _, _ := strings.Cut(eventType, "."); subject {
	case "mission":
		return cyan
	case "agent":
		return blue
	}
	return ""
}

// summary describes an event in one line: its target and the important part of its
// payload.
func summary(out *screen, e *charter.Event) painted {
	payload, err := charter.DecodePayload(e)
	if err != nil {
		text := clean(e.Target + " " + shorten(string(e.Payload), 200))
		return painted(text)
	}
	switch p := payload.(type) {
	case charter.MissionCreated:
		return about(p.MissionID, fmt.Sprintf("%q %s %s", p.Name, p.Type, p.Priority))
	case charter.MissionStatusChanged:
		return statusGist(out, &p)
	case charter.MissionLogAppended:
		return about(p.MissionID, p.LogLevel+": "+p.Message)
	case charter.MissionProgressed:
		return about(p.MissionID, strings.TrimSpace(progressPercent(p.Percent)+" "+p.Message))
	case charter.AgentOnline:
		return about(p.AgentID, agentGist(p.Name, p.Role, p.Types, p.Reason))
	case charter.AgentOffline:
		return about(p.AgentID, agentGist(p.Name, p.Role, p.Types, p.Reason))
	}
	return painted(supervisorSummary(out, payload))
}

// about joins an event's target and its description.
func about(id, what string) painted { return painted(clean(id) + "  " + shorten(clean(what), 300)) }

func statusGist(out *screen, p *charter.MissionStatusChanged) painted {
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
	return about(p.MissionID, p.OldStatus+" →") + " " + out.paint(statusColour(missions.Status(p.NewStatus)), p.NewStatus) +
		painted(shorten(clean(more.String()), 300))
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
func supervisorSummary(out *screen, payload charter.Payload) string {
	switch p := payload.(type) {
	case charter.HealthChecked:
		return clean(p.Status)
	case charter.StatusQueried:
		return fmt.Sprintf("%s, %d running, %d pending", plural(p.TotalMissions, "mission", "missions"), p.RunningMissions, p.PendingMissions)
	case charter.AgentsListed:
		return plural(p.AgentCount, "agent", "agents")
	case charter.AlertRaised:
		return clean(fmt.Sprintf("%s: %s is %g, beyond %g since %s", p.Rule, p.Metric, p.Value, p.Threshold, out.clock(p.Since)))
	case charter.AlertResolved:
		return clean(fmt.Sprintf("%s: %s is %g again", p.Rule, p.Metric, p.Value))
	}
	return ""
}
