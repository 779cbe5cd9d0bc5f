package redisstore

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// What stands in Redis may have been damaged: whatever it is, reading it is an error or
// something that can be told, never a panic.

// FuzzRecord reads a mission's record, with data and a result that are elsewhere.
func FuzzRecord(f *testing.F) {
	number := func(n int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	fresh := "\x01" + number(1703001234567000) + "\x02" + "type\x00corr\x00trace\x00red,blue\x00" + "name\x00text\x00{}\x00"
	full := "\x02\x01" + number(5) + "\x01\x03\x00\x01\x00" + "\x01\x00\x00\x00" + "\x05\x00\x00\x00"
	for n := range int64(13) {
		full += number(n + 1)
	}
	full += "type\x00\x00\x00\x00agent\x00\x00no luck\x0012.5\x00half\x00" + "\x09\x00\x00\x00name\x00\x00@\x00" + "@\x00" + "1703001234567000\x0001\x00claimed\x00"
	f.Add(fresh, "", "")
	f.Add(full, `{"a":1}`, `"done"`)
	f.Add(full[:len(full)-60], "", "")
	f.Add(full[:80], "", "")
	f.Add(fresh[:12], "", "")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, record, data, result string) {
		m, err := readRecord(record, data, result)
		if err != nil {
			return
		}
		if m.CreatedAt <= 0 || m.Status.Index() < 0 || m.Priority.Rank() < 0 || m.Tags == nil {
			t.Fatalf("%q is read as %+v", record, m)
		}
		m.Data, m.Result = nil, nil // are what an agent or a creator said, and not looked into
		if _, err := json.Marshal(m); err != nil {
			t.Fatalf("%q is read as what cannot be told: %v", record, err)
		}
	})
}

// FuzzMission reads a mission's record of schema 4, with data and a result that are elsewhere.
func FuzzMission(f *testing.F) {
	m := missions.Mission{ID: "m", Name: `a ,"content": name`, Type: "t", Data: json.RawMessage(`{"content":1}`), Priority: missions.High,
		Status: missions.Running, Tags: []string{"red"}, MaxAttempts: 5, AgentID: "a", Progress: &missions.Progress{Percent: 12.5}}
	whole := writeMission(&engine.Record{Mission: m, Seq: 1703001234567000, Token: 3})
	m.Data, m.Status = json.RawMessage(strings.Repeat(" ", large)+"{}"), missions.Completed
	f.Add(whole, "", "")
	f.Add(writeMission(&engine.Record{Mission: m, Seq: 1}), string(m.Data), "")
	f.Add(whole[:len(whole)/2], "", "")
	f.Add(`{"status":"PENDING","seq":1,"data_bytes":-1}`, "", "")
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, record, data, result string) {
		if head, err := readHeadOf("m", record); err == nil && (head.Seq <= 0 || head.Status.Index() < 0) {
			t.Fatalf("%q is read as %+v", record, head)
		}
		r, err := readMission("m", record, data, result)
		if err != nil {
			return
		}
		again, err := readMission("m", writeMission(r), string(r.Data), string(r.Result))
		if err != nil {
			t.Fatalf("%q is read and written as %q: %v", record, writeMission(r), err)
		}
		if writeMission(again) != writeMission(r) {
			t.Fatalf("%q is read and written as %q, and then as %q", record, writeMission(r), writeMission(again))
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

// FuzzEntry reads an entry of the journal.
func FuzzEntry(f *testing.F) {
	f.Add(encodeWords([]string{"3", "SET", "key", strings.Repeat("x", 300), ""}))
	f.Add("\x05abc")
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff")
	f.Add("")
	f.Fuzz(func(t *testing.T, entry string) {
		words, err := decodeWords(entry)
		if err != nil {
			return
		}
		if again, err := decodeWords(encodeWords(words)); err != nil || !slices.Equal(words, again) {
			t.Fatalf("%q is read as %q, and written again as %q (%v)", entry, words, again, err)
		}
	})
}
