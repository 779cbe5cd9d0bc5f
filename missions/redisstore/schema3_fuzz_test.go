package redisstore

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"missioncontrol/missions"
)

// What stands in Redis may have been damaged: whatever it is, a migration stops with an error, or
// writes what can be read.

const jsonSpace = " \t\r\n"

// FuzzOldRecord reads a mission's record of schema 3, and writes it as one of schema 4.
func FuzzOldRecord(f *testing.F) {
	number := func(n int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	fresh := "\x01" + number(1703001234567000) + "\x02" + "type\x00corr\x00trace\x00red,blue\x00" + "name\x00text\x00{}\x00"
	full := "\x02\x01" + number(5) + "\x01\x03\x00\x01\x00" + "\x01\x00\x00\x00" + "\x05\x00\x00\x00"
	for n := range int64(13) {
		full += number(n + 1)
	}
	full += "type\x00\x00\x00\x00agent\x00\x00no luck\x0012.5\x00half\x00" + "\x08\x00\x00\x00name\x00\x00@\x00" + "@\x00" + "1703001234567000\x0001\x00claimed\x00"
	f.Add(fresh, "", "")
	f.Add(full, `{"a":1}`, `"done"`)
	f.Add(full[:len(full)-60], "", "")
	f.Add(full[:80], "", "")
	f.Add(fresh[:12], "", "")
	f.Add("", "", "")
	keys := readFixture(f, 1).Keys
	for i := range keys {
		if key := &keys[i]; strings.HasPrefix(key.Key, "{mc:0}:m:") {
			f.Add(string(key.Value), strings.Repeat(" ", large)+"{}", strings.Repeat(" ", large)+"1")
		}
	}
	f.Fuzz(func(t *testing.T, record, data, result string) {
		m, err := readOld("m", record)
		if err != nil {
			return
		}
		if !isOld(record) || m.Status.Index() < 0 || m.Priority.Rank() < 0 || m.Entries != int64(len(m.log))+1 {
			t.Fatalf("%q is read as %+v", record, m)
		}
		if m.largeData {
			m.Data = json.RawMessage(data)
		}
		if m.largeResult {
			m.Result = json.RawMessage(result)
		}
		if m.largeData && len(data) <= large || m.largeResult && len(result) <= large {
			return // these keys would be damaged
		}
		if !m.largeData { // JSON is read without the space around it
			m.Data = bytes.Trim(m.Data, jsonSpace)
		}
		if !m.largeResult && m.Result != nil {
			m.Result = bytes.Trim(m.Result, jsonSpace)
		}
		again, err := readMission("m", writeMission(&m.Record), data, result, "", "")
		if err != nil {
			t.Fatalf("%q is written as %q: %v", record, writeMission(&m.Record), err)
		}
		if writeMission(again) != writeMission(&m.Record) {
			t.Fatalf("%q is written as %q, and then as %q", record, writeMission(&m.Record), writeMission(again))
		}
		for i := range m.log {
			if _, err := readLine(writeLine(&m.log[i])); err != nil {
				t.Fatalf("%q has the entry %q: %v", record, writeLine(&m.log[i]), err)
			}
		}
	})
}

// FuzzOldEvent reads an event of schema 3.
func FuzzOldEvent(f *testing.F) {
	for _, parts := range [][]string{
		{"c", "1703001234567000", "m", "correlation", "trace", "name", "description", "type", "1"},
		{"s", "1703001234567000", "m", "", "", "01", "claimed by agent a", "1", "a"},
		{"l", "1703001234567000", "m", "", "", "info", "line"},
		{"+", "1703001234567000", "a", "name", "role", "registered", "x,y"},
		{"-", "1703001234567000", "a", "name", "role", "left", ""},
		{"!", "1703001234567000", "rule", "metric", "1.5", "1", "1703001234567000"},
		{".", "1703001234567000", "rule", "metric", "", "1", "1703001234567000"},
		{"c", "1", "m", "", "", "n", "", "t", ""}, {"c", "1", "m", "", "", "n", "", "t", "9"},
		{"s", "1", "m", "", "", "0", "r", "1", ""}, {"s", "1", "m", "", "", "0:", "r", "1", ""}, {"x"}, {},
	} {
		f.Add(strings.Join(parts, "\x00"))
	}
	kinds := []missions.EventKind{missions.EventCreated, missions.EventStatusChanged, missions.EventLogAppended,
		missions.EventAgentOnline, missions.EventAgentOffline, missions.EventAlertRaised, missions.EventAlertResolved}
	f.Fuzz(func(t *testing.T, packed string) {
		e, err := readOldEvent(uuid.Nil, 1, packed)
		if err != nil {
			return
		}
		if !slices.Contains(kinds, e.Kind) || e.At < 0 || e.Seq != 1 || e.ID == uuid.Nil {
			t.Fatalf("%q is read as %+v", packed, e)
		}
		if e.Kind == missions.EventCreated && e.Priority.Rank() < 0 ||
			e.Kind == missions.EventStatusChanged && (e.OldStatus.Index() < 0 || e.NewStatus.Index() < 0) {
			t.Fatalf("%q is read as %+v", packed, e)
		}
	})
}

// FuzzOldLine reads an entry of a mission's log of schema 3, and writes it as one of schema 4.
func FuzzOldLine(f *testing.F) {
	for _, parts := range [][]string{
		{"s", "1703001234567000", "01", "claimed by agent a"}, {"l", "1703001234567000", "info", "line", `{"a":1}`},
		{"l", "1", "info", "line", ""}, {"s", "1", "0", "r"}, {"s", "1", "09", "r"}, {"l", "1", "info"}, {"x"}, {},
	} {
		f.Add(strings.Join(parts, "\x00"))
	}
	f.Fuzz(func(t *testing.T, entry string) {
		e, err := readOldLine(entry)
		if err != nil {
			return
		}
		if e.Data != nil {
			e.Data = bytes.Trim(e.Data, jsonSpace)
		}
		again, err := readLine(writeLine(&e))
		if err != nil {
			t.Fatalf("%q is written as %q: %v", entry, writeLine(&e), err)
		}
		if again.By != e.By || writeLine(&again) != writeLine(&e) {
			t.Fatalf("%q is written as %q, and read as %+v", entry, writeLine(&e), again)
		}
	})
}

// FuzzOldSums reads a gain of schema 3.
func FuzzOldSums(f *testing.F) {
	f.Add("0=1 1=2 r160=3 rs=4000 q0=1 qs=1")
	f.Add("r512=1 r513=1 q=1 s=2 5=1 0=-1 0=x")
	f.Fuzz(func(t *testing.T, gain string) {
		sums := oldSums{}
		if err := sums.addGain(gain); err != nil {
			return
		}
		for _, name := range []string{"r", "q"} {
			if h := sums.histogram(name); len(h.Buckets) > 8*64+1 {
				t.Fatalf("%q is read as %d buckets", gain, len(h.Buckets))
			}
		}
	})
}
