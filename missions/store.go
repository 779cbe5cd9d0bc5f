package missions

import (
	"context"
	"encoding/json"
	"time"
)

// Store keeps missions, agents, leases, logs, counters and the outbox.
//
// Every method is one atomic step: all of what it changes is stored, together
// with its log entries, counters and outbox events, or none of it is. When a
// method that changes something returns without error, the change survives the
// death of the process. Methods take batches; the items of a batch are
// independent of each other, in order, and each has its own error, while the
// error of the method itself means that no item was stored.
//
// All methods may be called concurrently. The error of a method or an item is an
// *[Error] or the context's. A method that returns the context's error because
// the context ended before the step began has done nothing. [ErrUnavailable]
// means that the step is not known to be stored.
//
// No operation's cost grows with the number of missions stored.
type Store interface {
	Missions
	Leases
	Agents
	Leaders
	Alerts

	// Identity names this data set. It is minted when the data set is created.
	Identity() string

	// Outboxes returns the outboxes of this data set, always the same and in the
	// same order: one, or one for each partition. All events of one mission are in
	// one of them, and so are all of one agent.
	Outboxes() []Outbox

	// Waiting returns how many events of all outboxes are not acknowledged, at most.
	Waiting(ctx context.Context) (int64, error)

	// Due does what has become due by the store's clock, at most limit items at a
	// time: takes back missions whose lease or timeout has ended or whose holder has
	// shown no progress for stall_seconds, lets missions whose back-off or not_before
	// has passed be claimed, fails PENDING missions whose deadline has passed, and
	// declares agents offline that have been silent for longer than their lease. An
	// attempt that timed out or stalled backs off like one that failed.
	Due(ctx context.Context, limit int) (DueResult, error)

	// Retain deletes terminal missions that ended more than retention ago, agents
	// that have been offline for as long, and statistics older than a day; at most
	// limit missions at a time. It returns how many missions it deleted.
	Retain(ctx context.Context, retention time.Duration, limit int) (int, error)

	// Now reads the store's clock.
	Now(ctx context.Context) (Time, error)

	// Ping proves that the store can be read, and returns [ErrUnavailable] otherwise.
	Ping(ctx context.Context) error

	// Close waits for steps under way and frees what the store holds. Later calls
	// of other methods return [ErrUnavailable]. Close may be called twice.
	Close() error
}

// Missions is the part of a [Store] that creators and observers use.
type Missions interface {
	// Create stores new missions, which must be normalized and valid. A mission
	// whose id exists with the same content is returned as it stands, Created
	// false; with other content the item's error is an [ErrConflict]. While the
	// outbox is full, which is to say that too many events wait, every item's error is an [ErrOverloaded].
	Create(ctx context.Context, batch []Mission) ([]CreateResult, error)

	// CreateAndClaim does what Create does and then, in the same step, what
	// [Leases.Claim] does: so that a new mission goes to an agent that waits for one
	// without being stored twice. A store of several parts may take a step for each
	// half; an error then stands for the first, and nothing was given.
	CreateAndClaim(ctx context.Context, batch []Mission, claims []ClaimRequest) ([]CreateResult, []ClaimResult, error)

	// Get returns a mission, or [ErrNotFound].
	Get(ctx context.Context, id string) (Mission, error)

	// List returns missions that match, newest first. It examines at most
	// [MaxExamined] missions and may hand back fewer than asked for, none even,
	// together with a cursor to go on from.
	List(ctx context.Context, filter Filter) (Page, error)

	// Log returns a mission's log after a position, oldest first, or [ErrNotFound].
	Log(ctx context.Context, id string, after int64, limit int) (LogPage, error)

	// Cancel cancels PENDING and RUNNING missions. Item errors: [ErrNotFound],
	// [ErrConflict] for a mission that is terminal.
	Cancel(ctx context.Context, batch []CancelRequest) ([]Result, error)

	// Retry puts FAILED and CANCELLED missions back to PENDING with their attempts
	// counted anew. Item errors: [ErrNotFound]; [ErrConflict] for any other status,
	// and for a mission whose deadline has passed.
	Retry(ctx context.Context, ids []string) ([]Result, error)

	// Delete removes missions and their logs and returns them as they stood. A
	// PENDING mission is cancelled in the same step, so that the events of its life
	// are whole. Item errors: [ErrNotFound], [ErrConflict] for a RUNNING mission.
	Delete(ctx context.Context, ids []string) ([]Result, error)

	// Counts returns the counters as of one moment at or after the call.
	Counts(ctx context.Context) (Counts, error)

	// Stats returns the statistics of all missions, or of one type ("" for all).
	Stats(ctx context.Context, missionType string) (Stats, error)

	// Sample takes a sample of the statistics, which the windows of Stats and the
	// history are made of, and drops those that are too old to matter. The leader calls
	// it at the beginning of each minute of the store's clock, which it returns. Its
	// cost does not depend on the number of missions, and on that of types only up to
	// [MaxSampledTypes].
	Sample(ctx context.Context) (Time, error)

	// History returns so many minutes, 1 to [MaxHistory], of all missions or of one
	// type ("" for all), oldest first; the last one is under way.
	History(ctx context.Context, missionType string, minutes int) ([]Minute, error)

	// Unserved returns how many missions are PENDING of each type of which some are
	// claimable, and that no online agent serves. At most [MaxSampledTypes] types.
	Unserved(ctx context.Context) (map[string]int64, error)
}

// Leases is the part of a [Store] that agents use, through the supervisor.
type Leases interface {
	// Claim gives each request at most Max claimable missions of its types, by
	// priority, then age, each under a new lease. No two requests get the same
	// mission. A result's Err is [ErrNotFound] for an agent that is not registered,
	// and [ErrConflict] for one that has left or is draining.
	Claim(ctx context.Context, batch []ClaimRequest) ([]ClaimResult, error)

	// Heartbeat notes that agents live, and renews the leases they list. A lease of
	// the agent that two of its heartbeats in a row do not list is given up: the
	// reply to its claim never arrived. An item's error is [ErrNotFound] for an
	// agent that is not registered or has left.
	Heartbeat(ctx context.Context, batch []Heartbeat) ([]HeartbeatResult, error)

	// Progress stores how far missions have come, and puts off the time at which they
	// count as stalled. Item errors: [ErrNotFound], [ErrLeaseLost].
	Progress(ctx context.Context, batch []ProgressUpdate) ([]ProgressResult, error)

	// AppendLog appends to missions' logs, which is a sign of progress as well. Item
	// errors: [ErrNotFound], [ErrLeaseLost], [ErrTooLarge] once a log holds
	// [MaxLogEntries].
	AppendLog(ctx context.Context, batch []LogAppend) ([]error, error)

	// Finish ends attempts: completes, fails or releases missions. Item errors:
	// [ErrNotFound], [ErrLeaseLost]. The same completion or failure sent again by
	// the holder that it was accepted from is answered with the mission as it
	// stands, so that a lost reply can be asked for again.
	Finish(ctx context.Context, batch []Finish) ([]Result, error)
}

// Agents is the registry part of a [Store].
type Agents interface {
	// Register adds an agent, or renews what is known of one, and notes that it is
	// online. silence is how long it may stay silent before [Store.Due] declares it
	// offline.
	Register(ctx context.Context, agent Agent, silence time.Duration) (Agent, error)

	// Leave takes an agent offline and puts its running missions back at once, at
	// no cost of an attempt. The error is [ErrNotFound] for an unknown agent.
	Leave(ctx context.Context, id, reason string) (LeaveResult, error)

	// Lost takes an agent offline that has ended without a word, and takes its running
	// missions back as [Store.Due] does those of a silent one: the attempts count. It
	// changes nothing if the agent has given a sign of life after since, by the store's
	// clock: Register, Heartbeat, or a Claim that is Alive. The error is [ErrNotFound]
	// for an unknown agent.
	Lost(ctx context.Context, id, reason string, since Time) (LostResult, error)

	// ListAgents returns agents ordered by id.
	ListAgents(ctx context.Context, filter AgentFilter) (AgentPage, error)
}

// Outbox holds the events of changes until the event stream has them. The relay
// uses it.
type Outbox interface {
	// Identity tells this outbox's positions from every other's. It is minted when
	// the data set is created.
	Identity() string

	// Pending returns the oldest events after a position, in order.
	Pending(ctx context.Context, after int64, limit int) ([]Event, error)

	// Acknowledge notes up to and including which position the stream has acknowledged
	// the events: they no longer count as waiting, nor against the outbox' limit. The
	// position may go back, when the stream turns out to have lost what it had
	// acknowledged, but not behind what was forgotten.
	Acknowledge(ctx context.Context, upTo int64) error

	// Forget deletes the events up to and including a position, once the stream will
	// not lose them any more. That acknowledges them, too.
	Forget(ctx context.Context, upTo int64) error
}

// Leaders is the part of a [Store] by which the supervisors that share it agree
// on one of them: the one that relays, reaps and retains.
type Leaders interface {
	// Lead makes a candidate the leader for so long, from now on by the store's
	// clock, unless another one leads, and says who leads. The leader calls it
	// again to stay.
	Lead(ctx context.Context, candidate string, ttl time.Duration) (Leadership, error)

	// Resign ends a candidate's leadership at once, if it leads.
	Resign(ctx context.Context, candidate string) error
}

// Leadership says which candidate leads.
type Leadership struct {
	Holder string
	Left   time.Duration // until it ends unless renewed
}

// CreateResult is one item of [Missions.Create].
type CreateResult struct {
	Mission Mission // as it was created
	Created bool
	Given   bool // to a claim of the same step
	Err     error
}

// MarkGiven sets Given in the results of a step that created missions and gave some of
// them out. It is for stores.
func MarkGiven(created []CreateResult, claimed []ClaimResult) {
	given := map[string]struct{}{}
	for i := range claimed {
		for j := range claimed[i].Missions {
			given[claimed[i].Missions[j].ID] = struct{}{}
		}
	}
	for i := range created {
		_, created[i].Given = given[created[i].Mission.ID]
	}
}

// Result is one item of a batch that returns missions.
type Result struct {
	Mission Mission
	Err     error

	// Changed is false when the mission stood like this before.
	Changed bool
}

// CancelRequest is one item of [Missions.Cancel].
type CancelRequest struct {
	ID     string
	Reason string // "" for none
}

// MaxExamined is how many missions one List looks at.
const MaxExamined = 10_000

// Filter narrows a list of missions. Zero fields do not filter.
type Filter struct {
	Status        Status
	Type          string
	AgentID       string
	Tag           string
	Text          string // a part of the name, whatever its case
	CreatedAfter  Time   // exclusive
	CreatedBefore Time   // exclusive
	Limit         int    // at most so many missions
	MaxBytes      int    // and, beyond the first, at most about so many bytes of JSON; 0: no bound
	Cursor        int64  // Next of the page before; 0 for the first
}

// Page is one page of a list of missions.
type Page struct {
	Missions []Mission
	Next     int64 // 0 when there are no more
}

// LogPage is one page of a mission's log.
type LogPage struct {
	Entries []LogEntry
	Next    int64 // the position after the last entry; 0 when there are no more
}

// ClaimRequest asks for missions on behalf of an agent.
type ClaimRequest struct {
	AgentID  string
	Types    []string // nil: those it registered with
	Max      int
	MaxBytes int           // beyond the first mission, at most about so many bytes of JSON; 0: no bound
	Lease    time.Duration // how long the lease lasts unless renewed
	Alive    bool          // the agent itself has just asked: a sign of life
}

// ClaimResult is one item of [Leases.Claim].
type ClaimResult struct {
	Missions []Mission // with Lease set
	Types    []string  // those that were looked for
	More     bool      // MaxBytes left missions behind
	Err      error
}

// LeaseRef names a lease: a mission and the fencing token.
type LeaseRef struct {
	MissionID string
	Lease     int64
}

// Heartbeat is an agent's sign of life.
type Heartbeat struct {
	AgentID     string
	Running     []LeaseRef // what it is working on; these leases are renewed
	CPU         *float64
	MemoryBytes *int64
	Draining    bool
	Lease       time.Duration // how long renewed leases last
}

// HeartbeatResult is one item of [Leases.Heartbeat].
type HeartbeatResult struct {
	Cancel  []string // listed missions that were cancelled under this very lease
	Lost    []string // listed missions whose lease the agent no longer holds
	GivenUp []string // types of missions that went back to the queue because the agent did not list them
	Err     error
}

// ProgressUpdate is one item of [Leases.Progress].
type ProgressUpdate struct {
	AgentID string
	LeaseRef
	Progress
}

// ProgressResult is one item's result of [Leases.Progress], with what an event that
// tells of it needs to know of the mission.
type ProgressResult struct {
	CorrelationID string
	Traceparent   string
	Err           error
}

// LogAppend is one item of [Leases.AppendLog].
type LogAppend struct {
	AgentID string
	LeaseRef
	Level   string
	Message string
	Data    json.RawMessage
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes.
const (
	OutcomeComplete Outcome = "complete"
	OutcomeFail     Outcome = "fail"
	OutcomeRelease  Outcome = "release"
)

// Finish is one item of [Leases.Finish].
type Finish struct {
	AgentID string
	LeaseRef
	Outcome   Outcome
	Result    json.RawMessage // of a completion
	Error     string          // of a failure
	Retryable bool            // of a failure: whether another attempt could succeed
}

// LeaveResult tells what an agent's leaving gave back.
type LeaveResult struct {
	GivenBack []string // types of the missions that went back to the queue
}

// LostResult tells what came of an agent's end.
type LostResult struct {
	Gone  bool      // the agent was not offline before, and is now
	Ready []string  // types of which missions have become claimable
	Stop  []Stopped // the missions that were taken back
}

// AgentFilter narrows a list of agents. Zero fields do not filter.
type AgentFilter struct {
	State  AgentState
	Type   string
	Limit  int
	Cursor string // Next of the page before; "" for the first
}

// AgentPage is one page of a list of agents.
type AgentPage struct {
	Agents []Agent
	Count  int64  // how many agents match, on all pages together
	Next   string // "" when there are no more
}

// DueResult is what [Store.Due] did.
type DueResult struct {
	Ready    []string  // types of which missions have become claimable
	Stop     []Stopped // missions taken from agents that may still be working on them
	Offline  []string  // agents declared offline
	More     bool      // the limit was reached: call again at once
	NextDue  Time      // when something will next be due; zero when nothing is planned
	StoreNow Time      // the store's clock, to compare NextDue with
}

// Stopped is a mission that its agent should stop working on.
type Stopped struct {
	AgentID   string
	MissionID string
}
