package missions

import "slices"

// Status is the status of a mission.
type Status string

// Statuses of a mission.
const (
	Pending   Status = "PENDING"
	Running   Status = "RUNNING"
	Completed Status = "COMPLETED"
	Failed    Status = "FAILED"
	Cancelled Status = "CANCELLED"
)

// Statuses lists every status, in the order of a mission's life.
func Statuses() []Status { return []Status{Pending, Running, Completed, Failed, Cancelled} }

// Index returns s's index in [Statuses], or -1.
func (s Status) Index() int { return slices.Index(Statuses(), s) }

// Terminal reports whether only an operator's retry can leave s.
func (s Status) Terminal() bool { return s == Completed || s == Failed || s == Cancelled }

// Trigger causes a transition from one status to another.
type Trigger string

// Triggers of transitions.
const (
	Claim    Trigger = "claim"     // an agent claims it
	Complete Trigger = "complete"  // its holder completed it
	GiveBack Trigger = "give back" // released, or an attempt ended with attempts left
	GiveUp   Trigger = "give up"   // the last attempt failed, or the failure is not retryable
	Cancel   Trigger = "cancel"    // it is no longer wanted
	Expire   Trigger = "expire"    // its deadline passed while it was PENDING
	Retry    Trigger = "retry"     // an operator wants it tried again
)

// Triggers lists every trigger.
func Triggers() []Trigger { return []Trigger{Claim, Complete, GiveBack, GiveUp, Cancel, Expire, Retry} }

// transitions is the state machine. A transition that is not listed is not allowed.
var transitions = map[Status]map[Trigger]Status{
	Pending:   {Claim: Running, Cancel: Cancelled, Expire: Failed},
	Running:   {Complete: Completed, GiveBack: Pending, GiveUp: Failed, Cancel: Cancelled},
	Completed: {},
	Failed:    {Retry: Pending},
	Cancelled: {Retry: Pending},
}

// Next returns the status that trigger leads to from s, or an [ErrConflict] if
// there is no such transition.
func (s Status) Next(trigger Trigger) (Status, error) {
	next, ok := transitions[s][trigger]
	if !ok {
		return "", Conflict("cannot %s a mission that is %s", trigger, s)
	}
	return next, nil
}
