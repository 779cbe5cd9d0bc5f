// Package relay copies the outboxes to the event stream, and deletes from them what the
// stream can no longer lose. It runs in the leader only.
//
// # One sequence
//
// The events of all outboxes form one sequence. The events of each outbox keep their
// order. A batch is sent after the batch before it has been acknowledged completely.
// What is stored of a batch is always a prefix, as PublishBatch promises. The meta of
// each event names its outbox and its position there and, if there are several
// outboxes, how far the sequence had come in each of them when the event was added.
//
// # Where to continue
//
// At the start of a term, after an outage and after a failed publish, the relay does
// not know how far it has come. It then asks the stream for the newest event of each
// durable type. For each outbox it takes the highest position that any of these events
// names. The order of the sequence makes this correct:
//
//   - Not too far. A stored event names its own position, or positions of events sent before
//     it, and the events before it are stored.
//   - Far enough. The newest durable event is one of those the relay asked for. All stored
//     events were sent before it, so it names a position at least as high.
//
// This holds however long the outage was. The stream's duplicate window only covers
// events that are published twice within minutes.
//
// # What the broker may lose
//
// An acknowledged event survives a crash of the broker, but may not survive a crash of
// its machine: the event is on disk only after the broker's next sync, and the broker
// syncs at intervals. So the outbox keeps acknowledged events for longer than that
// interval, and the relay continues behind them. An event is deleted from the outbox
// when its acknowledgement is old enough and the stream, asked again, still has the
// event. The relay may find that the stream ends earlier, at the start of a term, after
// an outage or when it asks. It then continues from the end of the stream. The lost
// events are sent again, in order. The broker does not treat them as duplicates,
// because it knows ids only from the events it has stored.
//
// # When another leader takes over
//
// A leader that was killed may have left messages on their way to the broker. They
// arrive while its successor already reads the stream or publishes. Both send the same
// events with the same ids, each outbox's in order and without a gap from the end of
// the stream. Whichever copy arrives first is stored, never before its predecessor. The
// broker recognises the other copy by its id, since a takeover follows within seconds
// and the duplicate window is minutes. "Not too far" still holds, so nothing is ever
// lost.
//
// "Far enough" needs a second look if there are several outboxes. The late copy may be
// the newest event, and name lower positions of the other outboxes than the successor's
// events before it. The events it hides are in the successor's current batch. Once that
// batch is deleted, they are in no outbox any more. So a batch is sent twice only if a
// second leader dies during that same batch, and no supervisor takes over until the
// duplicate window has passed.
//
// A leader that freezes instead of dying no longer has the right to act when it wakes
// up, and checks this before each batch. What it had passed to the connection before is
// a late arrival like any other. The broker recognises it if the freeze was shorter
// than the duplicate window. It does not arrive at all if the freeze was longer than
// the broker's timeout for silent clients.
package relay
