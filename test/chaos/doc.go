// Package chaos mistreats supervisors, brokers, Redis, agents and clients, all of
// them processes of their own, and decides with [missioncontrol/test/chaos/check]
// whether the guarantees were kept. Its clients and agents speak plain NATS and HTTP
// by docs/PROTOCOL.md; nothing here imports the service. README.md says how to run it
// and how to read a failure.
package chaos
