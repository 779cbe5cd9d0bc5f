package missions

import (
	"context"
	"time"
)

// Alerts is the part of a [Store] that holds the state of alerts.
type Alerts interface {
	// Alerts returns the stored alerts, ordered by rule.
	Alerts(ctx context.Context) ([]Alert, error)

	// ChangeAlerts stores the state of alerts as of their CheckedAt. In the same
	// step, a change to be published adds an event to the outbox and, with Notify,
	// a notice. An item's error is an [ErrConflict] if the alert has changed since
	// it was read.
	ChangeAlerts(ctx context.Context, batch []AlertChange) ([]error, error)

	// Notices returns the oldest notices, in order, as the events they report.
	Notices(ctx context.Context, limit int) ([]Event, error)

	// Noticed deletes a notice, by its event's position. A missing notice is not an
	// error.
	Noticed(ctx context.Context, position int64) error
}

// AlertState is the state of an alert.
type AlertState string

// States of an alert. AlertOK is not stored.
const (
	AlertOK      AlertState = "ok"
	AlertPending AlertState = "pending" // the condition holds, but not for long enough yet
	AlertFiring  AlertState = "firing"  // raised, and not yet resolved
)

// AlertStates lists every state.
func AlertStates() []AlertState { return []AlertState{AlertOK, AlertPending, AlertFiring} }

// Alert is the stored state of an alert rule, so that another supervisor can
// continue where one stopped.
type Alert struct {
	Rule      string     // its name
	Metric    string     // what the rule watches; no white space
	Threshold float64    // what the rule compares the metric with
	State     AlertState // AlertOK is never stored
	Since     Time       // since when the condition has held
	RaisedAt  Time       // zero unless firing
	ClearedAt Time       // while firing: since when the condition no longer holds; zero while it holds
	CheckedAt Time       // when the rule was last checked, as far as stored
	Revision  int64      // grows with every change; set by the store
}

// AlertChange is one item of [Alerts.ChangeAlerts].
type AlertChange struct {
	Alert Alert // what to store; AlertOK deletes it. Revision is the one that was read, 0 for none

	// Tell publishes the change: raised (AlertFiring) or resolved (AlertOK).
	Tell   bool
	Notify bool     // also store a notice
	Value  *float64 // the metric's value; nil if it had none
}

// MaxNotices is how many notices are kept. Beyond that, the oldest are dropped.
const MaxNotices = 1000

// Event returns the event that reports the change.
func (c *AlertChange) Event() Event {
	kind := EventAlertRaised
	if c.Alert.State == AlertOK {
		kind = EventAlertResolved
	}
	return Event{Kind: kind, Rule: c.Alert.Rule, Metric: c.Alert.Metric, Value: c.Value, Threshold: c.Alert.Threshold, Since: c.Alert.Since}
}

// alertGap is the longest time without a check of a rule during which its condition
// still counts as having held.
const alertGap = time.Minute

// AlertCheckEvery is the longest time between two stored checks of an alert that is
// about to change.
const AlertCheckEvery = alertGap / 3

// Look returns the state of an alert after a check of its rule: whether the
// condition holds at a time, and for how long it must hold, or not hold, to count.
// notified reports whether this raises or resolves the alert, and changed whether there
// is anything to store.
//
//	ok ──holds──▶ pending ──for as long──▶ firing ──does not hold for as long──▶ ok
//	 ▲──does not hold──┘                    ◀──holds again──┘
func (a Alert) Look(holds bool, at Time, minDuration time.Duration) (next Alert, notified, changed bool) {
	next = a
	unwatched := a.CheckedAt != 0 && at.Sub(a.CheckedAt) > alertGap
	next.CheckedAt = at
	switch {
	case a.State == AlertFiring && holds:
		next.ClearedAt = 0
		return next, false, a.ClearedAt != 0
	case a.State == AlertFiring:
		if a.ClearedAt == 0 || unwatched {
			next.ClearedAt = at
		}
		if at.Sub(next.ClearedAt) >= minDuration {
			next.State = AlertOK
			return next, true, true
		}
	case !holds:
		return Alert{Rule: a.Rule, Metric: a.Metric, Threshold: a.Threshold, State: AlertOK, Revision: a.Revision}, false, a.State == AlertPending
	default:
		if a.State != AlertPending || unwatched {
			next.State, next.Since = AlertPending, at
		}
		if at.Sub(next.Since) >= minDuration {
			next.State, next.RaisedAt = AlertFiring, at
			return next, true, true
		}
	}
	changed = next.State != a.State || next.Since != a.Since || next.ClearedAt != a.ClearedAt || at.Sub(a.CheckedAt) >= AlertCheckEvery
	return next, false, changed
}
