// Package sqlitestore keeps missions in one SQLite file, the embedded default:
// nothing to install, durable against power loss, one supervisor at a time.
//
// # How it writes
//
// One at a time writes: a caller that finds nobody writing, or else a goroutine that
// serves all who wait. Callers queue steps; those that arrive while a commit is under
// way share the next commit, so that one flush to disk serves many callers. Kinds of
// steps share the writer's time fairly: see queue.go. The journal is SQLite's
// write-ahead log with synchronous=FULL: a step is answered after its commit was
// flushed. Readers use connections of their own and see the last commit; they never
// wait for the writer.
//
// # How it stays flat
//
// Whatever is asked is answered from an index or a counter that the steps keep:
// see migrations/0001_initial.sql for the tables and tally.go for the counters.
package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/fileperm"
	"missioncontrol/missions"
)

// Config says where a store lives and how it behaves.
type Config struct {
	Path        string               // the database file, required; its directory is created when missing
	OutboxLimit int64                // events the outbox holds before new missions are refused; default 1,000,000
	Retry       missions.RetryPolicy // back-off of failed missions; default missions.DefaultRetryPolicy
	Readers     int                  // connections for reading; default 4
	Now         func() time.Time     // the clock; default time.Now
	Chance      func() float64       // in [0, 1), for the jitter of back-offs; default math/rand
	Logger      *slog.Logger         // default slog.Default
}

// Errors of Open, to be matched with errors.Is. Their texts say what to do.
var (
	ErrLocked      = errors.New("another process uses this store")
	ErrNewerSchema = errors.New("the store was written by a newer version")
	ErrNotWritable = errors.New("the store cannot be written")
	ErrDamaged     = errors.New("the store is damaged, or is not a store")
)

// Store implements [missions.Store] on SQLite. All methods may be called
// concurrently.
type Store struct {
	cfg      Config
	log      *slog.Logger
	identity string
	lock     *os.File

	leadership leadership

	turn    chan struct{} // holds a value while somebody writes
	writer  *conn         // theirs who have the turn, like what follows
	marks   marks
	counts  atomic.Pointer[missions.Counts] // as of the last commit
	recent  recent
	sums    missions.WindowCache // of samples
	queue   *queue
	readers chan *conn
	opened  int           // how many readers there are
	bulk    chan struct{} // a place for each of them that may be busy with a page at once

	closeOnce sync.Once
	closeErr  error
	closing   chan struct{} // closed when Close begins
	closed    chan struct{} // closed when the writer has stopped
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
	cfg = cfg.WithDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Path), fileperm.DirMode); err != nil {
		return nil, notWritable(cfg.Path, fmt.Errorf("cannot create its directory: %w", fileperm.Cause(err)))
	}
	lock, err := lockFile(cfg.Path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, log: cfg.Logger, lock: lock,
		turn: make(chan struct{}, 1), queue: newQueue(),
		readers: make(chan *conn, cfg.Readers), bulk: make(chan struct{}, max(1, cfg.Readers-1)),
		closing: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.free())
	}
	go s.runWriter()
	return s, nil
}

func (s *Store) open() (err error) {
	if s.writer, err = openWriter(s.cfg.Path, s.log); err != nil {
		return err
	}
	if err := migrate(s.writer, s.cfg.Path, tableSchema); err != nil {
		return unusable(s.cfg.Path, err)
	}
	if s.identity, err = readIdentity(s.writer); err != nil {
		return unusable(s.cfg.Path, err)
	}
	if s.marks, err = readMarks(s.writer); err != nil {
		return unusable(s.cfg.Path, err)
	}
	counts, err := readCounts(s.writer)
	if err != nil {
		return unusable(s.cfg.Path, err)
	}
	s.counts.Store(&counts)
	for range s.cfg.Readers {
		reader, err := openConn(s.cfg.Path, pragmas+"PRAGMA query_only = ON;")
		if err != nil {
			return unusable(s.cfg.Path, err)
		}
		s.readers <- reader
		s.opened++
	}
	if err := hideJournal(s.cfg.Path); err != nil {
		return notWritable(s.cfg.Path, err)
	}
	return nil
}

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
	if cfg.Chance == nil {
		cfg.Chance = defaultChance
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
	case errors.Is(cause, sqlite3.NOTADB), errors.Is(cause, sqlite3.CORRUPT), errors.Is(cause, errForeign):
		return fmt.Errorf("%w: %s: %w; restore a backup, or choose another location with --data-dir or --store",
			ErrDamaged, path, cause)
	}
	return notWritable(path, cause)
}

func notWritable(path string, cause error) error {
	return fmt.Errorf("%w: %s: %w; make it writable, or choose another location with --data-dir or --store",
		ErrNotWritable, path, cause)
}

// Identity implements [missions.Store] and [missions.Outbox].
func (s *Store) Identity() string { return s.identity }

// Outboxes implements [missions.Store].
func (s *Store) Outboxes() []missions.Outbox { return []missions.Outbox{s} }

// Ping implements [missions.Store].
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, func(c *conn) error {
		return c.exec("SELECT store_id FROM identity")
	})
}

// CheckWrite implements [missions.Store]: it commits a row as it is.
func (s *Store) CheckWrite(ctx context.Context) error {
	return s.write(ctx, laneHouse, func(t *tx) error {
		return t.exec("UPDATE identity SET store_id = store_id")
	})
}

// Close implements [missions.Store]: steps already handed over are committed.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.queue.close()
		close(s.closing)
		<-s.closed
		s.closeErr = s.free()
	})
	return s.closeErr
}

// free closes every connection, once no reader uses one any more, and unlocks.
func (s *Store) free() error {
	var errs []error
	if s.writer != nil {
		for range s.opened {
			errs = append(errs, (<-s.readers).close())
		}
		errs = append(errs, s.writer.close())
	}
	return errors.Join(append(errs, unlock(s.lock))...)
}

// usable returns an error once the store is being closed or ctx has ended.
func (s *Store) usable(ctx context.Context) error {
	select {
	case <-s.closing:
		return errClosed
	default:
		return ctx.Err()
	}
}

// readPage is read for what may take long. Such readings leave a connection free for
// the others.
func (s *Store) readPage(ctx context.Context, body func(*conn) error) error {
	select {
	case s.bulk <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
	defer func() { <-s.bulk }()
	return s.read(ctx, body)
}

// read runs body with a reading connection, in one snapshot.
func (s *Store) read(ctx context.Context, body func(*conn) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	var c *conn
	select {
	case c = <-s.readers:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return errClosed
	}
	defer func() { s.readers <- c }()
	err := c.snapshot(ctx, body)
	if internal(err) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return s.unavailable(err)
	}
	return err
}
