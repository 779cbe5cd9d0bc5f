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
// # One batch at a time
//
// A second batch could be sent before the first is acknowledged, without a risk to the
// order, if its first event named the last one of the batch before, as the events within a
// batch do: nothing would then be stored behind a gap. That is possible on a stream with
// one copy only. An atomic batch names no event, and would be stored although the one
// before it was refused. Any message between the two batches, such as another supervisor's
// telemetry, would cost the second one a repetition. With several outboxes, twice as many
// events would be hidden by a late copy (see below).
//
// It would not pay: the broker stores a stream's events one after the other, which takes
// longer than everything the relay does for them, and it is busy with the first events of
// a batch while the relay sends the last. With two batches in flight, an event was measured
// to take the same processor time, and a tenth less time on an idle machine only.
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
// events that are published twice within seconds.
//
// # What the broker may lose
//
// An acknowledged event survives a crash of the broker, but may not survive a crash of
// its machine: the event is on disk only after the broker's next sync, and the broker
// syncs at intervals. So the outbox keeps acknowledged events for longer than that
// interval, and the relay continues behind them. An event is deleted from the outbox
// when its acknowledgement is old enough and the stream, asked again, has not lost the
// event. The relay may find a loss at the start of a term, after an outage or when it
// asks. It then continues behind what is not lost. The lost events are sent again, in
// order. The broker does not treat them as duplicates, because it knows ids only from
// the events it has stored.
//
// # What is removed
//
// Events also leave the stream because its owner purges it or deletes them, or because of
// its limits: age, number, size. Then the stream may end earlier, or hold no durable event
// at all, but nothing is lost, and what was removed must not be sent again. The relay tells
// the two apart by sequences. A sequence is given once in the life of a stream, and the
// stream's last sequence stays when messages are removed. A crash sets it back: all
// sequences after a certain one are gone, and are given again to what arrives next.
//
// So each checkpoint of acknowledgements keeps the id and the sequence of its newest event.
// If the stream's durable events do not reach a checkpoint, the relay looks at this sequence:
//
//   - It is above the stream's last sequence: lost.
//   - It holds another message: lost, and given again.
//   - It holds the event: not lost. Events before or after it may have been removed.
//   - It holds nothing: removed, if the stream was created when it was before. If the
//     stream was created anew, the old one's events are lost.
//
// A loss takes everything after some sequence, so the checkpoints that are not lost come
// before those that are. The relay continues behind the last one that is not lost, or
// behind the newest durable event if that is further.
//
// The last case errs if the stream has lost the event, has given its sequence again, and
// has already removed what got it. That takes a limit, or an owner, that removes messages
// of that sequence within seconds. They would have removed the event as well, as it was
// older. The exception is a limit for each subject, which counts the events of each type
// separately: do not set one so small that it holds less than some seconds.
//
// The other copies of a stream change nothing about this. The leader of a replicated stream
// answers, and its copies agree on sequences. A mirror has the sequences of its origin. If
// it takes the origin's place, it was created at another time, but it holds the events at
// their sequences, and lacks those that it had not yet received. A stream that is restored
// from a snapshot keeps the time when it was created, and ends where the snapshot ended:
// what came later is lost, and is sent again as far as the outbox has it. A restore that
// takes the store back, too, removes from the stream what the store does not know (see
// TruncateAfter). No relay may run meanwhile, since what it remembers would be of positions
// that the store gives again.
//
// # When another leader takes over
//
// A leader that was killed may have left messages on their way to the broker. They
// arrive while its successor already reads the stream or publishes. Both send the same
// events with the same ids, each outbox's in order and without a gap from the end of
// the stream. Whichever copy arrives first is stored, never before its predecessor. The
// broker recognises the other copy by its id, since a takeover follows within seconds
// and the duplicate window is 30 s. "Not too far" still holds, so nothing is ever
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
// than ten seconds. After a longer one, the connection resets itself instead of sending it.
//
// A new leader knows the sequences from the store. With each acknowledgement the relay
// records, in the same step, the id and the sequence of the newest acknowledged event, and
// when its stream was created. The new leader takes what each outbox has recorded as one more
// checkpoint. Such a checkpoint is judged by itself, since a frozen leader may record late:
// if its own event is lost, it says nothing, whatever the others say. An acknowledgement is
// recorded just after it arrives. A leader that is killed in between leaves events of which
// nobody knows a sequence. If they are removed as well before the next leader looks, they are
// sent again.
package relay
