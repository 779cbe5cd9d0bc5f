package missions

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// ScheduleSpec says which missions are created, and when: at the times of a cron expression in a time zone, or
// every so many seconds since the Unix epoch.
type ScheduleSpec struct {
	ID             string   `json:"id"`
	Cron           string   `json:"cron,omitzero"`           // five fields, or @daily and so on
	TimeZone       string   `json:"time_zone,omitzero"`      // of cron; default: UTC
	EverySeconds   int64    `json:"every_seconds,omitzero"`  // instead of cron
	OffsetSeconds  int64    `json:"offset_seconds,omitzero"` // with every_seconds: how long after the multiples of it
	Mission        Template `json:"mission"`
	CatchUp        CatchUp  `json:"catch_up,omitzero"`         // what becomes of occurrences that were missed; default: last
	CatchUpSeconds int64    `json:"catch_up_seconds,omitzero"` // how late one can be created at most; default: 86400
	JitterSeconds  int64    `json:"jitter_seconds,omitzero"`   // missions can be claimed up to so much later, each at a time of its own
	StartsAt       Time     `json:"starts_at,omitzero"`        // nothing is due before
	EndsAt         Time     `json:"ends_at,omitzero"`          // nothing is due after
	Paused         bool     `json:"paused,omitzero"`
}

// Schedule is a schedule as a store has it.
type Schedule struct {
	ScheduleSpec

	NextAt    Time   `json:"next_at"`             // null while it is paused, and once it has ended
	LastAt    Time   `json:"last_at"`             // the latest occurrence that has a mission
	Missed    int64  `json:"missed"`              // how many occurrences have none
	MissedAt  Time   `json:"missed_at,omitzero"`  // when that was found of the latest of them
	LastError string `json:"last_error,omitzero"` // why the latest occurrence has no mission
	CreatedAt Time   `json:"created_at"`
	ChangedAt Time   `json:"changed_at"`
	By        string `json:"by,omitzero"`        // who has set it last
	ByProven  bool   `json:"by_proven,omitzero"` // By is proven
}

// Template is what a schedule's missions have in common. Only the name is required.
type Template struct {
	Name           string          `json:"name"`
	Description    string          `json:"description,omitzero"`
	Type           string          `json:"type,omitzero"`            // default: "default"
	Data           json.RawMessage `json:"data,omitzero"`            // a JSON object, default {}
	Priority       Priority        `json:"priority,omitzero"`        // default: NORMAL
	Tags           []string        `json:"tags,omitzero"`            // at most 32
	MaxAttempts    *int            `json:"max_attempts,omitzero"`    // 1 to 1000, default 3
	TimeoutSeconds *float64        `json:"timeout_seconds,omitzero"` // maximum duration of one attempt; default: no limit
	StallSeconds   float64         `json:"stall_seconds,omitzero"`   // maximum time of an attempt without progress; default: no limit
	CorrelationID  string          `json:"correlation_id,omitzero"`

	After               []Condition   `json:"after,omitzero"`                 // what must have happened before a mission can be claimed; at most 100
	AfterTimeoutSeconds float64       `json:"after_timeout_seconds,omitzero"` // how long it waits for them; default: no limit
	OnUnmet             OnUnmet       `json:"on_unmet,omitzero"`              // what becomes of it if they can no longer be met, or in time; default: cancel
	MaxUsage            Usage         `json:"max_usage,omitzero"`             // by unit
	OnExceeded          OnExceeded    `json:"on_exceeded,omitzero"`           // what becomes of it if it exceeds max_usage; default: fail
	RetryPolicy         *RetryOptions `json:"retry_policy,omitzero"`          // default: the supervisor's
	Batch               string        `json:"batch,omitzero"`                 // the batch that they belong to

	Key      string            `json:"key,omitzero"`      // a tenant, user or account: keys take turns
	Limits   []string          `json:"limits,omitzero"`   // by name, beside those of the type
	Requires map[string]string `json:"requires,omitzero"` // labels that an agent must have
	Preference

	// Unique is null if missions of the schedule may be alive at the same time, or what each is given, a [Unique].
	// Default: while one lives, no other is created.
	Unique json.RawMessage `json:"unique,omitzero"`
}

// CatchUp says what becomes of occurrences that were missed while no supervisor ran.
type CatchUp string

// Values of CatchUp.
const (
	CatchUpLast CatchUp = "last" // the last of them has a mission
	CatchUpAll  CatchUp = "all"  // each has one
	CatchUpNone CatchUp = "none" // none has one
)

// Bounds of schedules.
const (
	MaxSchedules     = 10_000
	MaxScheduleChars = MaxTokenChars - len("-9999999999") // a mission's id is the schedule's and a time
	MaxTemplateBytes = 64 << 10
	MaxBackfill      = 1000 // occurrences of one request

	defaultCatchUpSeconds = 24 * 3600
	maxJitterSeconds      = 24 * 3600
	maxZoneChars          = 64
)

// OnTime is how late an occurrence can be and still count as on time: another supervisor may have had to take over.
const OnTime = 30 * time.Second

// Normalize sets the defaults.
func (s *ScheduleSpec) Normalize() {
	if s.Cron != "" && s.TimeZone == "" {
		s.TimeZone = time.UTC.String()
	}
	if s.CatchUp == "" {
		s.CatchUp = CatchUpLast
	}
	if s.CatchUpSeconds == 0 {
		s.CatchUpSeconds = defaultCatchUpSeconds
	}
	var data bytes.Buffer
	if u := s.Mission.unique().normalized(); u != nil {
		s.Mission.Unique, _ = json.Marshal(u) // it was read from JSON
	}
	switch {
	case len(s.Mission.Data) == 0 || string(s.Mission.Data) == "null":
		s.Mission.Data = nil
	case json.Compact(&data, s.Mission.Data) == nil: // or else Validate refuses it
		s.Mission.Data = data.Bytes()
	}
}

// Validate checks a normalized schedule. The error names the field.
func (s *ScheduleSpec) Validate() error {
	if err := CheckToken("id", s.ID); err != nil {
		return err
	}
	if _, err := s.Timing(); err != nil {
		return err
	}
	switch {
	case len(s.ID) > MaxScheduleChars:
		return Invalid("id", "is longer than %d characters", MaxScheduleChars)
	case s.CatchUp != CatchUpLast && s.CatchUp != CatchUpAll && s.CatchUp != CatchUpNone:
		return Invalid("catch_up", "must be one of last, all, none")
	case s.CatchUpSeconds < 1 || s.CatchUpSeconds > maxTimeoutSeconds:
		return Invalid("catch_up_seconds", "must be between 1 and %d", maxTimeoutSeconds)
	case s.JitterSeconds < 0 || s.JitterSeconds > maxJitterSeconds:
		return Invalid("jitter_seconds", "must be between 0 and %d", maxJitterSeconds)
	case s.StartsAt < 0 || s.StartsAt > maxTime:
		return Invalid("starts_at", "is not a time in Unix seconds")
	case s.EndsAt < 0 || s.EndsAt > maxTime:
		return Invalid("ends_at", "is not a time in Unix seconds")
	case s.EndsAt != 0 && s.EndsAt < s.StartsAt:
		return Invalid("ends_at", "is before starts_at")
	}
	return within("mission", s.Mission.validate(s.Occurrence(s.EndsAt)))
}

// within says of an error's field that it is in another one.
func within(field string, err error) error {
	var of *Error
	if !errors.As(err, &of) {
		return err
	}
	named := *of
	if named.Field = field; of.Field != "" {
		named.Field += "." + of.Field
	}
	return &named
}

// validate checks a template and a mission of it.
func (t *Template) validate(m Mission) error {
	switch {
	case t.MaxAttempts != nil && *t.MaxAttempts == 0:
		return Invalid("max_attempts", "must be between 1 and %d", MaxAttemptsLimit)
	case t.TimeoutSeconds != nil && *t.TimeoutSeconds < 1e-6:
		return Invalid("timeout_seconds", "must be above 0")
	case t.Unique != nil && !t.Overlaps() && t.unique() == nil:
		return Invalid("unique", "must be null, which lets missions of the schedule overlap, or an object with key, on_conflict, for_seconds")
	case len(t.Data) > 0 && !json.Valid(t.Data):
		return Invalid("data", "is not valid JSON")
	}
	if err := m.Validate(); err != nil {
		return err
	}
	if text, err := json.Marshal(t); err != nil || len(text) > MaxTemplateBytes {
		return TooLarge("", "is larger than %d KiB", MaxTemplateBytes>>10)
	}
	return nil
}

// Overlaps reports whether missions of the schedule may be alive at the same time.
func (t *Template) Overlaps() bool { return string(t.Unique) == "null" }

// KeepsApart reports whether no mission is created while the latest one lives.
func (t *Template) KeepsApart() bool { return t.Unique == nil }

// unique returns the key that missions are given, nil if there is none.
func (t *Template) unique() *Unique {
	if t.Unique == nil || t.Overlaps() {
		return nil
	}
	u := &Unique{}
	d := json.NewDecoder(bytes.NewReader(t.Unique))
	d.DisallowUnknownFields()
	if d.Decode(u) != nil {
		return nil
	}
	return u
}

// mission returns a mission of a schedule.
func (t *Template) mission(id, schedule string, at Time) Mission {
	m := Mission{
		ID: id, Name: t.Name, Description: t.Description, Type: t.Type, Data: t.Data, Priority: t.Priority,
		Tags: slices.Clone(t.Tags), StallSeconds: t.StallSeconds, CorrelationID: t.CorrelationID,
		Flow: &Flow{
			After: t.After, AfterTimeoutSeconds: t.AfterTimeoutSeconds, OnUnmet: t.OnUnmet, MaxUsage: t.MaxUsage,
			OnExceeded: t.OnExceeded, RetryPolicy: t.RetryPolicy, Batch: t.Batch, Unique: t.unique(), ScheduleID: schedule, ScheduledFor: at,
			Key: t.Key, Limits: t.Limits, Requires: t.Requires, Preference: t.Preference,
		},
	}
	if t.MaxAttempts != nil {
		m.MaxAttempts = *t.MaxAttempts
	}
	if t.TimeoutSeconds != nil {
		m.TimeoutSeconds = *t.TimeoutSeconds
	}
	m.Normalize()
	return m
}

// Occurrence returns the mission for a time at which the schedule is due.
func (s *ScheduleSpec) Occurrence(at Time) Mission {
	m := s.Triggered(at)
	if s.JitterSeconds > 0 {
		m.NotBefore = at.Add(s.jitter(m.ID))
	}
	return m
}

// Triggered returns the mission for a time that somebody has chosen.
func (s *ScheduleSpec) Triggered(at Time) Mission {
	return s.Mission.mission(OccurrenceID(s.ID, at), s.ID, at)
}

// OccurrenceID returns the id of the mission of a schedule for a time.
func OccurrenceID(schedule string, at Time) string {
	return schedule + "-" + strconv.FormatInt(int64(at)/1e6, 10)
}

// jitter returns by how much a mission is late, which its id decides.
func (s *ScheduleSpec) jitter(id string) time.Duration {
	sum := sha256.Sum256([]byte(id))
	most := uint64(s.JitterSeconds) * 1e6                                             //nolint:gosec // not negative
	return time.Duration(binary.BigEndian.Uint64(sum[:])%(most+1)) * time.Microsecond //nolint:gosec // at most a day
}

// SameContent reports whether two normalized schedules say the same. The order of keys within data does not matter.
func (s *ScheduleSpec) SameContent(o *ScheduleSpec) bool {
	a, err := json.Marshal(s)
	b, err2 := json.Marshal(o)
	return err == nil && err2 == nil && sameJSON(a, b)
}

// SameTimes reports whether two schedules are due at the same times.
func (s *ScheduleSpec) SameTimes(o *ScheduleSpec) bool {
	return s.Cron == o.Cron && s.TimeZone == o.TimeZone && s.EverySeconds == o.EverySeconds && s.OffsetSeconds == o.OffsetSeconds &&
		s.StartsAt == o.StartsAt && s.EndsAt == o.EndsAt
}

// Latest returns how late an occurrence can be so that it has a mission.
func (s *ScheduleSpec) Latest() time.Duration {
	if s.CatchUp == CatchUpNone {
		return OnTime
	}
	return max(OnTime, time.Duration(s.CatchUpSeconds)*time.Second)
}

// ScheduleRequest is what [Schedules.SetSchedule] is asked for. The spec is normalized and valid.
type ScheduleRequest struct {
	Spec     ScheduleSpec
	By       string // the name of who asks; "" if it is not known
	ByProven bool

	// IfChangedAt is the ChangedAt of the schedule that is to be changed: if there is none, or it has changed since,
	// nothing is done. 0 for any.
	IfChangedAt Time
}

// ScheduleResult is the result of a change of a schedule.
type ScheduleResult struct {
	Schedule Schedule
	Changed  bool // false if it said the same before
	Err      error
}

// DeleteScheduleRequest is what [Schedules.DeleteSchedule] is asked for.
type DeleteScheduleRequest struct {
	ID string
	By string
}

// BackfillRequest is what [Schedules.Backfill] is asked for.
type BackfillRequest struct {
	ID   string
	From Time // inclusive
	To   Time // inclusive; 0 for now
}

// Backfilled is the result of [Schedules.Backfill].
type Backfilled struct {
	Created  int       // new missions
	Existing int       // occurrences that had one, or whose unique key is held
	Ready    []string  // types of missions that can be claimed
	Stop     []Stopped // missions that were replaced while agents worked on them
	Next     Time      // where to go on, 0 if that was all
	Err      error
}

// SchedulePage is one page of a list of schedules.
type SchedulePage struct {
	Schedules []Schedule
	Next      string // "" if there are no more
	Total     int    // how many there are in all, as the store counts them
}

// MostMissed is up to how many schedules [ScheduleFigures] counts.
const MostMissed = 100

// RecentlyMissed is how long a schedule that has missed an occurrence counts.
const RecentlyMissed = time.Hour

// ScheduleFigures say whether schedules do what they should.
type ScheduleFigures struct {
	Overdue time.Duration // for how long the one has been due that was due first; 0 if none is
	Missed  int           // how many have missed an occurrence recently; at most [MostMissed]
}

// String returns when the schedule is due, for people.
func (s *ScheduleSpec) String() string {
	switch {
	case s.Cron != "":
		return s.Cron + " " + s.TimeZone
	case s.OffsetSeconds != 0:
		return fmt.Sprintf("every %s + %s", time.Duration(s.EverySeconds)*time.Second, time.Duration(s.OffsetSeconds)*time.Second)
	}
	return fmt.Sprintf("every %s", time.Duration(s.EverySeconds)*time.Second)
}
