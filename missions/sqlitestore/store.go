// Package sqlitestore keeps missions in one SQLite file, the embedded default: nothing to
// install, durable against power loss, one supervisor at a time.
//
// What steps mean is decided by an [engine.Engine], which package leader runs. This package
// keeps what the engine decides: see [Backend]. SQLite's write-ahead log with
// synchronous=FULL makes it durable: a step is answered after its commit was flushed.
// Readers use connections of their own and see the last commit.
//
// Whatever is asked is answered from an index, from a counter or from memory: see
// migrations/ for the tables.
package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/fileperm"
	"missioncontrol/missions"
	"missioncontrol/missions/codec"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/leader"
)

// Config says where a store lives and how it behaves.
type Config struct {
	Path        string               // the database file, required; its directory is created when missing
	OutboxLimit int64                // events the outbox holds before new missions are refused; default 1,000,000
	Retry       missions.RetryPolicy // back-off of failed missions; default missions.DefaultRetryPolicy
	Readers     int                  // connections for reading; default 4
	Now         func() time.Time     // the clock; default time.Now, whose steps change no duration
	Logger      *slog.Logger         // default slog.Default
}

// Errors of Open, to be matched with errors.Is. Their texts say what to do.
var (
	ErrLocked      = errors.New("another process uses this store")
	ErrNewerSchema = errors.New("the store was written by a newer version")
	ErrNotWritable = errors.New("the store cannot be written")
	ErrDamaged     = errors.New("the store is damaged, or is not a store")
)

// Store implements [missions.Store] on SQLite. All methods may be called concurrently.
type Store struct {
	*leader.Store
	backend *Backend
}

var _ missions.Store = (*Store)(nil)

// newFile is for a file to which nothing has been written; see vacuum.go.
const newFile = "PRAGMA auto_vacuum = INCREMENTAL;"

// Durable against power loss: a commit is flushed to disk before it is answered, as
// openConn has it. A long reader makes the write-ahead log grow; with journal_size_limit it
// shrinks again when it begins anew.
const pragmas = `
	PRAGMA journal_mode = WAL;
	PRAGMA foreign_keys = OFF;
	PRAGMA temp_store = MEMORY;
	PRAGMA busy_timeout = 5000;
	PRAGMA cache_size = -32768;
	PRAGMA wal_autocheckpoint = 4000;
	PRAGMA journal_size_limit = 33554432;
`

// Open opens the store, creates it when it does not exist, and brings an older
// one up to date. It takes a lock, so that no second process opens the same
// file. Errors: [ErrLocked], [ErrNewerSchema], [ErrNotWritable], [ErrDamaged].
func Open(cfg Config) (*Store, error) {
	var steady func() time.Duration
	if cfg.Now == nil {
		opened := time.Now()
		steady = func() time.Duration { return time.Since(opened) } // of the monotonic clock
	}
	cfg = cfg.WithDefaults()
	backend, err := OpenBackend(cfg)
	if err != nil {
		return nil, err
	}
	store, err := leader.Open(context.Background(), leader.Config{
		Engine:   engine.Config{OutboxLimit: cfg.OutboxLimit, Retry: cfg.Retry},
		Identity: backend.Identity, Backend: backend, Now: cfg.Now, Steady: steady, Logger: cfg.Logger,
	})
	if err != nil {
		return nil, errors.Join(unusable(cfg.Path, err), backend.Close())
	}
	return &Store{store, backend}, nil
}

// Close implements [missions.Store]: steps already handed over are committed.
func (s *Store) Close() error { return errors.Join(s.Store.Close(), s.backend.Close()) }

// openWriter opens the file for writing, and creates it if it does not exist.
func openWriter(path string, log *slog.Logger) (*conn, error) {
	if err := createPrivate(path); err != nil {
		return nil, notWritable(path, fileperm.Cause(err))
	}
	tighten(path, log)
	first := ""
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		first = newFile
	}
	c, err := openConn(path, first+pragmas)
	if err != nil {
		return nil, unusable(path, err)
	}
	return c, nil
}

// WithDefaults fills in what was left out.
func (cfg Config) WithDefaults() Config {
	if cfg.OutboxLimit == 0 {
		cfg.OutboxLimit = 1_000_000
	}
	if cfg.Readers == 0 {
		cfg.Readers = 4
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return cfg
}

// Validate checks a configuration that has its defaults.
func (cfg Config) Validate() error {
	switch {
	case cfg.Path == "":
		return errors.New("a store needs the path of a file")
	case cfg.OutboxLimit < 1:
		return fmt.Errorf("a store's outbox must hold at least 1 event, not %d", cfg.OutboxLimit)
	case cfg.Readers < 1:
		return fmt.Errorf("a store needs at least 1 connection for reading, not %d", cfg.Readers)
	}
	return nil
}

// unusable says what to do about a failure to open a store.
func unusable(path string, cause error) error {
	switch {
	case errors.Is(cause, ErrNewerSchema):
		return cause
	case errors.Is(cause, sqlite3.NOTADB), errors.Is(cause, sqlite3.CORRUPT), errors.Is(cause, errForeign), errors.Is(cause, codec.ErrEncoding):
		return fmt.Errorf("%w: %s: %w; restore a backup, or choose another location with --data-dir or --store",
			ErrDamaged, path, cause)
	}
	return notWritable(path, cause)
}

func notWritable(path string, cause error) error {
	return fmt.Errorf("%w: %s: %w; make it writable, or choose another location with --data-dir or --store",
		ErrNotWritable, path, cause)
}

// internal reports whether err is not for the caller but a fault of the store.
func internal(err error) bool {
	var domain *missions.Error
	return err != nil && !errors.As(err, &domain)
}

var errClosed = missions.Refused("the store is closed", nil)
