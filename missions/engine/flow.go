package engine

import (
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"

	"missioncontrol/missions"
)

// Flow is what a record has of [missions.Flow]: nil for a mission that uses none of it. Conditions
// and Checkpoint are parts of the mission: see [Part]. Whatever a Flow refers to is replaced, never
// changed.
type Flow struct {
	Digest     string // of what the creator has given, "" if nothing
	OnUnmet    missions.OnUnmet
	MaxUsage   missions.Usage
	OnExceeded missions.OnExceeded
	Retry      *missions.RetryOptions
	ParentID   string
	Detached   bool
	Batch      string
	Unique     *missions.Unique // the key that it holds, nil for none

	Key      string            // "" for none
	Limits   []string          // by name, in order
	Requires map[string]string // labels; never changed
	Queued   bool              // it is claimable, and in the queue of its lane

	missions.Preference
	PreferUntil missions.Time // it is claimable, and in the lane of the agent that it prefers; 0: it is not

	ScheduleID   string // the schedule that has created it, "" if none has
	ScheduledFor missions.Time

	// The latest wait. A mission may have several conditions, each with an outcome.
	Conditions []missions.Condition
	Outcomes   []Outcome
	Timeout    float64       // seconds; 0 for no limit
	Waiting    bool          // it is PENDING and waits
	Parked     bool          // its holder has begun the wait
	WaitAt     int64         // position of the wait, under which it stands in the sets of its sources
	Since      missions.Time // when it began
	Until      missions.Time // when it ends; 0 for never
	TimedOut   bool

	ExtraTurns  int // turns beyond those that Attempt counts
	Checkpoint  json.RawMessage
	Spent       missions.Usage // of earlier turns
	TurnUsage   missions.Usage // last report of this turn
	Signals     []Signal
	Awaited     bool   // missions have waited for it, or are its children
	ChildAt     int64  // position under which it stands in its parent's set; 0 for none
	CancelledBy string // the mission or batch that did not complete, "m/ID" or "b/ID"
	CancelledAt int64  // position of its end
	Stopped     int64  // token of the attempt that exceeded max_usage

	kept bool // as decoded: there is a checkpoint
}

// Outcome is what has become of a condition.
type Outcome uint8

// Outcomes of a condition, and behind them those of a mission or batch that has ended: the
// place of its status in [missions.Statuses].
const (
	open      Outcome = iota
	signalled         // by a signal
	endedWith

	waived = endedWith + 5 // behind the five statuses: the mission did not wait for it any longer
)

func outcomeOf(s missions.Status) Outcome { return endedWith + Outcome(s.Index()) } //nolint:gosec // five statuses

// status returns how the source ended; "" if it has not, or is a signal.
func (o Outcome) status() missions.Status {
	if o < endedWith || o == waived {
		return ""
	}
	return statuses[o-endedWith]
}

// meets reports whether an outcome meets a condition.
func (o Outcome) meets(c *missions.Condition) bool {
	switch {
	case o == open || o == waived:
		return false
	case o == signalled || c.When == missions.WhenEnded:
		return true
	}
	return o.status() == missions.Completed
}

// Signal is a signal as it stands in a record. Data that is large is a part of the mission.
type Signal struct {
	missions.Signal
	ID    string // signal_id
	Large bool
	Used  bool // it has met a condition
}

// inlineSignal is how many bytes of a signal's data stand in the record: answers do, in nearly every form, so that
// a condition can be checked with what was stored before.
const inlineSignal = 512

// digest identifies what a creator has given.
func digest(f *missions.Flow) string {
	if f == nil {
		return ""
	}
	type content struct {
		After    []missions.Condition
		Timeout  float64
		OnUnmet  missions.OnUnmet
		Max      missions.Usage
		Exceeded missions.OnExceeded
		Retry    *missions.RetryOptions
		Parent   string
		Detached bool
		Batch    string
		Unique   *missions.Unique  `json:",omitempty"` // what was stored before these were known has the same digest
		Key      string            `json:",omitempty"`
		Limits   []string          `json:",omitempty"`
		Requires map[string]string `json:",omitempty"`
		missions.Preference
	}
	text, err := json.Marshal(content{f.After, f.AfterTimeoutSeconds, f.OnUnmet, f.MaxUsage, f.OnExceeded, f.RetryPolicy, f.ParentID, f.Detached, f.Batch,
		f.Unique, f.Key, f.Limits, f.Requires, f.Preference})
	if err != nil {
		panic(err) // numbers are finite
	}
	sum := sha256.Sum256(text)
	return string(sum[:16])
}

func (r *Record) digest() string {
	if r.Flow == nil {
		return ""
	}
	return r.Flow.Digest
}

// newFlow returns what a creator has given.
func newFlow(m *missions.Mission) *Flow {
	given := m.Flow
	if given == nil {
		return nil
	}
	unique := given.Unique
	if unique != nil {
		own := *unique
		unique = &own
	}
	return &Flow{
		Digest: digest(given), OnUnmet: given.OnUnmet, MaxUsage: given.MaxUsage, OnExceeded: given.OnExceeded,
		Retry: given.RetryPolicy, ParentID: given.ParentID, Detached: given.Detached, Batch: given.Batch, Unique: unique,
		ScheduleID: given.ScheduleID, ScheduledFor: given.ScheduledFor,
		Key: given.Key, Limits: slices.Clone(given.Limits), Requires: maps.Clone(given.Requires), Preference: given.Preference,
	}
}

// flowOf returns a record's flow for changes. The record itself is for changes.
func flowOf(r *Record) *Flow {
	if r.Flow == nil {
		r.Flow = &Flow{}
	}
	return r.Flow
}

// waits reports whether the mission is PENDING and waits for something.
func (r *Record) waits() bool { return r.Flow != nil && r.Flow.Waiting }

// turn returns how often the mission was claimed.
func (r *Record) turn() int {
	if r.Flow == nil {
		return r.Attempt
	}
	return r.Attempt + r.Flow.ExtraTurns
}

// uncount takes back that an attempt counts. It stays a turn.
func uncount(r *Record) {
	r.Attempt--
	flowOf(r).ExtraTurns++
}

// unmet returns how many conditions have no outcome.
func (f *Flow) unmet() (n int) {
	for _, o := range f.Outcomes {
		if o == open {
			n++
		}
	}
	return n
}

// setOutcome sets the outcome of a condition.
func (f *Flow) setOutcome(i int, o Outcome) {
	f.Outcomes = slices.Clone(f.Outcomes)
	f.Outcomes[i] = o
}

// used returns the usage of all turns.
func (f *Flow) used() missions.Usage { return f.Spent.Plus(f.TurnUsage) }

// size is about how many bytes the flow takes.
func (f *Flow) size() int {
	n := 256 + len(f.Checkpoint) + 128*len(f.Signals) + 64*(len(f.Spent)+len(f.TurnUsage)+len(f.Limits)) + 256*len(f.Requires)
	for i := range f.Conditions {
		c := &f.Conditions[i]
		n += 96 + 2*len(c.Prompt) + 64*len(c.Choices)
	}
	if f.Unique != nil {
		n += 64 + 2*len(f.Unique.Key)
	}
	return n
}

// SizeEstimate is [missions.Mission.SizeEstimate], with the flow.
func (r *Record) SizeEstimate() int {
	n := r.Mission.SizeEstimate()
	if r.Flow != nil {
		n += r.Flow.size()
	}
	return n
}

// show sets what callers see of the flow.
func (r *Record) show(m *missions.Mission) {
	m.Turn, m.Flow = r.turn(), nil
	f := r.Flow
	if f == nil {
		return
	}
	if m.Checkpoint = slices.Clone(f.Checkpoint); !f.visible() {
		return
	}
	out := &missions.Flow{
		OnUnmet: f.OnUnmet, MaxUsage: f.MaxUsage, OnExceeded: f.OnExceeded, RetryPolicy: f.Retry,
		ParentID: f.ParentID, Detached: f.Detached, Batch: f.Batch, Usage: f.used(), TimedOut: f.TimedOut,
		Unique: f.Unique, ScheduleID: f.ScheduleID, ScheduledFor: f.ScheduledFor,
		Key: f.Key, Limits: slices.Clone(f.Limits), Requires: maps.Clone(f.Requires), Preference: f.Preference, PreferUntil: f.PreferUntil,
	}
	for i := range f.Signals {
		s := f.Signals[i].Signal
		s.Elsewhere = f.Signals[i].Large
		out.Signals = append(out.Signals, s)
	}
	waits := make([]missions.Wait, 0, len(f.Conditions))
	for i, o := range f.Outcomes {
		waits = append(waits, missions.Wait{Condition: f.Conditions[i], Met: o.meets(&f.Conditions[i]), Status: o.status()})
	}
	switch {
	case f.Waiting:
		out.WaitingFor, out.WaitingSince, out.WaitingUntil = waits, f.Since, f.Until
	case len(waits) > 0:
		out.WaitedFor = waits
	}
	m.Flow = out
}

// visible reports whether a flow has anything but what the supervisor itself needs to know.
func (f *Flow) visible() bool {
	return f.Digest != "" || len(f.Outcomes)+len(f.Signals)+len(f.Spent)+len(f.TurnUsage)+len(f.MaxUsage) > 0 || f.Waiting || f.TimedOut || f.PreferAgent != ""
}

// waitKinds are the kinds of waits, as bits by their place in [missions.WaitKinds].
type waitKinds uint8

// kinds returns what a mission waits for.
func (r *Record) kinds() (kinds waitKinds) {
	if r == nil || r.Status != missions.Pending || r.claimable() {
		return 0
	}
	if r.waits() {
		for i, o := range r.Flow.Outcomes {
			if o == open {
				kinds |= 1 << slices.Index(missions.WaitKinds(), r.Flow.Conditions[i].Kind())
			}
		}
	}
	if kinds == 0 {
		kinds = 1 << timePlace
	}
	return kinds
}

// WaitsFor reports whether a mission waits for something of a kind.
func (r *Record) WaitsFor(kind missions.WaitKind) bool {
	place := slices.Index(missions.WaitKinds(), kind)
	return place >= 0 && r.kinds()&(1<<place) != 0
}

// follow keeps the counters of what missions wait for, and the sets of those that people may have to
// look at.
func (e *Engine) follow(change *MissionChange) {
	if flowIn(change.Before) != nil || flowIn(change.After) != nil {
		for _, of := range []struct {
			set    string
			member func(*Record) string
		}{{setAsks, (*Record).asks}, {setBudgets, (*Record).nearMaximum}} {
			before, after := of.member(change.Before), of.member(change.After)
			if before != after && before != "" {
				e.member(of.set, before, true)
			}
			if before != after && after != "" {
				e.member(of.set, after, false)
			}
		}
	}
	before, after := change.Before.kinds(), change.After.kinds()
	if before == after {
		return
	}
	of := change.After
	if of == nil {
		of = change.Before
	}
	for _, name := range []string{of.Type, ""} {
		t := e.totals(name)
		for i := range t.Waiting {
			t.Waiting[i] += int64(after>>i&1) - int64(before>>i&1)
		}
	}
}

// SignalBytes is about how many bytes a signal has on the wire beside its data.
const SignalBytes = 256

// HeldBy returns an [missions.ErrLeaseLost] unless an agent holds the mission under a fencing token.
func (r *Record) HeldBy(agentID string, token int64) error {
	switch {
	case r.Status != missions.Running:
		return missions.LeaseLost("mission %q is %s; the lease has ended", r.ID, r.Status)
	case string(r.AgentID) != agentID || r.Token != token:
		return missions.LeaseLost("mission %q has a newer lease; this one has ended", r.ID)
	}
	return nil
}

// InputSources returns the ids of the missions and batches whose outcomes a mission has, by the places of
// its conditions.
func (r *Record) InputSources() map[int]string {
	sources := map[int]string{}
	if r.Flow != nil {
		for i, o := range r.Flow.Outcomes {
			if o >= endedWith && o != waived {
				sources[i] = r.Flow.Conditions[i].Source()
			}
		}
	}
	return sources
}
