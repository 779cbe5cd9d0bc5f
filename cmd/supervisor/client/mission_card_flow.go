package client

import (
	"fmt"
	"strings"

	"missioncontrol/cmd/supervisor/ui"
	"missioncontrol/missions"
)

// flowOrigin shows what a mission belongs to.
func flowOrigin(out *ui.Screen, b *ui.Card, f *missions.Flow) {
	if f == nil {
		return
	}
	parent := f.ParentID
	if f.Detached {
		parent += " (detached)"
	}
	b.Line("Parent", parent)
	b.Line("Batch", f.Batch)
	b.Line("Key", f.Key)
	b.Line("Limits", strings.Join(f.Limits, ", "))
	b.Line("Requires", labelsText(f.Requires))
	b.Line("Prefers", preferenceText(out, f))
	b.Line("Unique", uniqueText(f.Unique))
	if f.ScheduleID != "" {
		b.Line("Schedule", f.ScheduleID+", for "+out.Moment(f.ScheduledFor.Time()))
	}
}

// preferenceText says which agent others leave a mission to, and until when.
func preferenceText(out *ui.Screen, f *missions.Flow) string {
	switch {
	case f.PreferAgent == "":
		return ""
	case f.PreferUntil != 0:
		return fmt.Sprintf("agent %s, until %s while it is online", f.PreferAgent, out.Moment(f.PreferUntil.Time()))
	}
	return fmt.Sprintf("agent %s, for %s", f.PreferAgent, f.PreferTime())
}

// flowConditions shows the conditions that a mission waits for or waited for, marked by what
// has become of them.
func flowConditions(out *ui.Screen, b *ui.Card, m *missions.Mission) {
	if m.Flow == nil {
		return
	}
	name, waits := "Conditions", m.WaitingFor
	if len(waits) == 0 {
		name, waits = "Waited for", m.WaitedFor
	}
	lines := make([]string, len(waits))
	for i := range waits {
		mark, colour := ui.ConditionMark(&waits[i])
		lines[i] = string(out.Paint(colour, mark)) + " " + ui.Clean(ui.ConditionText(&waits[i]))
	}
	b.Line(name, ui.Painted(strings.Join(lines, "\n")))
	if m.TimedOut {
		b.Line("Wait", "timed out")
	}
}

// flowUsage shows what a mission has used and may use, and how it retries.
func flowUsage(b *ui.Card, f *missions.Flow) {
	if f == nil {
		return
	}
	usage := ui.UsageText(f.Usage, f.MaxUsage)
	if f.OnExceeded == missions.ExceededAsk {
		usage += "; beyond that, it asks"
	}
	b.Line("Usage", usage)
	if p := f.RetryPolicy; p != nil {
		b.Line("Retry", retryText(p))
	}
}

// retryText formats a retry policy as it is typed.
func retryText(p *missions.RetryOptions) string {
	var parts []string
	for _, part := range []struct {
		name    string
		value   *float64
		seconds bool
	}{{"first", p.FirstSeconds, true}, {"factor", p.Factor, false}, {"max", p.MaxSeconds, true}, {"jitter", p.Jitter, false}} {
		switch {
		case part.value == nil:
		case part.seconds:
			parts = append(parts, part.name+"="+ui.Seconds(part.value))
		default:
			parts = append(parts, fmt.Sprintf("%s=%g", part.name, *part.value))
		}
	}
	return strings.Join(parts, ",")
}

// signalsShown is how many signals a card shows, the latest ones.
const signalsShown = 20

// flowSignals shows the signals to a mission, and who has seen them.
func flowSignals(out *ui.Screen, b *ui.Card, f *missions.Flow) {
	if f == nil || len(f.Signals) == 0 {
		return
	}
	var lines []string
	first := max(0, len(f.Signals)-signalsShown)
	if first > 0 {
		lines = append(lines, "… "+ui.Plural(first, "earlier one", "earlier ones"))
	}
	for i := range f.Signals[first:] {
		lines = append(lines, signalLine(out, &f.Signals[first+i]))
	}
	b.Line("Signals", strings.Join(lines, "\n"))
}

func signalLine(out *ui.Screen, s *missions.Signal) string {
	text := fmt.Sprintf("%d %s", s.Seq, s.Name)
	switch {
	case s.Elsewhere:
		text += " (its data is large; its agent gets it)"
	case len(s.Data) > 0:
		text += " " + ui.Shorten(ui.Clean(ui.EscapeJSON(string(s.Data))), 80)
	}
	if s.By != "" {
		text += " from " + ui.Clean(s.By)
		if !s.ByProven {
			text += " (unproven)"
		}
	}
	text += " at " + out.Moment(s.At.Time())
	if s.SeenAt != 0 {
		text += ", seen by " + ui.Clean(s.SeenBy) + " at " + out.Moment(s.SeenAt.Time())
	}
	return text
}
