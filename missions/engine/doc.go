// Package engine decides what every step means: the one implementation of the rules of
// package missions. It does no I/O, reads no clock and uses no chance: time and seeds are
// given to it, so the same commands always have the same effect.
//
// # Who owns what
//
// An [Engine] belongs to the one leader of a data set, which runs one goroutine that uses
// it. The leader takes commands in the order of their arrival and computes a batch: for
// each command it first loads what the command needs (its Need methods say what, [Engine.Load] loads it), then
// applies it. The batch's [Changes] go to a [Backend], which stores all of them or none.
// Only then are the replies sent.
//
// The backend owns everything durable, and answers reads. The engine owns nothing that could
// not be read again from the backend:
//
//   - all agents, leases and alerts, and the statistics of the current minute and of each
//     type's run and queue times;
//   - the first missions of each type's queue, and the PENDING missions that are due next:
//     windows of bounded size on the backend's indexes;
//   - records of missions that were used lately;
//   - the replies to requests that other supervisors have forwarded, for a minute.
//
// # What a crash leaves
//
//   - Before the commit: nothing. No reply was sent.
//   - During the commit: all of the batch or nothing of it. No reply was sent, so each
//     caller must expect both.
//   - After the commit: all of it. Replies that were not sent are lost, as they are when a
//     connection breaks.
//
// If the outcome of a commit is unknown, the engine's state may be ahead of the backend's or
// not, so the leader's term ends: the state is discarded, and read again in a new term under
// a new epoch. A backend refuses commits of older epochs, so a leader that was replaced
// without noticing stores nothing.
//
// # How memory stays bounded
//
// What grows with the number of missions is on the backend. A window that runs low is
// loaded again, and a window that grows too long forgets its end. Records are kept up to a
// number of bytes, the least recently used go first. Agents and leases are bounded by the
// fleet, and alerts by the configured rules. Limits and the lanes of missions that have keys, requirements or limits
// are kept whole, up to [missions.MaxLimits] and [missions.MaxLanes]. A type costs its counters and histograms, a few
// kilobytes, for as long as the data set lives.
package engine
