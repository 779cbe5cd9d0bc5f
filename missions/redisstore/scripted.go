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

	partitions []*oldPartition
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
	return s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
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
	return s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
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
