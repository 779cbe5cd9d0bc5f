package missions

import (
	"encoding/json"
	"math"
	"unicode/utf8"
)

// Limits on the content of a mission. Sizes are in bytes unless they say
// characters. A value over a limit is rejected with [ErrTooLarge].
const (
	MaxDataBytes        = 512 << 10 // data and result, each, as JSON
	MaxNameChars        = 200
	MaxDescriptionBytes = 16 << 10
	MaxErrorBytes       = 16 << 10
	MaxReasonBytes      = 1 << 10
	MaxLogMessageBytes  = 8 << 10
	MaxLogDataBytes     = 64 << 10
	MaxLogEntries       = 100_000 // written by agents, per mission; status changes are always logged
	MaxTags             = 32
	MaxTypes            = 64 // that one agent serves
	MaxLabels           = 32
	MaxBatch            = 1000
	MaxAttemptsLimit    = 1000
	MaxCapacity         = 10_000
)

// DefaultType is the type of a mission without one.
const DefaultType = "default"

// DefaultMaxAttempts is the number of attempts if a mission sets none.
const DefaultMaxAttempts = 3

// CheckText returns an error unless s is UTF-8 without NUL and no longer than most
// bytes.
func CheckText(field, s string, most int) error {
	if len(s) > most {
		return TooLarge(field, "is longer than %d bytes", most)
	}
	for _, r := range s {
		if r == 0 {
			return Invalid(field, "contains a NUL character")
		}
	}
	if !utf8.ValidString(s) {
		return Invalid(field, "is not valid UTF-8")
	}
	return nil
}

// CheckLine is [CheckText] for text shown on one line: no control characters.
func CheckLine(field, s string, mostChars int) error {
	if err := CheckText(field, s, mostChars*utf8.UTFMax); err != nil {
		return err
	}
	if utf8.RuneCountInString(s) > mostChars {
		return TooLarge(field, "is longer than %d characters", mostChars)
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return Invalid(field, "contains a control character")
		}
	}
	return nil
}

// Normalize sets the defaults of a mission that is about to be created. It does not
// set the ID.
func (m *Mission) Normalize() {
	if m.Type == "" {
		m.Type = DefaultType
	}
	if m.Priority == "" {
		m.Priority = Normal
	}
	if m.MaxAttempts == 0 {
		m.MaxAttempts = DefaultMaxAttempts
	}
	if len(m.Data) == 0 || string(m.Data) == "null" {
		m.Data = json.RawMessage("{}")
	}
	if m.Tags == nil {
		m.Tags = []string{}
	}
	m.Flow = m.Flow.Normalize()
	m.Status = Pending
}

// Validate checks the creator's fields of a normalized mission. It returns an
// [ErrInvalid] or [ErrTooLarge] that names the first invalid field.
func (m *Mission) Validate() error {
	if m.Name == "" {
		return Invalid("name", "is required")
	}
	checks := []error{
		CheckToken("id", m.ID),
		CheckLine("name", m.Name, MaxNameChars),
		CheckText("description", m.Description, MaxDescriptionBytes),
		CheckToken("type", m.Type),
		m.checkData(),
		CheckTokens("tags", m.Tags, MaxTags),
		m.checkNumbers(),
		m.Flow.Validate(m.ID),
	}
	if m.CorrelationID != "" {
		checks = append(checks, CheckLine("correlation_id", m.CorrelationID, MaxNameChars))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Mission) checkData() error {
	if len(m.Data) > MaxDataBytes {
		return TooLarge("data", "is larger than %d KiB", MaxDataBytes>>10)
	}
	if len(m.Data) == 0 || m.Data[0] != '{' {
		return Invalid("data", "must be a JSON object")
	}
	return nil
}

// maxTimeoutSeconds keeps timeout_seconds and stall_seconds from overflowing a
// time.
const maxTimeoutSeconds = 366 * 24 * 3600

func (m *Mission) checkNumbers() error {
	switch {
	case m.Priority.Rank() < 0:
		return Invalid("priority", "must be one of LOW, NORMAL, HIGH, CRITICAL")
	case m.MaxAttempts < 1 || m.MaxAttempts > MaxAttemptsLimit:
		return Invalid("max_attempts", "must be between 1 and %d", MaxAttemptsLimit)
	case math.IsNaN(m.TimeoutSeconds) || m.TimeoutSeconds < 0 || m.TimeoutSeconds > maxTimeoutSeconds:
		return Invalid("timeout_seconds", "must be between 0 and %d", maxTimeoutSeconds)
	case math.IsNaN(m.StallSeconds) || m.StallSeconds < 0 || m.StallSeconds > maxTimeoutSeconds:
		return Invalid("stall_seconds", "must be between 0 and %d", maxTimeoutSeconds)
	case m.NotBefore < 0 || m.NotBefore > maxTime:
		return Invalid("not_before", "is not a time in Unix seconds")
	case m.Deadline < 0 || m.Deadline > maxTime:
		return Invalid("deadline", "is not a time in Unix seconds")
	}
	return nil
}
