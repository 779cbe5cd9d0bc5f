package missions

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// Flow is what a mission waits for, keeps from turn to turn and spends. A mission that
// uses none of it has no Flow.
type Flow struct {
	// Set by the creator. A stored mission has its conditions in WaitingFor or WaitedFor.
	After               []Condition   `json:"-"`
	AfterTimeoutSeconds float64       `json:"-"` // how long it waits for them; 0: no limit
	CloseBatch          bool          `json:"-"` // its batch is closed once it is created
	OnUnmet             OnUnmet       `json:"on_unmet,omitzero"`
	MaxUsage            Usage         `json:"max_usage,omitzero"`
	OnExceeded          OnExceeded    `json:"on_exceeded,omitzero"`
	RetryPolicy         *RetryOptions `json:"retry_policy,omitzero"`
	ParentID            string        `json:"parent_id,omitzero"`
	Detached            bool          `json:"detached,omitzero"` // it lives on when its parent is cancelled or fails
	Batch               string        `json:"batch,omitzero"`
	Unique              *Unique       `json:"unique,omitzero"` // the key that it holds; shared and never changed

	// Which agents may have it, and with which missions it shares limits.
	Key      string            `json:"key,omitzero"`      // a tenant, user or account: keys take turns
	Limits   []string          `json:"limits,omitzero"`   // by name, beside those of its type; in order
	Requires map[string]string `json:"requires,omitzero"` // labels that an agent must have
	Preference
	PreferUntil Time `json:"prefer_until,omitzero"` // until when it is withheld from other agents, while it is

	// Set by the schedule that has created it.
	ScheduleID   string `json:"schedule_id,omitzero"`
	ScheduledFor Time   `json:"scheduled_for,omitzero"`

	Usage        Usage   `json:"usage,omitzero"`         // the sum over its turns
	WaitingFor   []Wait  `json:"waiting_for,omitzero"`   // while it waits
	WaitingSince Time    `json:"waiting_since,omitzero"` // while it waits
	WaitingUntil Time    `json:"waiting_until,omitzero"` // while it waits and the wait has a limit
	WaitedFor    []Wait  `json:"waited_for,omitzero"`    // the conditions of its latest wait, once that is over
	TimedOut     bool    `json:"timed_out,omitzero"`     // its latest wait ended because its time was up
	Signals      Signals `json:"signals,omitzero"`       // in order; as claimed, those that have not been seen

	// Inputs are the outcomes of the missions and batches that it waited for, by id. Only a
	// claimed mission carries them.
	Inputs map[string]Input `json:"inputs,omitzero"`
}

// Bounds of a [Flow].
const (
	MaxCheckpointBytes = 64 << 10
	MaxConditions      = 100
	MaxWaiters         = 100_000 // missions that wait for one source, and its living children
	MaxTurns           = 10_000
	MaxPromptBytes     = 4 << 10
	MaxChoices         = 20
	MaxChoiceChars     = 100
	maxWaitSeconds     = 10 * maxTimeoutSeconds
)

// When says which end of a mission or batch meets a condition.
type When string

// Values of When.
const (
	WhenCompleted When = "completed" // COMPLETED; a batch: all its missions are
	WhenEnded     When = "ended"     // any terminal status
)

// Condition is one of those that a mission waits for: the end of a mission or of a batch,
// or a signal. Exactly one of Mission, Batch and Signal is set.
type Condition struct {
	Mission string   `json:"mission,omitzero"`
	Batch   string   `json:"batch,omitzero"`
	Signal  string   `json:"signal,omitzero"`
	When    When     `json:"when,omitzero"`    // of a mission or batch; default: completed
	Prompt  string   `json:"prompt,omitzero"`  // of a signal: what people are asked
	Choices []string `json:"choices,omitzero"` // of a signal: what its data must be one of
}

// Wait is a condition, and what has become of it.
type Wait struct {
	Condition
	Met    bool   `json:"met"`
	Status Status `json:"status,omitzero"` // how the mission or batch ended, once it has
}

// WaitKind is what a mission waits for.
type WaitKind string

// Kinds of waits.
const (
	WaitMission WaitKind = "mission"
	WaitBatch   WaitKind = "batch"
	WaitSignal  WaitKind = "signal"
	WaitTime    WaitKind = "time" // not_before, a back-off, or parked for some time
)

// WaitLimit is the kind of wait of missions that could be claimed if it were not for a limit. It is none of
// [WaitKinds]: it changes with the limits, not with the missions.
const WaitLimit WaitKind = "limit"

// WaitKinds lists every kind.
func WaitKinds() []WaitKind { return []WaitKind{WaitMission, WaitBatch, WaitSignal, WaitTime} }

// Kind returns what the condition waits for.
func (c *Condition) Kind() WaitKind {
	switch {
	case c.Mission != "":
		return WaitMission
	case c.Batch != "":
		return WaitBatch
	}
	return WaitSignal
}

// Source returns the id of the mission or batch, or the name of the signal.
func (c *Condition) Source() string { return c.Mission + c.Batch + c.Signal }

// String returns the condition as a person reads it.
func (c *Condition) String() string {
	return fmt.Sprintf("%s %s", c.Kind(), c.Source())
}

// OnUnmet decides what becomes of a mission if a condition can no longer be met, or when
// the time for them is up.
type OnUnmet string

// Values of OnUnmet.
const (
	UnmetCancel OnUnmet = "cancel" // the default
	UnmetFail   OnUnmet = "fail"
	UnmetRun    OnUnmet = "run"
)

// OnExceeded decides what becomes of a mission that exceeds its max_usage.
type OnExceeded string

// Values of OnExceeded.
const (
	ExceededFail OnExceeded = "fail" // the default
	ExceededAsk  OnExceeded = "ask"  // it waits for the signal [BudgetSignal]
)

// BudgetSignal is the signal for which a mission waits that has exceeded its max_usage. Its
// data is a new max_usage.
const BudgetSignal = "budget"

// Input is the outcome of a mission or a batch that a mission waited for.
type Input struct {
	Status Status          `json:"status"` // of a batch: COMPLETED if all its missions are, else FAILED
	Result json.RawMessage `json:"result"` // of a batch: {"total":…,"by_status":{…}}
}

// Park is what a mission is parked for when its holder releases it.
type Park struct {
	After          []Condition
	TimeoutSeconds float64 // 0: no limit
	Preference             // from now on; the mission's own if it names no agent
}

// Normalize sets the defaults of a flow, and returns nil if it says nothing.
func (f *Flow) Normalize() *Flow {
	if f == nil {
		return nil
	}
	if len(f.After) > 0 {
		f.After = withDefaults(f.After)
		if f.OnUnmet == "" {
			f.OnUnmet = UnmetCancel
		}
	}
	if len(f.MaxUsage) == 0 {
		f.MaxUsage = nil
	} else if f.OnExceeded == "" {
		f.OnExceeded = ExceededFail
	}
	f.Unique = f.Unique.normalized()
	if f.Limits = slices.Sorted(slices.Values(f.Limits)); len(f.Limits) == 0 {
		f.Limits = nil
	}
	if len(f.Requires) == 0 {
		f.Requires = nil
	}
	f.Preference.normalize()
	if len(f.After)+len(f.MaxUsage) == 0 && f.AfterTimeoutSeconds == 0 && f.OnUnmet == "" && f.OnExceeded == "" &&
		f.RetryPolicy == nil && f.ParentID == "" && !f.Detached && f.Batch == "" && !f.CloseBatch && f.ScheduleID == "" && f.Unique == nil &&
		f.Key == "" && len(f.Limits)+len(f.Requires) == 0 && f.Preference == (Preference{}) {
		return nil
	}
	return f
}

func withDefaults(conditions []Condition) []Condition {
	conditions = slices.Clone(conditions)
	for i := range conditions {
		c := &conditions[i]
		if c.Signal == "" && c.When == "" {
			c.When = WhenCompleted
		}
		if len(c.Choices) == 0 {
			c.Choices = nil
		}
	}
	return conditions
}

// ChildOf returns a mission that is to be created as the child of another.
func (m *Mission) ChildOf(parent string) Mission {
	child, flow := *m, Flow{}
	if m.Flow != nil {
		flow = *m.Flow
	}
	flow.ParentID = parent
	child.Flow = &flow
	return child
}

// Validate checks what a creator sets of a mission with an id.
func (f *Flow) Validate(id string) error {
	if f == nil {
		return nil
	}
	checks := []error{
		CheckConditions("after", f.After, id),
		checkWait("after_timeout_seconds", f.AfterTimeoutSeconds),
		f.checkChoices(),
		f.MaxUsage.check("max_usage"),
		f.RetryPolicy.check(),
		f.checkRouting(),
		f.Preference.check(),
		f.Unique.check("unique"),
	}
	if f.ParentID != "" {
		checks = append(checks, CheckToken("parent_id", f.ParentID))
	}
	if f.Batch != "" {
		checks = append(checks, CheckToken("batch", f.Batch))
	}
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

func (f *Flow) checkChoices() error {
	switch {
	case f.AfterTimeoutSeconds > 0 && len(f.After) == 0:
		return Invalid("after_timeout_seconds", "needs after; to wait for a time, use not_before")
	case f.OnUnmet != "" && len(f.After) == 0:
		return Invalid("on_unmet", "needs after")
	case f.OnUnmet != "" && f.OnUnmet != UnmetCancel && f.OnUnmet != UnmetFail && f.OnUnmet != UnmetRun:
		return Invalid("on_unmet", "must be one of cancel, fail, run")
	case f.OnExceeded != "" && len(f.MaxUsage) == 0:
		return Invalid("on_exceeded", "needs max_usage")
	case f.OnExceeded != "" && f.OnExceeded != ExceededFail && f.OnExceeded != ExceededAsk:
		return Invalid("on_exceeded", "must be one of fail, ask")
	case f.Detached && f.ParentID == "":
		return Invalid("detached", "needs a parent")
	case f.CloseBatch && f.Batch == "":
		return Invalid("close_batch", "needs batch")
	}
	return nil
}

func checkWait(field string, seconds float64) error {
	if math.IsNaN(seconds) || seconds < 0 || seconds > maxWaitSeconds {
		return Invalid(field, "must be between 0 and %d", maxWaitSeconds)
	}
	return nil
}

// Normalize sets the defaults.
func (p *Park) Normalize() {
	p.After = withDefaults(p.After)
	p.Preference.normalize()
}

// Validate checks what the mission with an id is parked for.
func (p *Park) Validate(id string) error {
	return cmp.Or(checkWait("after_timeout_seconds", p.TimeoutSeconds), CheckConditions("after", p.After, id), p.Preference.check())
}

// CheckConditions checks the conditions of the mission with an id. It does not know which
// missions exist.
func CheckConditions(field string, conditions []Condition, id string) error {
	if len(conditions) > MaxConditions {
		return TooLarge(field, "has more than %d conditions", MaxConditions)
	}
	sources := map[string]int{}
	for i := range conditions {
		c := &conditions[i]
		at := fmt.Sprintf("%s[%d]", field, i)
		if err := c.check(at); err != nil {
			return err
		}
		if c.Mission == id && id != "" {
			return Invalid(at+".mission", "is the mission itself")
		}
		name := c.Source()
		if c.Signal != "" {
			name = "signal " + name
		}
		if first, there := sources[name]; there {
			return Invalid(at, "has the same source as %s[%d]", field, first)
		}
		sources[name] = i
	}
	return nil
}

func (c *Condition) check(at string) error {
	named := 0
	for _, source := range []string{c.Mission, c.Batch, c.Signal} {
		if source != "" {
			named++
		}
	}
	if named != 1 {
		return Invalid(at, "must name one of mission, batch, signal")
	}
	if err := CheckToken(at+"."+string(c.Kind()), c.Source()); err != nil {
		return err
	}
	if c.Signal == "" {
		switch {
		case c.When != WhenCompleted && c.When != WhenEnded:
			return Invalid(at+".when", "must be one of completed, ended")
		case c.Prompt != "":
			return Invalid(at+".prompt", "is only for a signal")
		case c.Choices != nil:
			return Invalid(at+".choices", "is only for a signal")
		}
		return nil
	}
	if c.When != "" {
		return Invalid(at+".when", "is only for a mission or batch")
	}
	if err := CheckText(at+".prompt", c.Prompt, MaxPromptBytes); err != nil {
		return err
	}
	return checkChoices(at+".choices", c.Choices)
}

func checkChoices(field string, choices []string) error {
	if len(choices) > MaxChoices {
		return TooLarge(field, "has more than %d entries", MaxChoices)
	}
	for i, choice := range choices {
		at := fmt.Sprintf("%s[%d]", field, i)
		if choice == "" || slices.Contains(choices[:i], choice) {
			return Invalid(at, "is empty or repeated")
		}
		if err := CheckLine(at, choice, MaxChoiceChars); err != nil {
			return err
		}
	}
	return nil
}

// CheckCheckpoint checks a checkpoint, as compact JSON.
func CheckCheckpoint(checkpoint json.RawMessage) error {
	if len(checkpoint) > MaxCheckpointBytes {
		return TooLarge("checkpoint", "is larger than %d KiB", MaxCheckpointBytes>>10)
	}
	return nil
}
