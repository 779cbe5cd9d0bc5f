// Package eventstream publishes and consumes charter events through NATS
// JetStream, and is a harmless no-op while that is not possible.
//
// # States
//
// A [Stream] is in one of two states. It begins degraded, and nothing but the
// supervising goroutine moves it.
//
//	       Open
//	        │
//	        ▼
//	┌──────────────┐  connection up, stream exists, publishes are answered  ┌───────────┐
//	│   degraded   │ ─────────────────────────────────────────────────────▶ │ connected │
//	│ (Reason says │                                                        │           │
//	│  why)        │ ◀───────────────────────────────────────────────────── │           │
//	└──────────────┘  connection lost, acknowledgement overdue or refused,  └───────────┘
//	   │      ▲       nobody answers (stream deleted), regular check failed
//	   └──────┘
//	 redial, 100 ms to 2 s; probe, at once on a new connection, else 250 ms to 5 s
//
// Degraded covers: no broker, a broker that hangs without closing, no JetStream,
// a stream without quorum, a stream that cannot be created because another one
// has its subjects, and missing permissions. The log has one line when a
// degraded period starts and one when it ends.
//
// The probe creates the stream when it is missing and never changes one that
// exists. Whether publishes are answered is rehearsed with a message that
// demands to be stored in a stream of another name: the stream's leader refuses
// it, so that nothing is stored and yet the whole path has been walked.
//
// # What to expect during an outage
//
//	Emit           drops the event and counts it. Under a microsecond, always.
//	Publish        ErrDegraded at once; an event already sent fails with
//	PublishBatch   ErrDisconnected or ErrAckTimeout, within Config.AckTimeout.
//	               The caller keeps the event and tries again when connected.
//	Last           ErrDegraded at once.
//	ForeignStreams ErrDegraded at once.
//	Consume        waits, and goes on by itself.
//	Status         answers from memory, and says why.
//	Changed        is closed when the state, or the reason, changes.
//	Close          returns when its context ends, or earlier.
//
// All methods may be called concurrently, and none holds a lock over I/O that
// another one needs. The one exception is in the client library: a write to a
// connection whose peer no longer reads may block the writer, a Publish for
// example, beyond its context until Config.DialTimeout; Emit and Status are
// never concerned.
//
// # Sessions
//
// A connection is a session. When it ends it is thrown away with everything
// that was on it, and the next attempt makes a new one; the client library's own
// reconnection is off. So no message waits in a buffer for better times, no
// subscription is silently half alive, and every message that was sent is
// settled: acknowledged, overdue, or lost with its session. A session that is
// given up is reset rather than closed, so that the kernel does not deliver its
// remains minutes later.
//
// Telemetry and durable events share the connection and have separate windows
// of unacknowledged messages. Telemetry can fill its own window only, and never
// makes a durable event wait for an acknowledgement; nothing orders the one
// kind against the other. Telemetry goes out in bursts, a few milliseconds
// apart, each acknowledged as a whole, because it should cost the requests that
// it tells of as little as possible.
//
// # Order and exactly once
//
// PublishBatch promises: the events of a batch are stored in their order, and
// after a failure a caller who goes on with the unstored rest, and repeats it
// until it is stored, gets every event into the stream exactly once and in
// order. On a single broker, with many in flight, the argument is this.
//
//  1. A batch lives on one session, so on one TCP connection: what arrives at
//     the broker is a prefix of what was sent. With a client that reconnects by
//     itself, the messages of one loop can straddle two connections, the first
//     half lost and the second half stored.
//  2. The broker reads one connection in order and stores in order. Nothing is
//     sent again behind the caller's back, as the client library would do when
//     nobody answers.
//  3. A repetition starts at the first event that is not known to be stored, and
//     every event carries its id. What was stored the first time is recognised.
//     If remains of an old session still trickle in while a new one repeats
//     them, each of the two is in order, so whichever copy comes first, no event
//     overtakes its predecessor.
//  4. Ids are recognised for the duplicate window, 2 minutes. A caller who may
//     have been away longer asks [Stream.Last] where the stream ends.
//
// What can still store a later event without an earlier one is a broker that
// refuses a single message of several in flight: its ingest queue is full
// (100,000 messages, which takes foreign publishers, as we never have more than
// a few thousand under way), the disk is full for the larger one, or an
// operator deletes the stream and somebody creates it anew in the same
// milliseconds. Then the rest is still stored exactly once, but the refused
// event comes after some of its successors. With Config.MaxInFlight 1 even that
// cannot happen, at the price of a round trip per event.
//
// # Clusters
//
// On a cluster there is more behind the broker that we are connected to: a route
// to the stream's leader, and a leader that may change. Both can lose messages in
// flight one by one, and store a later event without an earlier one. Whoever then
// looks only at the newest event would take the hole for stored. So many single
// messages are in flight only where the stream has one copy, on the very broker
// that reads the connection. Everywhere else PublishBatch commits atomic batches
// (server 2.12) of up to 500 events, one after the other: the leader proposes a
// batch as a whole, and it is applied as a whole or not at all. A batch may
// therefore hold back its events for a round trip, and give them one time of
// storage. A stream that does not allow atomic batches takes one event at a time,
// and so does Config.MaxInFlight 1 anywhere. (A single broker would pay for a
// batch with a directory, a file and a sync, and needs none.)
//
//  1. A batch that is refused was not stored. It goes again one event at a time.
//     That is how a repetition after an unknown outcome ends well: the broker
//     refuses a batch with an id that it knows, and acknowledges the same
//     events singly as duplicates. It is also how the one event is found that
//     the broker does not take, and how more batches are served than the broker
//     allows at a time.
//  2. A batch without an answer may be stored now, later or never, but only as a
//     whole. The events are repeated with their ids, so whichever copy is applied
//     first, the other is recognised event by event.
//  3. While an earlier copy is still undecided, an event is answered with
//     [ErrPending]. The next leader, or the present one with its quorum back,
//     decides.
//  4. How a stream is kept is looked at on each probe and each regular check. An
//     operator who adds copies to a busy stream, or moves it, has this guarantee
//     from the next check on.
//
// A cluster survives the loss of any one node. While the stream elects a leader
// nobody answers, and the stream is degraded until somebody does: usually for
// well under a second, for up to ten after a crash. A session ends with the node
// that it was connected to, and the next one goes to another. Config.URL should
// name several nodes; those that a broker told of are tried when no configured
// one can be reached, with the credentials of the URL. A node that goes on
// answering while its JetStream does not, because it is cut off from the others,
// is left for another one after three failed probes.
//
// # Copies
//
// A stream that exists is never altered. One that is created has
// Config.Replicas copies; with 0, the default, it has three where the broker
// makes three. One copy is made instead
//
//   - at once, where the broker is no cluster, or the account may have no copies;
//   - on a cluster of fewer than three nodes, when it has refused three for
//     Config.ReplicasWait, since a node may just not be up yet.
//
// A cluster that knows a third node which is down creates three copies, or has
// the stream wait. So does one that is short of nodes while Config.URL names
// three servers. The dead letters and the ledger get as many copies as the events
// have.
//
// # Consuming
//
// A durable consumer hands over one event after the other. nil acknowledges;
// [Permanent] errors and messages that are no charter events are kept on
// deadletter.<durable> before they are taken off the stream's hands; every other
// error has the event delivered again after a backoff, behind which later events
// pass by. Delivery is at least once. A handler whose effect must not be
// repeated calls [Delivery.Remember] after it: then a redelivery is acknowledged
// unseen, however the process ended in between.
//
// The broker shows signs of life while it has nothing to deliver. When they stay
// out, or the connection is a new one, the consumer is looked up anew, and
// created again if somebody deleted it, behind the last event that was settled.
package eventstream
