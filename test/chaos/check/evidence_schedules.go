package check

import "encoding/json"

// Schedule holds the fields of a schedule that the checker reads.
type Schedule struct {
	ID      string `json:"id"`
	Every   int64  `json:"every_seconds"`
	Offset  int64  `json:"offset_seconds"`
	CatchUp string `json:"catch_up"`
	Within  int64  `json:"catch_up_seconds"`
	Paused  bool   `json:"paused"`
	Mission struct {
		Unique json.RawMessage `json:"unique"`
	} `json:"mission"`

	NextAt    float64 `json:"next_at"`
	Missed    int64   `json:"missed"`
	CreatedAt float64 `json:"created_at"`
	ChangedAt float64 `json:"changed_at"`
}

// catchUpAll is the value of catch_up with which each time that was missed has a mission.
const catchUpAll = "all"

// overlaps reports whether missions of the schedule may be alive at the same time.
func (s *Schedule) overlaps() bool { return string(s.Mission.Unique) == "null" }

// isDue reports whether a time is one of the schedule's.
func (s *Schedule) isDue(at int64) bool { return s.Every > 0 && (at-s.Offset)%s.Every == 0 }

// next returns the schedule's first time after a time.
func (s *Schedule) next(after float64) int64 {
	at := int64(after) + 1 // times are whole seconds
	return at + ((s.Offset-at)%s.Every+s.Every)%s.Every
}
