// Package redisstore keeps missions in Redis: the store for many supervisors.
//
// # Steps
//
// Every method of [missions.Store] is one Lua script, in lua/, so that a mission,
// its log, its lease, the counters and the events that tell of a change are one
// atomic step there as they are in a database. Time is Redis' own: supervisors'
// clocks decide nothing. Callers that arrive while a script is under way share the
// next one.
//
// # Partitions
//
// A data set has a number of partitions, chosen when it is created. A mission lives
// in the partition that its id hashes to, and all of a partition's keys carry one
// hash tag, so that a Redis Cluster can spread the partitions over its nodes. With
// one partition, the default, everything the contract says holds to the letter.
// With more, a step that concerns several of them is one atomic step in each:
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

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
)

// scripted implements [missions.Store] with scripts: what a step means stands in lua/.
type scripted struct {
	cfg    Config
	log    *slog.Logger
	where  Location
	client redis.UniversalClient

	partitions []*partition
	failing    atomic.Bool // Redis does not do what it should, and the log says so

	create   group[creation, creationResult]
	finish   group[missions.Finish, missions.Result]
	beat     group[missions.Heartbeat, missions.HeartbeatResult]
	progress group[missions.ProgressUpdate, missions.ProgressResult]
	append   group[missions.LogAppend, error]

	mu     sync.Mutex // guards closed against calls.Add
	closed bool
	calls  sync.WaitGroup
}

var _ missions.Store = (*scripted)(nil)

func (s *scripted) open(ctx context.Context) error {
	if err := s.openDataSet(ctx, s.where.prefix); err != nil {
		return err
	}
	s.create.run, s.finish.run, s.beat.run = s.creationBatch, s.finishBatch, s.beatBatch
	s.progress.run, s.append.run = s.progressBatch, s.appendBatch
	return nil
}

// Identity implements [missions.Store].
func (s *scripted) Identity() string { return s.partitions[0].Identity() }

// Outboxes implements [missions.Store].
func (s *scripted) Outboxes() []missions.Outbox {
	outboxes := make([]missions.Outbox, len(s.partitions))
	for i, p := range s.partitions {
		outboxes[i] = p
	}
	return outboxes
}

// Ping implements [missions.Store]. Health is for operators, who are told what Redis does
// not allow.
func (s *scripted) Ping(ctx context.Context) error {
	return s.everywhere(ctx, func(ctx context.Context, p *partition) error {
		_, err := p.call(ctx, scripts.ping)
		var lacks *denial
		if errors.As(err, &lacks) {
			return missions.Unavailable(lacks.Error(), err)
		}
		return err
	})
}

// CheckWrite implements [missions.Store].
func (s *scripted) CheckWrite(ctx context.Context) error {
	return s.everywhere(ctx, func(ctx context.Context, p *partition) error {
		_, err := p.call(ctx, scripts.checkWrite)
		return err
	})
}

// Close implements [missions.Store]: it waits for the scripts under way.
func (s *scripted) Close() error {
	s.mu.Lock()
	was := s.closed
	s.closed = true
	s.mu.Unlock()
	s.calls.Wait()
	if was {
		return nil
	}
	return s.client.Close()
}

var errClosed = missions.Refused("the store is closed", nil)

// begin notes a call; whoever gets no error calls s.calls.Done.
func (s *scripted) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	s.calls.Add(1)
	return nil
}
