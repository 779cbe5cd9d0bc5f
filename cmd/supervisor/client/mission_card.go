package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// missionCard shows everything known about one mission. waits says what it waits for, if it
// is PENDING and that is known.
func missionCard(out *ui.Screen, m *missions.Mission, waits string) {
	b := out.Card("Mission " + m.ID)
	b.Line("Name", ui.Clean(m.Name))
	b.Line("Description", m.Description)
	b.Line("Type", m.Type)
	b.Line("Priority", m.Priority)
	b.Line("Tags", strings.Join(m.Tags, ", "))
	b.Line("Correlation", ui.Clean(m.CorrelationID))
	flowOrigin(out, b, m.Flow)
	if string(m.Data) != "{}" {
		b.Line("Data", excerpt(document(m.Data), m.ID, "data"))
	}
	b.Gap()
	b.Line("Status", out.Paint(ui.StatusColour(m.Status), string(m.Status)))
	b.Line("Waits", waits)
	flowConditions(out, b, m)
	b.Line("Attempt", fmt.Sprintf("%d of %d", m.Attempt, m.MaxAttempts))
	if m.Turn > m.Attempt { // more often claimed than attempted
		b.Line("Turn", ui.Count(m.Turn))
	}
	b.Line("Agent", string(m.AgentID))
	if m.Progress != nil {
		b.Line("Progress", strings.TrimSpace(fmt.Sprintf("%.0f %% %s", m.Progress.Percent, ui.Clean(m.Progress.Message))))
	}
	flowUsage(b, m.Flow)
	b.Line("Checkpoint", excerpt(document(m.Checkpoint), m.ID, "checkpoint"))
	flowSignals(out, b, m.Flow)
	b.Line("Result", excerpt(document(m.Result), m.ID, "result"))
	b.Line("Error", excerpt(string(m.Error), m.ID, "error"))
	b.Gap()
	missionTimes(out, b, m)
	b.Print()
}

func missionTimes(out *ui.Screen, b *ui.Card, m *missions.Mission) {
	b.Line("Created", out.Moment(m.CreatedAt.Time()))
	b.Line("Not before", out.Moment(m.NotBefore.Time()))
	b.Line("Deadline", out.Moment(m.Deadline.Time()))
	if m.TimeoutSeconds > 0 {
		b.Line("Timeout", ui.FormatDuration(time.Duration(m.TimeoutSeconds*float64(time.Second))))
	}
	if m.StallSeconds > 0 {
		b.Line("Stall", ui.FormatDuration(m.Stall()))
	}
	if m.Flow != nil {
		b.Line("Waiting since", out.Moment(m.WaitingSince.Time()))
		b.Line("Waiting until", out.Moment(m.WaitingUntil.Time()))
	}
	b.Line("Next attempt", out.Moment(m.NextAttemptAt.Time()))
	b.Line("Started", out.Moment(m.StartedAt.Time()))
	b.Line("Lease until", out.Moment(m.LeaseExpiresAt.Time()))
	b.Line("Finished", out.Moment(m.FinishedAt.Time()))
	b.Line("Took", took(m))
}

// How much of a value a card shows.
const (
	excerptLines = 20
	excerptWidth = 1000 // characters of a line
)

// excerpt returns the beginning of a value that is too long for a card, and how to see the
// rest.
func excerpt(text, id, field string) string {
	lines := strings.Split(text, "\n")
	cut := len(lines) > excerptLines
	shown := lines[:min(len(lines), excerptLines)]
	for i, line := range shown {
		if short := ui.Shorten(line, excerptWidth); short != line {
			shown[i], cut = short, true
		}
	}
	if !cut {
		return text
	}
	return fmt.Sprintf("%s\n… %s in all; everything: supervisor missions get %s --json | jq .mission.%s",
		strings.Join(shown, "\n"), ui.Plural(len(lines), "line", "lines"), ui.Clean(id), field)
}

// document formats JSON for people: indented if it is too long for one line, and "" if
// there is none.
func document(raw json.RawMessage) string {
	if len(raw) == 0 || string(raw) == "null" {
		return ""
	}
	if len(raw) <= 80 {
		return ui.EscapeJSON(string(raw))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, raw, "", "  "); err != nil {
		return ui.EscapeJSON(string(raw))
	}
	return ui.EscapeJSON(indented.String())
}

// missionLine summarizes an ended mission in one line.
func missionLine(out *ui.Screen, m *missions.Mission) ui.Painted {
	text := out.Paint(ui.StatusColour(m.Status), string(m.Status))
	line := ui.Painted(ui.Clean(m.ID)) + "  " + text + "  " + ui.Painted(ui.Shorten(ui.Clean(m.Name), 48))
	if m.FinishedAt != 0 && m.StartedAt != 0 {
		line += ui.Painted(" in " + ui.FormatDuration(m.FinishedAt.Sub(m.StartedAt)))
	}
	if m.Error != "" && m.Status != missions.Completed {
		line += ui.Painted(": " + ui.Shorten(ui.Clean(ui.FirstLine(string(m.Error))), 200))
	}
	return line
}
