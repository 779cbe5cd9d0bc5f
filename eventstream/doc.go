// Package eventstream publishes and consumes charter events through NATS JetStream.
// While JetStream is unavailable, it does nothing and does not affect its callers.
//
// # States
//
// A [Stream] is in one of two states. It starts degraded, and only the
// supervising goroutine changes the state.
//
//	       Open
//	        │
//	        ▼
//	┌──────────────┐  connection up, stream exists, publishes are answered  ┌───────────┐
//	│   degraded   │ ─────────────────────────────────────────────────────▶ │ connected │
//	│ (Reason says │                                                        │           │
//	│  why)        │ ◀───────────────────────────────────────────────────── │           │
//	└──────────────┘  connection lost, acknowledgement overdue or refused,  └───────────┘
//	   │      ▲       no response (stream deleted), regular check failed
//	   └──────┘
//	 redial, 100 ms to 2 s; probe, at once on a new connection, else 250 ms to 5 s
//
// Degraded covers: no broker, a broker that hangs without closing, no JetStream,
// a stream without quorum, a stream that cannot be created because another stream
// has its subjects, and missing permissions. The log has one line when a degraded
// period starts and one when it ends.
//
// The probe creates the stream if it is missing and never changes an existing
// one. To check that publishes are answered, it publishes a message that requires
// a stream of another name. The stream's leader rejects the message, so nothing
// is stored but the whole path is tested.
//
// # Behaviour during an outage
//
//	Emit           drops the event and counts it. Always under a microsecond.
//	Publish        ErrDegraded at once; an event already sent fails with
//	PublishBatch   ErrDisconnected or ErrAckTimeout, within Config.AckTimeout.
//	               The caller keeps the event and retries when connected.
//	Last           ErrDegraded at once.
//	ForeignStreams ErrDegraded at once.
//	Consume        waits, and resumes automatically.
//	Status         returns from memory, with the reason.
//	Changed        is closed when the state or the reason changes.
//	Close          returns when its context ends, or earlier.
//
// All methods may be called concurrently, and none holds a lock during I/O that
// another one needs. The one exception is in the client library: a write to a
// connection whose peer no longer reads may block the writer, for example
// Publish, beyond its context until Config.DialTimeout. Emit and Status are never
// affected.
//
// # Sessions
//
// A session is one connection. When the connection ends, the session is discarded
// with everything on it, and the next attempt creates a new one; the client
// library's own reconnection is off. So no message waits in a buffer, no
// subscription is half alive without notice, and every message that was sent is
// settled: acknowledged, overdue, or lost with its session. A dropped session is
// reset instead of closed, so that the kernel does not deliver leftover data
// minutes later.
//
// Telemetry and durable events share the connection and have separate windows of
// unacknowledged messages. Telemetry can fill only its own window, and never
// makes a durable event wait for an acknowledgement. There is no order between
// the two kinds. Telemetry is sent in bursts, a few milliseconds apart, each
// acknowledged as a whole, to cost the requests it reports on as little as
// possible.
//
// # Order and exactly once
//
// PublishBatch guarantees two things. The events of a batch are stored in order.
// And after a failure, a caller that continues with the events not known to be
// stored, and repeats that until all are, gets every event into the stream
// exactly once and in order. On a single broker, with many events in flight, the
// argument is as follows.
//
//  1. A batch uses one session, so one TCP connection: what arrives at the broker
//     is a prefix of what was sent. With a client that reconnects by itself, one
//     loop's messages can span two connections, with the first half lost and the
//     second half stored.
//  2. The broker reads one connection in order and stores in order. Nothing is
//     resent without the caller's knowledge, as the client library would do after
//     a missing response.
//  3. A repetition starts at the first event not known to be stored, and every
//     event carries its ID. The broker recognizes what it stored the first time. If
//     leftover data of an old session still arrives while a new session repeats
//     it, both are in order. Whichever copy comes first, no event overtakes its
//     predecessor.
//  4. IDs are recognised within the duplicate window, 30 s. What was written reaches
//     the broker within ten seconds, or not at all: a process that was stopped for
//     longer resets its connection instead of writing, and the kernel gives up data
//     that it cannot deliver (on Linux). A caller that may have been away longer uses
//     [Stream.Last] to find the end of the stream.
//
// A batch of new events on such a broker needs two acknowledgements, of its first and
// its last event, because an acknowledgement for each event costs a tenth of what the
// event costs. Each event but the first names the one before it
// (Nats-Expected-Last-Msg-Id), and the broker refuses it unless that one is the
// newest message of the stream. So no event of the batch is stored without its
// predecessor, and if the first is stored anew and the last is stored, all are. The
// sequences alone would not prove that: another publisher's message may take the
// sequence of an event that the broker refused. If another message comes between, or
// an event was stored before, the rest of the batch is refused and sent again with an
// acknowledgement for each event, which the IDs make harmless. So is the first batch
// of a session, because copies that the previous session sent may still arrive, and
// every batch in the ten seconds after one was broken.
//
// In a batch that is acknowledged event by event, a later event can still be stored
// without an earlier one if the broker rejects
// a single message among several in flight. That happens if its ingest queue is
// full (100,000 messages, which takes other publishers, because we never have
// more than a few thousand in flight), if the disk is too full for the larger
// message, or if an operator deletes the stream and it is recreated within the
// same milliseconds. The rest is then still stored exactly once, but the rejected
// event follows some of its successors. With Config.MaxInFlight 1 even that
// cannot happen, at the cost of a round trip per event.
//
// # Clusters
//
// On a cluster there is more behind the broker we are connected to: a route to
// the stream's leader, and a leader that may change. Both can lose single
// messages in flight, so a later event may be stored without an earlier one. A
// caller that then looks only at the newest event would assume that the missing
// one is stored. Many single messages are therefore in flight only if the stream
// has one replica, on the very broker that reads the connection. Everywhere else
// PublishBatch commits atomic batches (server 2.12) of up to 500 events, one
// after the other: the leader proposes a batch as a whole, and it is applied as a
// whole or not at all. A batch may therefore delay its events by a round trip,
// and gives them all the same storage time. A stream that does not allow atomic
// batches gets one event at a time, as does any stream with Config.MaxInFlight 1.
// (On a single broker a batch costs a directory, a file and a sync, and is not
// needed.)
//
//  1. A batch that is rejected was not stored. It is sent again one event at a
//     time. This resolves a repetition after an unknown outcome: the broker
//     rejects a batch with an ID that it knows, and acknowledges the same events
//     singly as duplicates. It also finds the one event that the broker does not
//     accept, and serves more batches than the broker allows at a time.
//  2. A batch without a response may be stored now, later or never, but only as a
//     whole. The events are repeated with their IDs, so whichever copy is applied
//     first, the broker recognizes the other one, event by event.
//  3. While an earlier copy is undecided, an event fails with [ErrPending]. The
//     next leader decides, or the current one once it has a quorum again.
//  4. Each probe and each regular check reads how the broker keeps the stream. If
//     an operator adds replicas to a busy stream, or moves it, this guarantee
//     holds from the next check on.
//
// A cluster survives the loss of any one node. While the stream elects a leader
// nothing responds, and the stream is degraded until the election ends: usually
// well under a second, up to ten seconds after a crash. A session ends with the
// node it was connected to, and the next one connects to another. Config.URL
// should name several nodes; if none of them can be reached, the servers that a
// broker advertised are tried, with the credentials of the URL. A node that
// responds while its JetStream does not, because it is cut off from the others,
// is replaced by another one after three failed probes.
//
// # Replicas
//
// An existing stream is never changed. A new one has Config.Replicas replicas.
// With 0, the default, it has three if the broker can create three. One replica
// is created instead
//
//   - at once, if the broker is not a cluster, or the account may not have
//     replicas;
//   - on a cluster of fewer than three nodes, after it has refused three replicas
//     for Config.ReplicasWait, because a node may just not be up yet.
//
// A cluster that knows a third node which is down creates three replicas, or the
// stream waits. The same holds for a cluster that lacks nodes while Config.URL
// names three servers. The dead letters and the ledger get as many replicas as
// the events have.
//
// # Consuming
//
// A durable consumer passes one event after the other to a handler. nil
// acknowledges. [Permanent] errors and messages that are not charter events are
// stored on deadletter.<durable> before they are removed from the consumer. Any
// other error causes redelivery after a backoff; later events may pass meanwhile.
// Delivery is at least once. A handler whose effect must not be repeated calls
// [Delivery.Remember] after it: a redelivery is then acknowledged without calling
// the handler, however the process ended in between.
//
// The broker sends heartbeats while it has nothing to deliver. If they stop, or
// the connection is new, the consumer is looked up again. If it was deleted, it
// is recreated after the last event that was settled.
package eventstream
