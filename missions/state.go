package missions

import "slices"

// Status is where a mission stands.
type Status string

// The statuses.
const (
	Pending   Status = "PENDING"
	Running   Status = "RUNNING"
	Completed Status = "COMPLETED"
	Failed    Status = "FAILED"
	Cancelled Status = "CANCELLED"
)

// Statuses lists every status in the order of a mission's life.
func Statuses() []Status { return []Status{Pending, Running, Completed, Failed, Cancelled} }

// Index returns s's place in [Statuses], and -1 for anything else.
func (s Status) Index() int { return slices.Index(Statuses(), s) }

// Terminal reports whether only an operator's retry leads out of s.
func (s Status) Terminal() bool { return s == Completed || s == Failed || s == Cancelled }

// Trigger is what moves a mission from one status to another.
type Trigger string

// The triggers.
const (
	Claim    Trigger = "claim"     // an agent takes it
	Complete Trigger = "complete"  // its holder finished
	GiveBack Trigger = "give back" // released, or an attempt ended with attempts left
	GiveUp   Trigger = "give up"   // the last attempt failed, or the failure is not retryable
	Cancel   Trigger = "cancel"    // somebody no longer wants it
	Expire   Trigger = "expire"    // its deadline passed while it was PENDING
	Retry    Trigger = "retry"     // an operator wants it tried anew
)

// Triggers lists every trigger.
func Triggers() []Trigger { return []Trigger{Claim, Complete, GiveBack, GiveUp, Cancel, Expire, Retry} }

// transitions is the state machine. What does not stand here does not happen.
var transitions = map[Status]map[Trigger]Status{
	Pending:   {Claim: Running, Cancel: Cancelled, Expire: Failed},
	Running:   {Complete: Completed, GiveBack: Pending, GiveUp: Failed, Cancel: Cancelled},
	Completed: {},
	Failed:    {Retry: Pending},
	Cancelled: {Retry: Pending},
}

// Next returns the status that trigger leads to from s. Where the state machine
// has no such transition it returns an [ErrConflict].
func (s Status) Next(trigger Trigger) (Status, error) {
	next, ok := transitions[s][trigger]
	if !ok {
		return "", Conflict("cannot %s a mission that is %s", trigger, s)
	}
	return next, nil
}
