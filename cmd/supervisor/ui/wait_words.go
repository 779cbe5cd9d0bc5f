package ui

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"missioncontrol/missions"
)

// Waiting reports whether a PENDING mission waits for something that has to happen, or is
// parked for some time.
func Waiting(m *missions.Mission) bool {
	return m.Status == missions.Pending && m.Flow != nil && (len(m.WaitingFor) > 0 || m.WaitingSince != 0)
}

// Unmet returns those of a mission's conditions that are not met: signals first, because they
// need a person.
func Unmet(m *missions.Mission) []*missions.Wait {
	if m.Flow == nil {
		return nil
	}
	var signals, others []*missions.Wait
	for i := range m.WaitingFor {
		switch w := &m.WaitingFor[i]; {
		case w.Met:
		case w.Signal != "":
			signals = append(signals, w)
		default:
			others = append(others, w)
		}
	}
	return append(signals, others...)
}

// WaitSummary says in a few words what a mission waits for; "" if it does not wait.
func WaitSummary(out *Screen, m *missions.Mission) string {
	if !Waiting(m) {
		return ""
	}
	switch unmet := Unmet(m); {
	case len(unmet) > 1:
		return fmt.Sprintf("waits for %s and %s more", &unmet[0].Condition, Count(len(unmet)-1))
	case len(unmet) == 1:
		return "waits for " + unmet[0].String()
	case m.WaitingUntil != 0:
		return "waits until " + out.Moment(m.WaitingUntil.Time())
	}
	return "waits"
}

// ConditionText describes a condition, with what has become of it.
func ConditionText(w *missions.Wait) string {
	text := w.String()
	if w.When == missions.WhenEnded {
		text += " to end"
	}
	if w.Prompt != "" {
		text += fmt.Sprintf(": %q", w.Prompt)
	}
	if len(w.Choices) > 0 {
		text += " (" + strings.Join(w.Choices, ", ") + ")"
	}
	if w.Status != "" {
		text += ", " + string(w.Status)
	}
	return text
}

// ConditionMark returns the mark of a condition and its colour.
func ConditionMark(w *missions.Wait) (mark, colour string) {
	switch {
	case w.Met:
		return "✓", Green
	case w.Status != "": // it has ended in a way that does not meet it
		return "✗", Red
	}
	return "○", Yellow
}

// UsageText formats amounts by unit, each against its maximum if it has one.
func UsageText(usage, most missions.Usage) string {
	units := map[string]struct{}{}
	for _, u := range []missions.Usage{usage, most} {
		for unit := range u {
			units[unit] = struct{}{}
		}
	}
	parts := make([]string, 0, len(units))
	for _, unit := range slices.Sorted(maps.Keys(units)) {
		text := Amount(usage[unit]) + " " + unit
		if limit, limited := most[unit]; limited {
			text = Amount(usage[unit]) + " of " + Amount(limit) + " " + unit
			if limit > 0 {
				text += fmt.Sprintf(" (%.0f %%)", usage[unit]/limit*100)
			}
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

// Amount formats a number with thousands separators, to a millionth.
func Amount(n float64) string {
	whole, fraction, _ := strings.Cut(strconv.FormatFloat(math.Round(n*1e6)/1e6, 'f', -1, 64), ".")
	if number, err := strconv.ParseInt(whole, 10, 64); err == nil && number > 0 {
		whole = Count(number)
	}
	if fraction == "" {
		return whole
	}
	return whole + "." + fraction
}

// WaitedFor formats how long something has waited, in whole seconds.
func WaitedFor(since missions.Time, now time.Time) string {
	if since == 0 {
		return ""
	}
	return Ago(now.Sub(since.Time()))
}

// BatchState says how far a batch is: open, closed or ended.
func BatchState(b *missions.Batch) string {
	switch {
	case b.EndedAt != 0:
		return "ended"
	case b.Open:
		return "open"
	}
	return "closed"
}
