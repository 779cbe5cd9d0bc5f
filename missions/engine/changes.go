package engine

import (
	"context"
	"errors"

	"missioncontrol/missions"
)

// Changes is what a batch changes. A backend stores all of it or nothing. Log lines come
// before the deletions of their missions, ended leases before changed ones, and forgotten
// agents before changed ones.
type Changes struct {
	Marks    Marks // as they are after the batch
	Missions []MissionChange
	Logs     []LogLine
	Released []Lease // ended
	Leases   []Lease // new or changed
	Gone     []Agent // forgotten
	Agents   []Agent // new or changed
	Events   []missions.Event

	Totals map[string]*Totals // by type, absolute; "" is the sum over all types
	Points map[PointKey]Point // absolute
	Before map[Series]int64   // points to forget: those of slots before this one

	Alerts    []missions.Alert // new or changed; AlertOK deletes
	Notices   []missions.Event // new
	Noticed   []int64          // positions of deleted notices
	Forgotten int64            // events up to this position leave the outbox; 0 for none

	Receipts []Receipt // new; alone, they are no reason for a commit
	Spent    []string  // ids of deleted receipts

	// Entries of indexes that fit no mission, as a commit can leave that was broken off halfway.
	Misplaced []Misplaced

	// Parts, documents and members of sets, each once. Parts of deleted missions go with them.
	Parts   []Part
	Docs    []Doc
	Members []Member

	marked bool // only marks have changed
}

// Misplaced is an entry of a queue, or of the plan if Queue is empty, that fits no mission.
type Misplaced struct {
	Queue string
	Rank  int
	At    missions.Time
	Seq   int64
	ID    string
}

// MissionChange is the change of one mission. Before is nil for a new mission, After for a
// deleted one; the log of a deleted mission goes with it.
type MissionChange struct{ Before, After *Record }

// LogLine is a new entry of a mission's log, the n-th from 1.
type LogLine struct {
	Seq, N int64
	Entry  missions.LogEntry
}

// Marks are numbers that a data set never gives twice, and how far the outbox has come.
type Marks struct {
	Outbox       int64         // position given last
	Acknowledged int64         // the stream has everything up to here
	Mark         string        // of the latest acknowledgement, see missions.Outbox
	Forgotten    int64         // everything up to here has left the outbox
	Token        int64         // fencing token given last
	Seq          int64         // given last to a mission
	Revision     int64         // given last to an alert
	Sampled      missions.Time // when the latest sample was taken; 0 for never
}

// Waiting is the number of events that the stream has not acknowledged.
func (m *Marks) Waiting() int64 { return m.Outbox - m.Acknowledged }

// Backend makes changes durable and answers reads. Reads may be concurrent with each other
// and with Commit. Of what is in one partition of the data set they see whole commits only; a
// backend of one process has one partition. Their errors are *missions.Error with
// CodeUnavailable, or the context's. While a partition cannot be reached, its missions are
// left out of what Queue, Planned, Ended, Oldest and Fronts return, and the others are refused.
type Backend interface {
	// Begin begins a term and ends the current one: commits of older epochs are refused
	// from now on. It returns the new epoch, and what an engine begins with: everything
	// that was committed before.
	Begin(ctx context.Context) (epoch int64, from *Snapshot, err error)

	// Commit stores changes, all or nothing, if epoch is still the current one. After
	// [ErrNotLeader], [ErrGone], [ErrStale], and after an error for which NothingDone is set,
	// nothing is stored; after any other error the outcome is unknown.
	Commit(ctx context.Context, epoch int64, changes *Changes) error

	// Docs returns documents by key. Those that do not exist are left out.
	Docs(ctx context.Context, keys []string) (map[string][]byte, error)

	// Members returns parts of sets, in the order of the ranges.
	Members(ctx context.Context, ranges []Range) ([][]string, error)

	// Parts returns parts of missions, in the order of the keys, nil for those that do not
	// exist or cannot be reached.
	Parts(ctx context.Context, keys []PartKey) ([][]byte, error)

	// Records returns the records of missions by id, whose flows are shared and never changed, each as of some commit since the call
	// began. Those that do not exist are left out. An [*Unreachable] error says of which
	// missions this cannot be known at present, and comes with the records of the others.
	Records(ctx context.Context, ids []string) ([]*Record, error)

	// Queue returns the first claimable missions of a type: the highest priority first,
	// then the oldest.
	Queue(ctx context.Context, missionType string, limit int) ([]Head, error)

	// Planned returns the PENDING missions that are due first, of those that are due at one
	// time the oldest.
	Planned(ctx context.Context, limit int) ([]Planned, error)

	// Ended returns the ids of the terminal missions that ended first, up to a time; of those
	// that ended at one time, in any order.
	Ended(ctx context.Context, upTo missions.Time, limit int) ([]string, error)

	// List, Log and Pending are those of [missions.Missions] and [missions.Outbox].
	List(ctx context.Context, filter missions.Filter) (missions.Page, error)
	Log(ctx context.Context, id string, after int64, limit int) (missions.LogPage, error)
	Pending(ctx context.Context, after int64, limit int) ([]missions.Event, error)

	// Notices is that of [missions.Alerts].
	Notices(ctx context.Context, limit int) ([]missions.Event, error)

	// Oldest returns when the oldest PENDING mission of a type ("" for all) was created,
	// 0 if there is none.
	Oldest(ctx context.Context, missionType string) (missions.Time, error)

	// Fronts returns since when the first missions in line have been claimable: of each
	// type, of the first missions of each priority the one that waits longest. Types without
	// claimable missions are left out.
	Fronts(ctx context.Context, types []string) (map[string]missions.Time, error)

	// Points returns the points of a series and a type from a slot on, by slot.
	Points(ctx context.Context, series Series, missionType string, from int64) (map[int64]Point, error)
}

// SharedBackend is a backend that several supervisors use, of which one at a time commits.
type SharedBackend interface {
	Backend

	// Peek returns what a term would begin with, and begins none.
	Peek(ctx context.Context) (*Snapshot, error)

	// Overview returns the totals of all types and the marks, as of one commit since the
	// call began.
	Overview(ctx context.Context) (*Totals, Marks, error)
}

var errNotLeader = errors.New("it does not lead")

// ErrNotLeader is the error of a commit of an epoch that has ended. Nothing is stored.
var ErrNotLeader = missions.Refused("another supervisor leads now", errNotLeader)

// ErrGone is the error of a commit to a data set that is gone, or was begun anew. Nothing is
// stored.
var ErrGone = missions.Refused("the data set is gone; nothing was done", errGone)

var errGone = errors.New("the data set is gone")

// ErrStale is the error of a commit or a read in a term in which other missions could be reached than
// can be now: what an engine knows has to be read again, in another term. Nothing is stored.
var ErrStale = missions.Refused("the store is being read again; nothing was done", errStale)

var errStale = errors.New("a partition was lost or is back")

// IsGone reports whether an error is an ErrGone.
func IsGone(err error) bool { return errors.Is(err, errGone) }

// IsStale reports whether an error is an ErrStale.
func IsStale(err error) bool { return errors.Is(err, errStale) }

// Unreachable is the error of [Backend].Records for missions of which nothing can be known at
// present, and for those that do not exist and cannot be created.
type Unreachable struct {
	IDs    []string
	Err    error    // what callers may know of it
	NoRoom []string // do not exist, and where they would be, there is no memory for them
	Full   error    // what callers may know of that
}

// Error implements error.
func (u *Unreachable) Error() string { return u.Err.Error() }

// Unwrap returns what callers may know.
func (u *Unreachable) Unwrap() error { return u.Err }

// IsNotLeader reports whether an error is an ErrNotLeader. (errors.Is compares codes.)
func IsNotLeader(err error) bool { return errors.Is(err, errNotLeader) }

// Snapshot is what an engine begins a term with.
type Snapshot struct {
	Marks   Marks
	Agents  []Agent
	Leases  []Lease
	Totals  map[string]*Totals
	Alerts  []missions.Alert
	Notices []int64            // positions
	Points  map[PointKey]Point // of the latest slots, from which new points continue

	// Recounted are types whose totals are not what is stored, but right. It is not nil if they were counted
	// because there is no document DocCounted, which the first batch then stores with them.
	Recounted []string

	// Receipts are in any order. A backend for one process has none: nobody forwards to it.
	Receipts []Receipt
}

// Config configures an engine.
type Config struct {
	OutboxLimit int64                // events waiting above which new missions are refused
	Retry       missions.RetryPolicy // of missions that failed

	QueueWindow  int // heads kept of each type's queue; default 512
	Heads        int // heads kept of all queues; default 200,000
	PlanWindow   int // planned missions kept; default 4096
	RecordsBytes int // records kept, approximately; default 32 MiB
	DocsBytes    int // documents kept between batches, approximately; default 2 MiB
}

func (c Config) withDefaults() Config {
	if c.QueueWindow == 0 {
		c.QueueWindow = 512
	}
	if c.Heads == 0 {
		c.Heads = 200_000
	}
	if c.PlanWindow == 0 {
		c.PlanWindow = 4096
	}
	if c.RecordsBytes == 0 {
		c.RecordsBytes = 32 << 20
	}
	if c.DocsBytes == 0 {
		c.DocsBytes = 2 << 20
	}
	return c
}

// missedBeats is how many heartbeats in a row may omit a lease: the one that was on its way
// when the claim was answered. The next one ends the lease.
const missedBeats = 1
