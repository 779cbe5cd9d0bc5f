package missions

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Timeout returns the maximum duration of one attempt, to the microsecond, or 0 for
// no limit. A very short limit never becomes 0.
func (m *Mission) Timeout() time.Duration { return Seconds(m.TimeoutSeconds) }

// Stall returns how long a mission may go without progress or log entries before it
// is taken back. It rounds like Timeout.
func (m *Mission) Stall() time.Duration { return Seconds(m.StallSeconds) }

// Seconds returns a number of seconds as a duration, to the microsecond. More than 0 never
// becomes 0, which often means that there is no limit.
func Seconds(seconds float64) time.Duration {
	if seconds == 0 {
		return 0
	}
	return time.Duration(max(1, math.Round(seconds*1e6))) * time.Microsecond
}

// StalledReason returns the reason for taking back a mission whose agent reported
// nothing on it for as long as Stall.
func (m *Mission) StalledReason() string {
	return fmt.Sprintf("stalled on agent %s: no progress for %.6gs", m.AgentID, m.Stall().Seconds())
}

// SameContent reports whether two missions were created with the same content,
// apart from their IDs. The order of keys within data does not matter.
func (m *Mission) SameContent(o *Mission) bool {
	return m.Name == o.Name && m.Description == o.Description && m.Type == o.Type &&
		m.Priority == o.Priority && slices.Equal(m.Tags, o.Tags) && m.MaxAttempts == o.MaxAttempts &&
		m.Timeout() == o.Timeout() && m.Stall() == o.Stall() && m.NotBefore == o.NotBefore &&
		m.Deadline == o.Deadline && m.CorrelationID == o.CorrelationID && sameJSON(m.Data, o.Data)
}

func sameJSON(a, b json.RawMessage) bool {
	return bytes.Equal(a, b) || bytes.Equal(canonical(a), canonical(b))
}

// canonical returns JSON with sorted keys and without white space, with numbers as
// they were written.
func canonical(raw json.RawMessage) []byte {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return raw
	}
	text, err := json.Marshal(value)
	if err != nil {
		return raw
	}
	return text
}

// SizeEstimate returns the approximate size of the mission on the wire, in bytes.
// It is never too low for large fields: text counts as if every byte needed two.
func (m *Mission) SizeEstimate() int {
	text := len(m.Name) + len(m.Description) + len(m.Error)
	if m.Progress != nil {
		text += len(m.Progress.Message)
	}
	return SizeOf(len(m.Data)+len(m.Result), text, len(m.Tags))
}

// SizeOf is [Mission.SizeEstimate] of a mission with so many bytes of JSON and of text, and so
// many tags.
func SizeOf(json, text, tags int) int { return 1024 + json + 2*text + 70*tags }

// MatchesText reports whether name contains the filter's text, ignoring case.
func (f *Filter) MatchesText(name string) bool {
	return f.Text == "" || strings.Contains(strings.ToLower(name), strings.ToLower(f.Text))
}

// Why returns the error of a failure; it is never empty.
func (f *Finish) Why() string { return cmp.Or(f.Error, "the agent gave no reason") }

// FirstLine shortens a text that becomes part of a reason to one line of at most
// 200 bytes.
func FirstLine(text string) string {
	for i, r := range text {
		if r == '\n' || r == '\r' || i >= 200 {
			return text[:i] + " …"
		}
	}
	return text
}
