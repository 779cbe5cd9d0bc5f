package missions

import (
	"context"
	"time"
)

// Store holds missions, agents, leases, logs, counters and the outbox.
//
// Every method is one atomic step: its changes, log entries, counters and outbox
// events are all stored, or none are. When a method that changes something returns
// without error, the change survives a crash of the process. Methods accept
// batches. The items of a batch are independent, processed in order, and each has
// its own error. The error of the method itself means that no item was stored.
//
// All methods may be called concurrently. The error of a method or an item is an
// *[Error] or the context's. If a method returns the context's error because the
// context ended before the step began, it did nothing. [ErrUnavailable] means that
// it is unknown whether the step was stored, unless the error's NothingDone is set.
//
// The cost of an operation does not grow with the number of stored missions.
type Store interface {
	Missions
	Statistics
	Leases
	Agents
	Leaders
	Alerts
	Schedules
	Limits

	// Identity returns the ID of this data set. It is generated when the data set
	// is created.
	Identity() string

	// Outboxes returns the outboxes of this data set, always the same and in the
	// same order: one, or one per partition. All events of a mission are in one of
	// them, and so are all events of an agent.
	Outboxes() []Outbox

	// Waiting returns an upper bound on the number of unacknowledged events in all
	// outboxes.
	Waiting(ctx context.Context) (int64, error)

	// Due processes what is due by the store's clock, at most limit items at a
	// time. It takes back missions whose lease or timeout has ended, or without
	// progress for stall_seconds. It makes missions claimable whose backoff or
	// not_before has passed, fails PENDING missions whose deadline has passed, and
	// marks agents offline that have been silent for longer than their lease. An
	// attempt that timed out or stalled backs off like a failed one. It creates the
	// missions of schedules that are due; see [Schedules].
	Due(ctx context.Context, limit int) (DueResult, error)

	// Retain deletes terminal missions that ended more than retention ago, agents
	// that have been offline for as long, and statistics older than a day; at most
	// limit missions at a time. It returns the number of deleted missions.
	Retain(ctx context.Context, retention time.Duration, limit int) (int, error)

	// Now returns the time of the store's clock. If it is set, leases, timeouts and back-offs
	// last as long as before.
	Now(ctx context.Context) (Time, error)

	// DueNow signals that [Store.Due] has something to do at once, while this process
	// leads. It never closes.
	DueNow() <-chan struct{}

	// Ping checks that the store can be read, and returns [ErrUnavailable] if not.
	Ping(ctx context.Context) error

	// CheckWrite checks that the store can be written, by writing something that
	// changes nothing, and returns [ErrUnavailable] if not.
	CheckWrite(ctx context.Context) error

	// Close waits for running steps and releases the store's resources. Later calls
	// of other methods return [ErrUnavailable]. Close may be called twice.
	Close() error
}

// Missions is the part of a [Store] that creators and observers use.
type Missions interface {
	// Create stores new missions, which must be normalized and valid. If a
	// mission's ID exists with the same content, the stored mission is returned
	// with Created false; with different content, the item's error is an
	// [ErrConflict]. While the outbox is full because too many events are waiting,
	// every item's error is an [ErrOverloaded]. If another mission holds its unique key, see
	// [OnConflict]; an [ErrConflict] says that its holder is deleted and its time has not passed.
	Create(ctx context.Context, batch []Mission) ([]CreateResult, error)

	// CreateAndClaim does what Create does and then, in the same step, what
	// [Leases.Claim] does, so that a new mission can go to a waiting agent without
	// being stored twice. A store of several parts may use one step for each half;
	// an error then concerns the first, and nothing was claimed.
	CreateAndClaim(ctx context.Context, batch []Mission, claims []ClaimRequest) ([]CreateResult, []ClaimResult, error)

	// Get returns a mission, or [ErrNotFound].
	Get(ctx context.Context, id string) (Mission, error)

	// List returns matching missions, newest first. It examines at most
	// [MaxExamined] missions, so it may return fewer than requested, or none,
	// together with a cursor to continue from.
	List(ctx context.Context, filter Filter) (Page, error)

	// Log returns a mission's log after a position, oldest first, or [ErrNotFound].
	Log(ctx context.Context, id string, after int64, limit int) (LogPage, error)

	// Cancel cancels PENDING and RUNNING missions. Item errors: [ErrNotFound],
	// [ErrConflict] for a mission that is terminal.
	Cancel(ctx context.Context, batch []CancelRequest) ([]Result, error)

	// Retry returns FAILED and CANCELLED missions to PENDING and resets their
	// attempts. Item errors: [ErrNotFound]; [ErrConflict] for any other status, for a
	// mission whose deadline has passed, and while another mission holds its unique key.
	Retry(ctx context.Context, batch []RetryRequest) ([]Result, error)

	// Signal stores signals. A mission that waits for one proceeds in the same step. Item
	// errors: [ErrNotFound]; [ErrConflict] for a terminal mission; [ErrInvalid] for data
	// that is none of the choices; [ErrOverloaded] beyond [MaxSignals].
	Signal(ctx context.Context, batch []SignalRequest) ([]SignalResult, error)

	// CloseBatches closes batches, and creates those that do not exist. A closed one stays
	// as it is.
	CloseBatches(ctx context.Context, ids []string) ([]BatchResult, error)

	// Batch returns a batch, or [ErrNotFound].
	Batch(ctx context.Context, id string) (Batch, error)

	// Batches returns batches, those created last first. cursor is Next of the previous
	// page, "" for the first.
	Batches(ctx context.Context, cursor string, limit int) (BatchPage, error)

	// Delete removes missions and their logs and returns their last state. A
	// PENDING mission is cancelled in the same step, so that its events are
	// complete. Item errors: [ErrNotFound], [ErrConflict] for a RUNNING mission.
	Delete(ctx context.Context, ids []string) ([]Result, error)

	// Bulk does to missions what Cancel, Retry, Delete or Signal does. Unlike there, a
	// mission that has changed since AsOf, that is gone, or to whose status the action does
	// not apply is left alone, which is no error. Item errors are those of the action.
	Bulk(ctx context.Context, request BulkRequest) ([]BulkResult, error)
}

// Limits is the part of a [Store] that says how many missions run, start, wait and spend. What a limit counts changes in
// the step that starts or ends a mission, and nowhere else.
type Limits interface {
	// SetLimit adds a limit, or changes it. It holds for the next claim; what runs goes on. Errors: [ErrOverloaded]
	// beyond [MaxLimits]; [ErrConflict], or [ErrNotFound], if IfChangedAt is of another limit.
	SetLimit(ctx context.Context, q LimitRequest) (LimitResult, error)

	// DeleteLimit deletes a limit and returns its last state, or [ErrNotFound]. Missions that name it run without it.
	DeleteLimit(ctx context.Context, q DeleteLimitRequest) (LimitResult, error)

	// Limit returns a limit and what it counts, or [ErrNotFound].
	Limit(ctx context.Context, name string) (LimitStatus, error)

	// Limits returns limits by name, a page at a time.
	Limits(ctx context.Context, q LimitsRequest) (LimitPage, error)

	// Held returns which missions limits hold back at present.
	Held(ctx context.Context) ([]Hold, error)
}

// Schedules is the part of a [Store] that creates missions at times. [Store.Due] creates the mission of an occurrence
// and moves NextAt in the same step. The mission's id says which occurrence it is, so that none has two. An occurrence has no
// mission if the schedule's latest one is still PENDING or RUNNING, unless the template says that they may overlap. If a
// mission cannot be created because the outbox is full, the occurrence stays due.
//
// Of occurrences that were missed while nothing ran, CatchUp says which have a mission. Those that have none are counted, and
// told of in an event.
type Schedules interface {
	// SetSchedule adds a schedule, or changes it. A new one, or one with other times, is next due after now, and
	// never at a time that it has been due before. Errors: [ErrOverloaded] beyond [MaxSchedules]; [ErrConflict], or
	// [ErrNotFound], if IfChangedAt is of another schedule.
	SetSchedule(ctx context.Context, request ScheduleRequest) (ScheduleResult, error)

	// DeleteSchedule deletes a schedule, not its missions, and returns its last state, or [ErrNotFound].
	DeleteSchedule(ctx context.Context, request DeleteScheduleRequest) (ScheduleResult, error)

	// TriggerSchedule creates a mission of the schedule for this second. If missions of the schedule may not overlap and the
	// latest one has not ended, that one is returned with Created false. Item errors: [ErrNotFound], and those of Create.
	TriggerSchedule(ctx context.Context, id string) (CreateResult, error)

	// Backfill creates the missions of past occurrences that have none, whether or not they overlap: some in each
	// step, and the result says where to go on. While their unique key is held, none is created. If it has an error, missions may have been created
	// before. Errors: [ErrNotFound], and those of Create.
	Backfill(ctx context.Context, request BackfillRequest) (Backfilled, error)

	// Schedule returns a schedule, or [ErrNotFound].
	Schedule(ctx context.Context, id string) (Schedule, error)

	// Schedules returns schedules by id: about as many as fit into maxBytes of JSON, 0 for no limit, and at least one. cursor is Next
	// of the previous page, "" for the first.
	Schedules(ctx context.Context, cursor string, limit, maxBytes int) (SchedulePage, error)

	// ScheduleFigures says whether any schedule is overdue, or has missed an occurrence. Its cost does not depend on
	// how many there are.
	ScheduleFigures(ctx context.Context) (ScheduleFigures, error)
}

// Leases is the part of a [Store] that agents use, through the supervisor.
type Leases interface {
	// Claim gives each request at most Max claimable missions of its types, by
	// priority, then age, each with a new lease. No two requests get the same
	// mission. A result's Err is [ErrNotFound] for an agent that is not registered,
	// and [ErrConflict] for one that has left or is draining.
	Claim(ctx context.Context, batch []ClaimRequest) ([]ClaimResult, error)

	// Heartbeat records that agents are alive, and renews the leases they list. A
	// lease that two consecutive heartbeats of its agent do not list is ended: the
	// agent never received the reply to its claim. While the agent is still receiving
	// such a reply, all its leases are renewed. An item's error is [ErrNotFound] for an
	// agent that is not registered or has left.
	Heartbeat(ctx context.Context, batch []Heartbeat) ([]HeartbeatResult, error)

	// Progress stores the progress of missions, and postpones the time at which
	// they count as stalled. Item errors: [ErrNotFound], [ErrLeaseLost].
	Progress(ctx context.Context, batch []ProgressUpdate) ([]ProgressResult, error)

	// AppendLog appends to missions' logs, which also counts as progress. Item
	// errors: [ErrNotFound], [ErrLeaseLost], [ErrTooLarge] once a log has
	// [MaxLogEntries].
	AppendLog(ctx context.Context, batch []LogAppend) ([]error, error)

	// CreateChildren does what [Missions.Create] does for the holder of a lease, whose
	// mission becomes the parent. The error is [ErrNotFound] or [ErrLeaseLost].
	CreateChildren(ctx context.Context, agentID string, parent LeaseRef, batch []Mission) ([]CreateResult, error)

	// Signals returns the signals of a mission behind one, with their data, for the holder
	// of its lease: as many as fit into maxBytes, 0 for no limit, and at least one. Errors:
	// [ErrNotFound], [ErrLeaseLost].
	Signals(ctx context.Context, agentID string, ref LeaseRef, after, maxBytes int) (SignalPage, error)

	// Input returns the outcome of a mission or batch that a mission has waited for, whole,
	// for the holder of its lease. Errors: [ErrNotFound], [ErrLeaseLost].
	Input(ctx context.Context, agentID string, ref LeaseRef, source string) (Input, error)

	// Finish ends attempts: it completes, fails or releases missions. Item errors:
	// [ErrNotFound], [ErrLeaseLost]. If the holder sends an accepted completion or
	// failure again, it gets the mission's current state, so that it can recover a
	// lost reply.
	Finish(ctx context.Context, batch []Finish) ([]Result, error)
}

// Agents is the registry part of a [Store].
type Agents interface {
	// Register adds an agent, or updates it, and marks it online. silence is how
	// long it may be silent before [Store.Due] marks it offline.
	Register(ctx context.Context, agent Agent, silence time.Duration) (Agent, error)

	// Leave marks an agent offline and returns its running missions to the queue at
	// once, without using up an attempt. The error is [ErrNotFound] for an unknown
	// agent.
	Leave(ctx context.Context, id, reason string) (LeaveResult, error)

	// Lost marks an agent offline that ended without leaving, and takes back its
	// running missions like [Store.Due] does for a silent one: the attempts count.
	// It changes nothing if the agent was alive after since, by the store's clock:
	// a Register, a Heartbeat, or a Claim with Alive. The error is [ErrNotFound]
	// for an unknown agent.
	Lost(ctx context.Context, id, reason string, since Time) (LostResult, error)

	// ListAgents returns agents ordered by ID.
	ListAgents(ctx context.Context, filter AgentFilter) (AgentPage, error)
}

// MaxMark is the maximum length of a mark; see [Outbox].
const MaxMark = 200

// Outbox holds the events of changes until the event stream stores them. The relay
// uses it.
type Outbox interface {
	// Identity distinguishes this outbox's positions from those of others. It is
	// generated when the data set is created.
	Identity() string

	// Pending returns the oldest events after a position, in order.
	Pending(ctx context.Context, after int64, limit int) ([]Event, error)

	// Acknowledge records the position up to which, inclusive, the stream has
	// acknowledged events. They no longer count as waiting, or against the outbox's
	// limit. The position may move back if the stream lost acknowledged events, but
	// not behind what was forgotten. The mark is the caller's own note about the
	// position, at most [MaxMark] bytes of UTF-8. The store keeps the last one, in the
	// same step.
	Acknowledge(ctx context.Context, upTo int64, mark string) error

	// Acknowledged returns the position up to which events are acknowledged, and the
	// last mark, or "" if there is none.
	Acknowledged(ctx context.Context) (upTo int64, mark string, err error)

	// Forget deletes the events up to a position, inclusive, once the stream can no
	// longer lose them. It also acknowledges them.
	Forget(ctx context.Context, upTo int64) error
}

// Leaders is the part of a [Store] with which supervisors that share it elect a
// leader: the one that relays, reaps and retains.
type Leaders interface {
	// Lead makes a candidate the leader for ttl, from now by the store's clock,
	// unless another one leads. It returns the current leadership. The leader calls
	// it again to stay leader.
	Lead(ctx context.Context, candidate string, ttl time.Duration) (Leadership, error)

	// Resign ends a candidate's leadership at once, if it leads.
	Resign(ctx context.Context, candidate string) error
}

// Leadership is the current leadership.
type Leadership struct {
	Holder string
	Left   time.Duration // until it ends, unless renewed
}
