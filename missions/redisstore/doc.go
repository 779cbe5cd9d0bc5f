// Package redisstore keeps missions in Redis: the store for many supervisors.
//
// # One leader
//
// A new data set is kept by package engine, in schema 4. The supervisor that leads computes every
// step in memory, and commits batches of steps with one script, which refuses them if another
// supervisor leads: see [Backend]. The others forward changes to it and read from Redis
// themselves: see [leader.Shared]. The leader's clock follows that of Redis: see [Clock].
//
// # Scripts
//
// A data set of schema 3, and one with several partitions, is kept by scripts. Every method of
// [missions.Store] is one Lua script, in lua/, so that a mission, its log, its lease, the counters
// and the events that tell of a change are one atomic step there. Time is Redis' own. Callers that
// arrive while a script is under way share the next one.
//
// Such a data set has a number of partitions, chosen when it is created. A mission lives in the
// partition that its id hashes to, and all of a partition's keys carry one hash tag, so that a
// Redis Cluster can spread the partitions over its nodes. A step that concerns several of them is
// one atomic step in each:
//
//   - A batch is split; items of a partition that cannot be reached have
//     [missions.ErrUnavailable] as their own error while the others are stored.
//   - Claims look at the heads of all partitions in one round trip and take the best
//     in the next. They respect priority and age as these stood at the first: what
//     arrives in between, or what another claim takes, can put a mission behind one
//     of lower priority, by one round trip at most.
//   - Age is the creation time by the clock of the partition's Redis node. A batch's
//     missions keep the batch's order.
//   - Lists merge the partitions' lists; counters are sums of counters read at
//     nearly the same time.
//   - Each partition has an outbox of its own. A mission's events are all in one.
//
// # What Redis has to promise
//
// maxmemory-policy noeviction, checked at the start. What a confirmed step survives
// is what Redis' own persistence says: with appendfsync always everything, with
// everysec up to a second may be lost with the machine. Without an append-only file
// [Open] warns. A data set that is gone from a Redis that answers is begun anew,
// with an error in the log.
package redisstore
