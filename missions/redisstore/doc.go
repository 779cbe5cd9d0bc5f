// Package redisstore keeps missions in Redis: the store for many supervisors.
//
// # One leader
//
// The supervisor that leads computes every step in memory (package engine), and commits batches of
// steps with one script, which refuses them if another supervisor leads: see [Backend]. The others
// forward changes to it and read from Redis themselves: see [leader.Shared]. The leader's clock
// follows that of Redis: see [Clock].
//
// # Partitions
//
// A data set has a number of partitions, chosen when it is created. A mission is in the partition
// that its id hashes to, and all keys of a partition have one hash tag, so that a Redis Cluster
// can spread missions over its nodes. The leader computes for all partitions, so every step means
// the same whatever their number. What differs:
//
//   - While a partition cannot be reached, its missions are refused with
//     [missions.ErrUnavailable], one by one, and are in no claim. Lists fail.
//   - A commit takes a second round trip, to the partitions that it concerns.
//   - Other supervisors may read a commit's missions of one partition a moment before those of
//     another, while the commit is not yet acknowledged.
//
// # What Redis has to promise
//
// maxmemory-policy noeviction, checked at the start. What a confirmed step survives
// is what Redis' own persistence says: with appendfsync always everything, with
// everysec up to a second may be lost with the machine. Without an append-only file
// [Open] warns. A data set that is gone from a Redis that answers is begun anew,
// with an error in the log.
package redisstore
