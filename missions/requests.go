package missions

import (
	"encoding/json"
	"time"
)

// What the methods of a [Store] take and return.

// CreateResult is one item of [Missions.Create].
type CreateResult struct {
	Mission Mission // as created, or the one that exists, or that holds its unique key
	Created bool
	Given   bool // to a claim of the same step
	Err     error

	// Replaced are the missions that were cancelled because they held its unique key, or waited for that. AgentID is
	// "" for those that were PENDING.
	Replaced []Stopped
}

// MarkGiven sets Given in the results of a step that created missions and claimed
// some of them. Stores use it.
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

	// Changed is false if the mission already had this state.
	Changed bool
}

// CancelRequest is one item of [Missions.Cancel].
type CancelRequest struct {
	ID     string
	Reason string // "" if none
	By     string // the name of the program that asked; "" if it is not known
}

// Why returns the reason of the change of status.
func (c *CancelRequest) Why() string {
	why := "cancelled"
	if c.By != "" {
		why += " by " + c.By
	}
	if c.Reason != "" {
		why += ": " + c.Reason
	}
	return why
}

// RetryRequest is one item of [Missions.Retry].
type RetryRequest struct {
	ID         string
	Fresh      bool // without the checkpoint
	Dependents bool // also the missions that were cancelled because this one did not complete
}

// MaxExamined is how many missions one List examines.
const MaxExamined = 10_000

// Filter narrows a list of missions. Zero fields do not filter.
type Filter struct {
	Status        Status
	Type          string
	AgentID       string
	Tag           string
	Text          string // a part of the name, ignoring case
	CreatedAfter  Time   // exclusive
	CreatedBefore Time   // exclusive
	Waiting       WaitKind
	ParentID      string
	Batch         string
	Key           string
	Holds         []Hold    // with Waiting [WaitLimit]: as [Limits.Held] returns them
	After         Condition // missions with a condition on this mission or batch, met or not
	Limit         int       // maximum number of missions
	MaxBytes      int       // approximate maximum bytes of JSON after the first mission; 0: no limit
	Cursor        int64     // Next of the previous page; 0 for the first
}

// Page is one page of a list of missions.
type Page struct {
	Missions []Mission
	Next     int64 // 0 if there are no more
}

// LogPage is one page of a mission's log.
type LogPage struct {
	Entries []LogEntry
	Next    int64 // the position after the last entry; 0 if there are no more
}

// ClaimRequest requests missions for an agent.
type ClaimRequest struct {
	AgentID  string
	Types    []string // nil: the types it registered with
	Max      int
	MaxBytes int           // approximate maximum bytes of JSON after the first mission; 0: no limit
	Lease    time.Duration // how long the lease lasts, unless renewed
	Alive    bool          // the agent itself has just asked, so it is alive
}

// ClaimResult is one item of [Leases.Claim].
type ClaimResult struct {
	Missions []Mission // with Lease set
	Types    []string  // the types that were searched
	More     bool      // MaxBytes left out some missions
	Others   bool      // there was room for more, and there are missions of the types that only other agents may have
	Err      error
}

// LeaseRef identifies a lease: a mission and the fencing token.
type LeaseRef struct {
	MissionID string
	Lease     int64
}

// Heartbeat is one heartbeat of an agent.
type Heartbeat struct {
	AgentID     string
	Running     []LeaseRef  // the missions it is working on; these leases are renewed
	Seen        []SignalRef // signals of those missions that it has seen, up to a number
	CPU         *float64
	MemoryBytes *int64
	Draining    bool
	Receiving   bool          // a claim's reply is still arriving: leases that are not listed are renewed, too
	Lease       time.Duration // how long renewed leases last
}

// HeartbeatResult is one item of [Leases.Heartbeat].
type HeartbeatResult struct {
	Cancel  []string    // listed missions that were cancelled, or exceeded their max_usage, under this lease
	Lost    []string    // listed missions whose lease the agent no longer holds
	GivenUp []string    // types of missions returned to the queue because the agent did not list them
	Ready   []string    // types of missions that were withheld for the agent, which others can claim now
	Signals []SignalRef // signals of listed missions that have not been seen
	Err     error
}

// ProgressUpdate is one item of [Leases.Progress].
type ProgressUpdate struct {
	AgentID string
	LeaseRef
	Progress
	Unchanged bool // Progress says nothing: the mission's stays as it is
	Report
}

// Report is what any report of a holder may say beside what it is for.
type Report struct {
	Checkpoint json.RawMessage // replaces the previous one; nil: none
	Usage      Usage           // of the turn so far
}

// ProgressResult is one item's result of [Leases.Progress], with what the event
// that reports it needs to know about the mission.
type ProgressResult struct {
	CorrelationID string
	Traceparent   string
	Stopped       bool // the usage has exceeded the maximum: the attempt has ended
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

// Outcomes of an attempt.
const (
	OutcomeComplete Outcome = "complete"
	OutcomeFail     Outcome = "fail"
	OutcomeRelease  Outcome = "release"
)

// Finish is one item of [Leases.Finish].
type Finish struct {
	AgentID string
	LeaseRef
	Outcome    Outcome
	Result     json.RawMessage // of a completion
	Error      string          // of a failure
	Retryable  bool            // of a failure: whether another attempt may succeed
	RetryAfter *float64        // of a failure: seconds that replace the back-off; with Limit: how long it is closed; nil: not given
	Park       *Park           // of a release: what the mission waits for; nil: nothing
	Limit      string          // of a failure or release: a limit to close for RetryAfter; "": none
	Report
}

// LeaveResult is the result of [Agents.Leave].
type LeaveResult struct {
	GivenBack []string // types of the missions returned to the queue
	Ready     []string // types of missions that were withheld for the agent, which others can claim now
}

// LostResult is the result of [Agents.Lost].
type LostResult struct {
	Gone  bool      // the agent became offline
	Ready []string  // types with missions that became claimable
	Stop  []Stopped // the missions that were taken back
}

// AgentFilter narrows a list of agents. Zero fields do not filter.
type AgentFilter struct {
	State  AgentState
	Type   string
	Limit  int
	Cursor string // Next of the previous page; "" for the first
}

// AgentPage is one page of a list of agents.
type AgentPage struct {
	Agents []Agent
	Count  int64  // number of matching agents, on all pages
	Next   string // "" if there are no more
}

// DueResult is the result of [Store.Due].
type DueResult struct {
	Ready     []string  // types with missions that became claimable
	Stop      []Stopped // missions taken from agents that may still work on them
	Offline   []string  // agents marked offline
	Scheduled bool      // schedules were due
	More      bool      // the limit was reached: call again at once
	NextDue   Time      // when something will next be due; zero if nothing is planned
	StoreNow  Time      // the store's clock, for comparison with NextDue
}

// Stopped is a mission that its agent should stop working on.
type Stopped struct {
	AgentID   string
	MissionID string
}
