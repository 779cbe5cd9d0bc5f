package redisstore

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"missioncontrol/missions"
)

// What stands in Redis may have been damaged: whatever it is, reading it is an error or
// something that can be told, never a panic.

// FuzzMissionHash reads a mission's hash: names and values in turn, with NUL between.
func FuzzMissionHash(f *testing.F) {
	f.Add("s\x001703001234567000\x00n\x00name")
	f.Add("s\x001\x00n\x00n\x00d\x00d\x00t\x00x\x00D\x00{\"a\":1}\x00p\x003\x00g\x00red,blue\x00x\x005\x00o\x001000\x00y\x002000\x00" +
		"b\x001\x00l\x002\x00c\x00c\x00v\x00v\x00S\x001\x00a\x001\x00A\x00a1\x00L\x0017\x00u\x003\x00B\x004\x00P\x0012.5\x00M\x00half\x00e\x005")
	f.Add("s\x001\x00S\x000\x00w\x001\x00r\x009\x00a\x001\x00E\x00no luck")
	f.Add("s\x001\x00S\x009")
	f.Add("s\x001\x00p\x00-1")
	f.Add("s\x001\x00P\x00half")
	f.Fuzz(func(t *testing.T, text string) {
		var answer []any
		for _, part := range strings.Split(text, "\x00") {
			answer = append(answer, part)
		}
		m, err := hash(answer).mission("m")
		if err != nil {
			return
		}
		if m.ID == "" || m.CreatedAt < 0 || m.Status.Index() < 0 || m.Priority.Rank() < 0 || m.Tags == nil {
			t.Fatalf("%q is read as %+v", text, m)
		}
		m.Data, m.Result = nil, nil // are what an agent or a creator said, and not looked into
		if _, err := json.Marshal(m); err != nil {
			t.Fatalf("%q is read as what cannot be told: %v", text, err)
		}
	})
}

// FuzzOutboxEntry reads an entry of the outbox.
func FuzzOutboxEntry(f *testing.F) {
	for _, parts := range [][]string{
		{"c", "1703001234567000", "m", "correlation", "trace", "name", "description", "type", "1"},
		{"s", "1703001234567000", "m", "", "", "01", "claimed by agent a", "1", "a"},
		{"l", "1703001234567000", "m", "", "", "info", "line"},
		{"+", "1703001234567000", "a", "name", "role", "registered", "x,y"},
		{"-", "1703001234567000", "a", "name", "role", "left", ""},
		{"c", "1", "m", "", "", "n", "", "t", ""}, {"c", "1", "m", "", "", "n", "", "t", "9"},
		{"s", "1", "m", "", "", "0", "r", "1", ""}, {"s", "1", "m", "", "", "0:", "r", "1", ""}, {"x"}, {},
	} {
		f.Add(strings.Join(parts, "\x00"))
	}
	kinds := []missions.EventKind{missions.EventCreated, missions.EventStatusChanged, missions.EventLogAppended,
		missions.EventAgentOnline, missions.EventAgentOffline}
	f.Fuzz(func(t *testing.T, entry string) {
		e, err := event(entry)
		if err != nil {
			return
		}
		if !slices.Contains(kinds, e.Kind) || e.At < 0 {
			t.Fatalf("%q is read as %+v", entry, e)
		}
		if e.Kind == missions.EventCreated && e.Priority.Rank() < 0 ||
			e.Kind == missions.EventStatusChanged && (e.OldStatus.Index() < 0 || e.NewStatus.Index() < 0) {
			t.Fatalf("%q is read as %+v", entry, e)
		}
	})
}

// FuzzLogEntry reads an entry of a mission's log.
func FuzzLogEntry(f *testing.F) {
	for _, parts := range [][]string{
		{"s", "1703001234567000", "01", "claimed by agent a"}, {"l", "1703001234567000", "info", "line", `{"a":1}`},
		{"l", "1", "info", "line", ""}, {"s", "1", "0", "r"}, {"s", "1", "09", "r"}, {"l", "1", "info"}, {"x"}, {},
	} {
		f.Add(strings.Join(parts, "\x00"))
	}
	f.Fuzz(func(t *testing.T, entry string) {
		e, err := logEntry(entry)
		if err == nil && strings.HasPrefix(entry, "s") && !strings.Contains(e.Message, " → ") {
			t.Fatalf("%q is read as %+v", entry, e)
		}
	})
}
