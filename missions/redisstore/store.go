package redisstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/leader"
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
	// Self is the id of this supervisor, and Address where others reach it without a broker,
	// a URL; optional.
	Self, Address string
	// Send sends a message to another supervisor, at an address unless that is empty. It
	// answers what its [Store.Answer] returns. [leader.ErrNotDelivered] says that the message
	// has certainly not arrived. Without Send, this process is the only one that uses the data
	// set.
	Send func(ctx context.Context, supervisor, address string, message []byte) ([]byte, error)
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
	ErrOlderSchema = errors.New("the data set was written by an earlier version")
	ErrPartitions  = errors.New("the data set has a different number of partitions")
	ErrForbidden   = errors.New("the store lacks permissions in Redis")
	ErrForeign     = errors.New("a key of the data set belongs to another program")
)

// Store implements [missions.Store] on Redis. All methods may be called concurrently.
type Store struct {
	missions.Store

	shared *leader.Shared
	seal   *seal
}

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
	client, err := where.connect(ctx, cfg.Timeout)
	if err != nil {
		return nil, err
	}
	store, err := open(ctx, cfg, &connection{client: client, where: where, log: cfg.Logger})
	if err != nil {
		return nil, errors.Join(err, client.Close())
	}
	return store, nil
}

// open opens the data set.
func open(ctx context.Context, cfg Config, c *connection) (*Store, error) {
	if err := suits(ctx, c.client, c.log); err != nil {
		return nil, c.where.explain(err)
	}
	schema, err := c.schema(ctx)
	if err == nil && schema != 0 {
		err = ofSchema(schema) // before its keys are looked at
	}
	if err != nil {
		return nil, err
	}
	b := newBackend(c, cfg)
	if err := b.open(ctx, cfg.Partitions); err != nil {
		return nil, openError(&c.where, err)
	}
	store := &Store{seal: &b.seal}
	shared := leader.SharedConfig{
		Config: leader.Config{
			Engine: engine.Config{OutboxLimit: cfg.OutboxLimit, Retry: cfg.Retry}, Identity: b.Identity, Logger: cfg.Logger,
			Now:    func() time.Time { return b.clock.Now().Add(cfg.Ahead()) },
			Steady: func() time.Duration { return b.clock.Steady() + cfg.Ahead() },
			Stale:  b.stale.Load,
		},
		Backend: b, Leaders: elections{b}, Alone: cfg.Send == nil,
	}
	if cfg.Send != nil {
		shared.Send = func(ctx context.Context, holder string, message []byte) ([]byte, error) {
			sealed := b.seal.close(message, nil)
			answer, err := cfg.Send(ctx, holder, b.addressOf(holder), sealed)
			if err != nil {
				return nil, err
			}
			opened, _, err := b.seal.open(answer, sealed[:sealBytes])
			return opened, err
		}
	}
	opened, err := leader.OpenShared(ctx, shared)
	if err != nil {
		b.Close()
		return nil, openError(&c.where, err)
	}
	store.Store, store.shared = closing{opened, b}, opened
	return store, nil
}

// closing is a store that closes its connection.
type closing struct {
	*leader.Shared
	backend *Backend
}

// Ping implements [missions.Store]. Health is for operators, who are told what Redis does not
// allow.
func (c closing) Ping(ctx context.Context) error {
	err := c.Shared.Ping(ctx)
	var lacks *denial
	if errors.As(err, &lacks) {
		return missions.Unavailable(lacks.Error(), err)
	}
	return err
}

// Close implements [missions.Store].
func (c closing) Close() error {
	err := c.Shared.Close()
	c.backend.Close()
	return errors.Join(err, c.backend.connection.close())
}

// Answer answers a message that another supervisor's Send has sent. It may be called
// concurrently. The error says that the message is not from a supervisor of this data set.
func (s *Store) Answer(ctx context.Context, message []byte) ([]byte, error) {
	opened, mark, err := s.seal.open(message, nil)
	if err != nil {
		return nil, err
	}
	return s.seal.close(s.shared.Answer(ctx, opened), mark), nil
}

// Pass returns a text that only supervisors of this data set know, for transports that want to
// know before they read a message. It changes when the data set is begun anew.
func (s *Store) Pass() string {
	return s.seal.pass()
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
