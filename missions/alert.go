package missions

import (
	"context"
	"time"
)

// Alerts is the part of a [Store] that remembers how alerts stand.
type Alerts interface {
	// Alerts returns what is stored of alerts, ordered by rule.
	Alerts(ctx context.Context) ([]Alert, error)

	// ChangeAlerts stores how alerts stand, as of the time that their CheckedAt says.
	// A change that is to be told is an event in the outbox, and with Notify a notice,
	// in the same step. An item's error is an [ErrConflict] when the alert has been
	// changed since it was read.
	ChangeAlerts(ctx context.Context, batch []AlertChange) ([]error, error)

	// Notices returns the oldest notices, in order, as the events that they tell of.
	Notices(ctx context.Context, limit int) ([]Event, error)

	// Noticed deletes a notice, by its event's position. One that is gone is no error.
	Noticed(ctx context.Context, position int64) error
}

// AlertState is how an alert stands.
type AlertState string

// The states of an alert. One that is ok is not stored.
const (
	AlertOK      AlertState = "ok"
	AlertPending AlertState = "pending" // its condition holds, but not for long enough yet
	AlertFiring  AlertState = "firing"  // it was raised, and not resolved yet
)

// AlertStates lists every state.
func AlertStates() []AlertState { return []AlertState{AlertOK, AlertPending, AlertFiring} }

// Alert is what a store remembers of an alert rule, so that another supervisor can go
// on where one stopped.
type Alert struct {
	Rule      string     // its name
	Metric    string     // what the rule watches; no white space
	Threshold float64    // what it compares that with
	State     AlertState // AlertOK is never stored
	Since     Time       // from when on the condition has held
	RaisedAt  Time       // zero unless firing
	ClearedAt Time       // firing: from when on the condition has not held any more; zero while it holds
	CheckedAt Time       // when the rule was last looked at, as far as that was stored
	Revision  int64      // grows with every change; given by the store
}

// AlertChange is one item of [Alerts.ChangeAlerts].
type AlertChange struct {
	Alert Alert // what is to be stored; AlertOK deletes it. Revision is the one that was read, 0 for none

	// Tell makes the change known: it is raised (AlertFiring) or resolved (AlertOK).
	Tell   bool
	Notify bool     // and a notice is kept of it, too
	Value  *float64 // what the metric was; nil: it had no value
}

// MaxNotices is how many notices are kept; beyond, the oldest are dropped.
const MaxNotices = 1000

// Event returns the event that tells of a change.
func (c *AlertChange) Event() Event {
	kind := EventAlertRaised
	if c.Alert.State == AlertOK {
		kind = EventAlertResolved
	}
	return Event{Kind: kind, Rule: c.Alert.Rule, Metric: c.Alert.Metric, Value: c.Value, Threshold: c.Alert.Threshold, Since: c.Alert.Since}
}

// alertGap is how long nobody may have looked at a rule for its condition to count as
// having held all the time.
const alertGap = time.Minute

// AlertCheckEvery is how often, at least, a supervisor stores that it has looked at an
// alert that is about to change.
const AlertCheckEvery = alertGap / 3

// Look returns how an alert stands after a look at its rule: whether the condition
// holds at a time, and for how long it has to hold, or not to hold, to count. told is
// whether the alert is raised or resolved by that, and changed whether there is anything
// to store.
//
//	ok ──holds──▶ pending ──for as long──▶ firing ──does not hold for as long──▶ ok
//	 ▲──does not hold──┘                    ◀──holds again──┘
func (a Alert) Look(holds bool, at Time, ttl time.Duration) (next Alert, notified, changed bool) {
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
		if at.Sub(next.ClearedAt) >= ttl {
			next.State = AlertOK
			return next, true, true
		}
	case !holds:
		return Alert{Rule: a.Rule, Metric: a.Metric, Threshold: a.Threshold, State: AlertOK, Revision: a.Revision}, false, a.State == AlertPending
	default:
		if a.State != AlertPending || unwatched {
			next.State, next.Since = AlertPending, at
		}
		if at.Sub(next.Since) >= ttl {
			next.State, next.RaisedAt = AlertFiring, at
			return next, true, true
		}
	}
	changed = next.State != a.State || next.Since != a.Since || next.ClearedAt != a.ClearedAt || at.Sub(a.CheckedAt) >= AlertCheckEvery
	return next, false, changed
}
