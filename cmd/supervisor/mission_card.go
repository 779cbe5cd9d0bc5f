package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"missioncontrol/missions"
)

// missionCard shows everything known about one mission.
func missionCard(out *screen, m *missions.Mission) {
	b := out.card("Mission " + m.ID)
	b.line("Name", clean(m.Name))
	b.line("Description", m.Description)
	b.line("Type", m.Type)
	b.line("Priority", m.Priority)
	b.line("Tags", strings.Join(m.Tags, ", "))
	b.line("Correlation", clean(m.CorrelationID))
	if string(m.Data) != "{}" {
		b.line("Data", document(m.Data))
	}
	b.gap()
	b.line("Status", out.paint(statusColour(m.Status), string(m.Status)))
	b.line("Attempt", fmt.Sprintf("%d of %d", m.Attempt, m.MaxAttempts))
	b.line("Agent", string(m.AgentID))
	if m.Progress != nil {
		b.line("Progress", strings.TrimSpace(fmt.Sprintf("%.0f %% %s", m.Progress.Percent, clean(m.Progress.Message))))
	}
	b.line("Result", document(m.Result))
	b.line("Error", string(m.Error))
	b.gap()
	missionTimes(out, b, m)
	b.print()
}

func missionTimes(out *screen, b *card, m *missions.Mission) {
	b.line("Created", out.moment(m.CreatedAt.Time()))
	b.line("Not before", out.moment(m.NotBefore.Time()))
	b.line("Deadline", out.moment(m.Deadline.Time()))
	if m.TimeoutSeconds > 0 {
		b.line("Timeout", formatDuration(time.Duration(m.TimeoutSeconds*float64(time.Second))))
	}
	if m.StallSeconds > 0 {
		b.line("Stall", formatDuration(m.Stall()))
	}
	b.line("Next attempt", out.moment(m.NextAttemptAt.Time()))
	b.line("Started", out.moment(m.StartedAt.Time()))
	b.line("Lease until", out.moment(m.LeaseExpiresAt.Time()))
	b.line("Finished", out.moment(m.FinishedAt.Time()))
	if m.FinishedAt != 0 && m.StartedAt != 0 {
		b.line("Took", formatDuration(m.FinishedAt.Sub(m.StartedAt)))
	}
}

// document formats JSON for people: indented if it is too long for one line, and "" if
// there is none.
func document(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if len(raw) <= 80 {
		return escapeJSON(string(raw))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		return escapeJSON(string(raw))
	}
	return escapeJSON(indented.String())
}

// missionLine summarizes an ended mission in one line.
func missionLine(out *screen, m *missions.Mission) painted {
	text := out.paint(statusColour(m.Status), string(m.Status))
	line := painted(clean(m.ID)) + "  " + text + "  " + painted(shorten(clean(m.Name), 48))
	if m.FinishedAt != 0 && m.StartedAt != 0 {
		line += painted(" in " + formatDuration(m.FinishedAt.Sub(m.StartedAt)))
	}
	if m.Error != "" && m.Status != missions.Completed {
		line += painted(": " + shorten(clean(firstLine(string(m.Error))), 200))
	}
	return line
}
