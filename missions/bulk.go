package missions

import "slices"

// BulkAction is what a [BulkRequest] does with missions.
type BulkAction string

// The actions of a [BulkRequest].
const (
	BulkCancel BulkAction = "cancel"
	BulkRetry  BulkAction = "retry"
	BulkDelete BulkAction = "delete"
	BulkSignal BulkAction = "signal"
)

// BulkActions lists every action.
func BulkActions() []BulkAction { return []BulkAction{BulkCancel, BulkRetry, BulkDelete, BulkSignal} }

// Statuses returns the statuses of missions to which an action applies, nil for an unknown
// action. PENDING comes before RUNNING: a slot that a cancelled mission frees must not go to
// one that is about to be cancelled.
func (a BulkAction) Statuses() []Status {
	switch a {
	case BulkCancel, BulkSignal:
		return []Status{Pending, Running}
	case BulkRetry:
		return []Status{Failed, Cancelled}
	case BulkDelete:
		return []Status{Pending, Completed, Failed, Cancelled}
	}
	return nil
}

// BulkRequest applies an action to missions that have not changed since a time.
type BulkRequest struct {
	Action BulkAction
	IDs    []string // at most [MaxBatch]
	AsOf   Time     // missions that were created or changed later are left alone

	// What the action needs, as for one mission, without its ID.
	Cancel CancelRequest
	Retry  RetryRequest
	Signal SignalRequest
}

// BulkResult is what became of one mission of a [BulkRequest], and who has to know of it.
type BulkResult struct {
	ID      string
	Changed bool   // false if it has changed since AsOf, or is gone
	AgentID string // the agent that held it; "" for none
	Seq     int    // of BulkSignal: the number of the signal
	Ready   string // the mission's type if it became claimable
	Due     Time   // when [Store.Due] must look at it; 0 for never
	Err     error
}

// Applies reports whether a request applies to a mission as it is: its status allows the
// action, and it has not changed since.
func (q *BulkRequest) Applies(m *Mission) bool {
	return slices.Contains(q.Action.Statuses(), m.Status) && !m.ChangedAfter(q.AsOf)
}

// ChangedAfter reports whether a mission was created or has changed after a time. What its
// holder reports is no change: work would otherwise escape by telling of its progress.
func (m *Mission) ChangedAfter(at Time) bool {
	changed := m.UpdatedAt
	if m.Status == Running {
		changed = m.StartedAt
	}
	return m.CreatedAt > at || changed > at
}
