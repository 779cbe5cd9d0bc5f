// Package supervisor is the service: what Mission Control can do, as Go methods. The
// methods take and return the types of package api. They do not know which front end a
// request came through: natsapi/ or web/.
//
// # What runs
//
// [Service.Run] runs these parts in every supervisor:
//
//   - the dispatcher, which parks claims and wakes them when missions arrive;
//   - the exchange of hints with the other supervisors on the same store, if there can be
//     any ([Peers]);
//   - the watch over agents' connections, if the broker reports them ([Connections]);
//   - the readers of the event stream, which rest while no client watches;
//   - the watch over the store's clock, which may be set;
//   - the candidacy for the leadership of the store.
//
// The leader, one at a time, also runs the reaper, which handles what has become due;
// the retention; the sampler of the statistics; the checks of the alert rules, and the
// notifier of alerts; and the relay, which copies the outboxes to the event stream.
// When the leader stops it resigns, and another supervisor takes over at once. When it
// dies or loses the store, another takes over when its leadership has run out, and by
// then it has stopped ([Config] Leadership).
//
// When Run's context ends, parked requests are answered, the loops end, the relay sends
// what is left, and Run returns.
//
// Any supervisor answers any request. No supervisor keeps state that another would
// need: they agree through the store, and hints only save the others a look at it.
//
// # What waits for what
//
// Requests wait for the store. Only the relay and event watchers wait for the event
// stream: telemetry is dropped while the stream is away, and durable events are in the
// outbox before the request that caused them is answered.
package supervisor
