package ui

import (
	"fmt"
	"slices"

	"missioncontrol/missions"
)

// StatusColour returns the colour of a mission's status.
func StatusColour(s missions.Status) string {
	switch s {
	case missions.Running:
		return Cyan
	case missions.Completed:
		return Green
	case missions.Failed:
		return Red
	case missions.Cancelled:
		return Yellow
	}
	return ""
}

// AgentColour returns the colour of an agent's state.
func AgentColour(s missions.AgentState) string {
	switch s {
	case missions.Online:
		return Green
	case missions.Draining:
		return Yellow
	}
	return Faint
}

// Attempts formats a mission's attempts and its limit.
func Attempts(m *missions.Mission) string { return fmt.Sprintf("%d/%d", m.Attempt, m.MaxAttempts) }

// ProgressPercent formats a mission's progress.
func ProgressPercent(p float64) string { return fmt.Sprintf("%.0f %%", p) }

// FormatCores formats how many cores an agent keeps busy, as a percentage of one;
// "-" if that is not known.
func FormatCores(cpu *float64) string {
	if cpu == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", *cpu*100)
}

// FormatMemory formats how much memory an agent uses; "-" if that is not known.
func FormatMemory(bytes *int64) string {
	if bytes == nil {
		return "-"
	}
	return ByteSize(*bytes)
}

// StatusNames lists the statuses as words.
func StatusNames() []string {
	var names []string
	for _, s := range missions.Statuses() {
		names = append(names, string(s))
	}
	return names
}

// PriorityNames lists the priorities as words, highest first.
func PriorityNames() []string {
	var names []string
	for _, p := range slices.Backward(missions.Priorities()) {
		names = append(names, string(p))
	}
	return names
}
