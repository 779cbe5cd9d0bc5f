package redisstore

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// What stands in Redis may have been damaged: whatever it is, reading it is an error or
// something that can be told, never a panic.

// FuzzMission reads a mission's record, with data and a result that are elsewhere.
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
		r, err := readMission("m", record, data, result, "", "")
		if err != nil {
			return
		}
		again, err := readMission("m", writeMission(r), string(r.Data), string(r.Result), "", "")
		if err != nil {
			t.Fatalf("%q is read and written as %q: %v", record, writeMission(r), err)
		}
		if writeMission(again) != writeMission(r) {
			t.Fatalf("%q is read and written as %q, and then as %q", record, writeMission(r), writeMission(again))
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
