// Package check decides from outside whether a supervisor kept its guarantees while
// it was mistreated. It knows the protocol by docs/PROTOCOL.md and shares no code
// with the service: what it is told is what clients and agents wrote down, what the
// store says in the end, and what is in the stream.
//
// The guarantees are numbered as the project numbers them:
//
//  1. Accepted is stored.
//  2. No mission is lost or stuck.
//  3. One holder: only the newest lease changes a running mission.
//  4. Every durable change is in the stream exactly once, per mission in order.
//  5. Telemetry is free: without the stream everything that can be asked answers.
//  6. An agent's death is noticed, and its missions come back.
package check
