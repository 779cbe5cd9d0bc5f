// Package chaos injects faults into supervisors, brokers, Redis, agents and
// clients, all in separate processes, and decides with
// [missioncontrol/test/chaos/check] whether the guarantees held. Its clients and
// agents use plain NATS and HTTP as in docs/PROTOCOL.md; nothing here imports the
// service. README.md says how to run it and how to read a failure.
package chaos
