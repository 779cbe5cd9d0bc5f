// Package check decides from outside whether a supervisor kept its guarantees under
// faults. It knows the protocol from docs/PROTOCOL.md and shares no code with the
// service. Its input is what clients and agents recorded, the final content of the
// store, and the content of the stream.
//
// The guarantees, with the project's numbers:
//
//  1. Accepted is stored.
//  2. No mission is lost or stuck.
//  3. One holder: only the newest lease changes a running mission.
//  4. Every durable change is in the stream exactly once, in order per mission.
//  5. Telemetry is free: without the stream every request is answered.
//  6. An agent's death is noticed, and its missions come back.
//  10. Every wait ends, and ends once: missions start when what they wait for has
//     happened, and not before.
//  11. What is reported is kept and counted once: checkpoints, usage, signals.
//  12. A schedule is due once: each of its times has one mission, or is told to be missed.
//  13. A unique key has one holder, which lives.
//  14. Limits hold: no more missions run than one allows, all in all and of each key.
package check
