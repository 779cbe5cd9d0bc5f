package check

import (
	"fmt"
	"slices"
	"strings"
)

// Story returns everything about one mission in order: requests, answers, and
// events in the stream. It is empty for an unknown mission.
func (e *Evidence) Story(mission string) string {
	if mission == "" {
		return ""
	}
	x := newIndex(e)
	type moment struct {
		at   float64 // monotonic seconds
		text string
	}
	var story []moment
	describe := func(at float64, format string, args ...any) {
		story = append(story, moment{at, fmt.Sprintf("%10.3fs  ", at) + fmt.Sprintf(format, args...)})
	}
	for _, s := range x.steps[mission] {
		who := fmt.Sprintf("%s/%d #%d", s.Who, s.Life, s.N)
		describe(float64(s.Asked)/1e9, "%s asks %s %s", who, s.Op, short(s.Request))
		if s.Told == 0 {
			continue
		}
		switch s.outcome {
		case OK:
			describe(float64(s.Told)/1e9, "%s is told %s", who, what(s))
		default:
			describe(float64(s.Told)/1e9, "%s is told %s: %s", who, s.outcome, s.code)
		}
	}
	for _, ev := range x.events[mission] {
		p := &ev.Payload
		describe(ev.Timestamp-e.Wall, "message %d, %d of its outbox: %s %s", ev.Seq, ev.Position, ev.Type, p.text(ev.Type))
	}
	for _, f := range e.Faults {
		describe(float64(f.From)/1e9, "--- %s %s", f.Kind, f.Target)
		describe(float64(f.To)/1e9, "--- over: %s %s", f.Kind, f.Target)
	}
	slices.SortStableFunc(story, func(a, b moment) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	var out strings.Builder
	for _, m := range trimFaults(story, func(m moment) bool { return strings.Contains(m.text, "--- ") }) {
		fmt.Fprintln(&out, m.text)
	}
	if m, there := e.Missions[mission]; there {
		fmt.Fprintf(&out, "            in the end: %s, attempt %d of %d, agent %q, result %s, error %q\n", m.Status, m.Attempt, m.MaxAttempts, m.AgentID, short(m.Result), m.Error)
		if m.Turn != m.Attempt || len(m.WaitingFor)+len(m.WaitedFor)+len(m.Usage)+len(m.Signals) > 0 {
			fmt.Fprintf(&out, "            turn %d, checkpoint %s, usage %v, waits for %+v, waited for %+v, signals %d\n", m.Turn, short(m.Checkpoint), m.Usage, m.WaitingFor, m.WaitedFor, len(m.Signals))
		}
	} else {
		fmt.Fprintln(&out, "            in the end: not there")
	}
	return out.String()
}

// text returns what an event of a type says.
func (p *Payload) text(eventType string) string {
	switch eventType {
	case statusChanged:
		return fmt.Sprintf("%s%s%s, attempt %d, agent %q: %s", p.OldStatus, arrow, p.NewStatus, p.Attempt, p.AgentID, p.Reason)
	case missionWaiting:
		text := fmt.Sprintf("until %f", p.Until)
		for i := range p.Conditions {
			text += ", for " + p.Conditions[i].String()
		}
		return text
	case missionReady:
		return p.Reason
	case missionSignalled, signalSeen:
		return fmt.Sprintf("%d %s, agent %q", p.Seq, p.Name, p.AgentID)
	}
	return p.Message
}

// trimFaults removes the faults before the first and after the last other entry.
func trimFaults[T any](story []T, isFault func(T) bool) []T {
	for len(story) > 0 && isFault(story[0]) {
		story = story[1:]
	}
	for len(story) > 0 && isFault(story[len(story)-1]) {
		story = story[:len(story)-1]
	}
	return story
}

func what(s *step) string {
	switch {
	case s.Op == "agent.claim":
		return fmt.Sprintf("that it holds lease %d, attempt %d, turn %d, checkpoint %s", s.lease, s.published.Attempt, s.published.Turn, short(s.published.Checkpoint))
	case s.published.ID != "":
		return fmt.Sprintf("ok: %s, attempt %d, created %v", s.published.Status, s.published.Attempt, s.created)
	}
	return "ok: " + short(s.Reply)
}

func short(text []byte) string {
	const most = 200
	if len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(text)
}
