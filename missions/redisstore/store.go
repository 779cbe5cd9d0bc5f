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
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
)

// Config says where a store lives and how it behaves.
type Config struct {
	// URL is where Redis is, required; see [ParseURL].
	URL string
	// Partitions is how many partitions a data set is created with, 1 to 1024. For
	// one that exists it must be the same, or 0: whatever it has. Default 0, which
	// creates 1.
	Partitions int
	// OutboxLimit is how many events all outboxes together hold before new missions
	// are refused. Default 1,000,000.
	OutboxLimit int64
	// Retry is the back-off of failed missions. Default missions.DefaultRetryPolicy.
	Retry missions.RetryPolicy
	// Timeout is how long Redis may take to connect or to answer. Default 3 s.
	Timeout time.Duration
	// Ahead is how far the store's clock is ahead of Redis' own: for tests. Default
	// not at all.
	Ahead func() time.Duration
	// Logger takes a line when the store fails, and one when it is back. Default
	// slog.Default.
	Logger *slog.Logger
}

// Errors of Open, to be matched with errors.Is. Their texts say what to do.
var (
	ErrURL         = errors.New("cannot use the Redis URL")
	ErrUnreachable = errors.New("cannot reach Redis")
	ErrUnsuitable  = errors.New("cannot use this Redis")
	ErrNewerSchema = errors.New("the data set was written by a newer version")
	ErrOlderSchema = errors.New("the data set was written by a version before the first release")
	ErrPartitions  = errors.New("the data set has a different number of partitions")
	ErrForbidden   = errors.New("the store lacks permissions in Redis")
	ErrForeign     = errors.New("a key of the data set belongs to another program")
)

// Store implements [missions.Store] on Redis. All methods may be called
// concurrently.
type Store struct {
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

var _ missions.Store = (*Store)(nil)

// Open connects to Redis, checks that it suits, and creates the data set when there
// is none. Errors: [ErrURL], [ErrUnreachable], [ErrUnsuitable], [ErrForbidden],
// [ErrForeign], [ErrNewerSchema], [ErrOlderSchema], [ErrPartitions].
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	where, err := ParseURL(cfg.URL)
	if cfg.Partitions == 0 {
		cfg.Partitions = where.Partitions
	}
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, log: cfg.Logger, where: where}
	if s.client, err = where.connect(ctx, cfg.Timeout); err != nil {
		return nil, err
	}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.client.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if err := suits(ctx, s.client, s.log); err != nil {
		return s.where.explain(err)
	}
	if err := s.openDataSet(ctx, s.where.prefix); err != nil {
		return err
	}
	s.create.run, s.finish.run, s.beat.run = s.creationBatch, s.finishBatch, s.beatBatch
	s.progress.run, s.append.run = s.progressBatch, s.appendBatch
	return nil
}

// WithDefaults fills in what was left out.
func (cfg Config) WithDefaults() Config {
	if cfg.OutboxLimit == 0 {
		cfg.OutboxLimit = 1_000_000
	}
	if cfg.Retry == (missions.RetryPolicy{}) {
		cfg.Retry = missions.DefaultRetryPolicy()
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 3 * time.Second
	}
	if cfg.Ahead == nil {
		cfg.Ahead = func() time.Duration { return 0 }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg
}

// MaxPartitions bounds [Config].Partitions.
const MaxPartitions = 1024

// Validate checks a configuration that has its defaults.
func (cfg Config) Validate() error {
	switch {
	case cfg.OutboxLimit < 1:
		return fmt.Errorf("a store's outbox must hold at least 1 event, not %d", cfg.OutboxLimit)
	case cfg.Partitions < 0 || cfg.Partitions > MaxPartitions:
		return fmt.Errorf("a data set has 1 to %d partitions, not %d", MaxPartitions, cfg.Partitions)
	case cfg.Timeout < time.Millisecond:
		return fmt.Errorf("a Redis cannot answer within %s", cfg.Timeout)
	}
	return nil
}

// Identity implements [missions.Store].
func (s *Store) Identity() string { return s.partitions[0].Identity() }

// Outboxes implements [missions.Store].
func (s *Store) Outboxes() []missions.Outbox {
	outboxes := make([]missions.Outbox, len(s.partitions))
	for i, p := range s.partitions {
		outboxes[i] = p
	}
	return outboxes
}

// Ping implements [missions.Store]. Health is for operators, who are told what Redis does
// not allow.
func (s *Store) Ping(ctx context.Context) error {
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
func (s *Store) CheckWrite(ctx context.Context) error {
	return s.everywhere(ctx, func(ctx context.Context, p *partition) error {
		_, err := p.call(ctx, scripts.checkWrite)
		return err
	})
}

// Close implements [missions.Store]: it waits for the scripts under way.
func (s *Store) Close() error {
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
func (s *Store) begin(ctx context.Context) error {
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
