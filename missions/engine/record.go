package engine

import (
	"slices"
	"time"

	"missioncontrol/missions"
)

// Record is a mission as a backend stores it. A Record that was given to a backend, or came
// from one, is never changed: the engine changes copies.
type Record struct {
	missions.Mission // without Lease; LeaseExpiresAt is the backend's, from the lease

	Seq     int64         // creation time in microseconds, made unique: the mission's age
	Token   int64         // fencing token of the newest lease; 0 before the first claim
	Ready   bool          // it can be claimed, and is in its type's queue; or else see Flow.Queued
	ReadyAt missions.Time // while PENDING: since or from when it can be claimed
	DueAt   missions.Time // while PENDING: when Due must look at it; 0 for never
	Entries int64         // in its log
	Report  Report        // the latest report that ended an attempt
	Flow    *Flow
}

// Output returns the mission as callers see it, which shares nothing with the record.
func (r *Record) Output() missions.Mission {
	m := r.Copied()
	r.show(&m)
	return m
}

// Copied returns a copy of the mission without its flow, which shares nothing with the record.
func (r *Record) Copied() missions.Mission {
	m := r.Mission
	m.Tags, m.Data, m.Result = slices.Clone(m.Tags), slices.Clone(m.Data), slices.Clone(m.Result)
	if m.Progress != nil {
		progress := *m.Progress
		m.Progress = &progress
	}
	return m
}

// Report identifies the accepted report that ended a mission's latest attempt. A holder that
// sends it again gets the mission instead of an error.
type Report struct {
	AgentID string // "" if the attempt was ended by the supervisor
	Token   int64
}

// Lease is the lease of a RUNNING mission.
type Lease struct {
	Seq       int64
	MissionID string
	Type      string
	AgentID   string
	Token     int64
	ExpiresAt missions.Time
	EndsAt    missions.Time // by timeout_seconds; 0 for never
	StallsAt  missions.Time // by stall_seconds; 0 for never
	Missed    int           // consecutive heartbeats that did not list it
	Key       string        // the mission's
	Limits    []string      // that the mission names; never changed
	Signal    int           // number of the last signal that the holder has not seen; 0 for none
}

// due returns when Due must look at the lease.
func (l *Lease) due() missions.Time {
	at := l.ExpiresAt
	for _, end := range []missions.Time{l.EndsAt, l.StallsAt} {
		if end != 0 {
			at = min(at, end)
		}
	}
	return at
}

// Agent is an agent as a backend stores it.
type Agent struct {
	missions.Agent // MissionsRunning is the number of its leases, set on output

	Left      bool          // it has left, and must register to come back
	Silence   time.Duration // how long it may be silent
	ChangedAt missions.Time // when its state last changed or it was last heard of
}

// due returns when Due must look at the agent; 0 for never.
func (a *Agent) due() missions.Time {
	if a.State == missions.Offline {
		return 0
	}
	return a.LastHeartbeat.Add(a.Silence)
}

// Head is a claimable mission in its type's queue.
type Head struct {
	Rank int // of the priority
	Seq  int64
	ID   string
	Size int // approximate bytes on the wire
}

// compareHeads orders a queue: by priority, then by age.
func compareHeads(a, b Head) int {
	switch {
	case a.Rank != b.Rank:
		return b.Rank - a.Rank
	case a.Seq < b.Seq:
		return -1
	case a.Seq > b.Seq:
		return 1
	}
	return 0
}

// Planned is a PENDING mission that is due at some time.
type Planned struct {
	At  missions.Time
	Seq int64
	ID  string
}

func comparePlanned(a, b Planned) int {
	switch {
	case a.At < b.At || a.At == b.At && a.Seq < b.Seq:
		return -1
	case a == b:
		return 0
	}
	return 1
}

func (r *Record) head() Head {
	return Head{Rank: r.Priority.Rank(), Seq: r.Seq, ID: r.ID, Size: r.SizeEstimate()}
}

func (r *Record) planned() Planned { return Planned{At: r.DueAt, Seq: r.Seq, ID: r.ID} }

// queue makes a PENDING mission claimable from a time on, unless it waits.
func (r *Record) queue(now, from missions.Time) {
	if r.waits() {
		r.ReadyAt, r.Ready, r.NextAttemptAt, r.DueAt = 0, false, 0, r.Deadline
		if until := r.Flow.Until; until != 0 && (r.DueAt == 0 || until < r.DueAt) {
			r.DueAt = until
		}
		return
	}
	r.ReadyAt, r.Ready = from, from <= now
	r.DueAt = r.Deadline
	r.NextAttemptAt = 0
	if r.Ready {
		return
	}
	if r.DueAt == 0 || from < r.DueAt {
		r.DueAt = from
	}
	if r.Attempt > 0 {
		r.NextAttemptAt = from
	}
}

// after returns when a limit will have been reached, 0 for no limit.
func after(now missions.Time, limit time.Duration) missions.Time {
	if limit == 0 {
		return 0
	}
	return now.Add(limit)
}
