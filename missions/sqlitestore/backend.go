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
	"missioncontrol/missions/engine"
	"missioncontrol/wakeup"
)

// Backend implements [engine.Backend] on a SQLite file. All methods may be called
// concurrently.
//
// # How it writes
//
// A commit is one row of the table journal, which is one flush. The other tables are
// brought up to date later, in bulk: what has changed several times in between is written
// once, and events that were acknowledged in between are not written at all. Until then,
// what has changed is also in memory (unsettled). Rows of the journal are deleted in the
// transaction that writes the last of what they say, so a crash at any point leaves
// everything in the file, and the next start settles what is in the journal. Whoever
// lists or searches settles first.
//
// # How it stays bounded
//
// What is unsettled is at most settleAge old or settleSize large, unless the disk is slower
// than that: from hardSize on, commits wait.
type Backend struct {
	path     string
	log      *slog.Logger
	lock     *os.File
	identity string
	readers  *readers

	settling  sync.Mutex    // held by whoever settles
	done      int64         // newest row of the journal that is settled
	part      time.Duration // settleTime
	afterPart func()        // for tests: a part was settled

	writing sync.Mutex // held by whoever uses what follows
	writer  *conn
	epoch   int64
	row     int64 // newest of the journal
	body    []byte

	mu     sync.RWMutex
	fresh  *unsettled // what commits add to
	frozen *unsettled // what is being settled; nil if nothing is

	committed atomic.Int64  // newest row of the journal
	failing   atomic.Bool   // the latest commit or settling has failed
	deleted   atomic.Bool   // missions were deleted from the tables
	wake      wakeup.Signal // there is something to settle
	hurry     wakeup.Signal // there is much of it
	closing   chan struct{}
	closed    chan struct{}
	once      sync.Once
	closeErr  error
}

var _ engine.Backend = (*Backend)(nil)

// Bounds of what is unsettled.
const (
	settleAge  = 500 * time.Millisecond
	settleSize = 8 << 20
	hardSize   = 64 << 20
)

// OpenBackend opens a data set, creates it if it does not exist, and brings an older one up
// to date. Of the configuration it uses Path, Readers and Logger. Errors: [ErrLocked],
// [ErrNewerSchema], [ErrNotWritable], [ErrDamaged].
func OpenBackend(cfg Config) (*Backend, error) {
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
	b := &Backend{
		path: cfg.Path, log: cfg.Logger, lock: lock, fresh: newUnsettled(), readers: newReaders(cfg.Readers),
		part: settleTime, afterPart: func() {},
		wake: wakeup.New(), hurry: wakeup.New(), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	if err := b.open(cfg.Readers); err != nil {
		return nil, errors.Join(err, b.free())
	}
	if b.done < b.row { // a full disk
		b.wake.Send()
	}
	go b.run()
	return b, nil
}

func (b *Backend) open(readers int) (err error) {
	if b.writer, err = openWriter(b.path, b.log); err != nil {
		return err
	}
	if err := migrate(b.writer, b.path); err != nil {
		return unusable(b.path, err)
	}
	if b.identity, err = readIdentity(b.writer); err != nil {
		return unusable(b.path, err)
	}
	if err := b.replay(); err != nil {
		return unusable(b.path, err)
	}
	if err := countWaiting(b.writer); err != nil {
		return unusable(b.path, err)
	}
	for range readers {
		if err := b.readers.open(b.path); err != nil {
			return unusable(b.path, err)
		}
	}
	if err := hideJournal(b.path); err != nil {
		return notWritable(b.path, err)
	}
	return nil
}

// replay settles what a crash has left in the journal.
func (b *Backend) replay() (err error) {
	if b.fresh, err = readJournal(b.writer); err != nil {
		return err
	}
	b.row = b.fresh.last
	b.committed.Store(b.row)
	return b.settleIfRoom()
}

// settleIfRoom settles, unless the disk is full: then what is unsettled stays in the journal.
func (b *Backend) settleIfRoom() error {
	err := b.settle()
	if !errors.Is(err, sqlite3.FULL) {
		return err
	}
	b.log.Error("the disk of the store is full; what the store was told last stays in its journal", "error", err)
	return nil
}

// Identity returns the name of the data set.
func (b *Backend) Identity() string { return b.identity }

// Begin implements [engine.Backend].
func (b *Backend) Begin(ctx context.Context) (epoch int64, from *engine.Snapshot, err error) {
	c, err := b.readers.take(ctx) // before settling, as in readSettled
	if err != nil {
		return 0, nil, err
	}
	defer b.readers.give(c)
	b.settling.Lock()
	defer b.settling.Unlock()
	b.writing.Lock()
	b.epoch++
	epoch = b.epoch
	b.writing.Unlock() // what an older epoch has committed is complete
	err = c.snapshot(ctx, func(c *conn) (err error) {
		from, err = readSnapshot(c)
		return err
	})
	if err := b.readError(ctx, err); err != nil {
		return 0, nil, err
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	if b.frozen != nil { // settling it has failed
		b.frozen.over(from)
	}
	b.fresh.over(from)
	return epoch, from, nil
}

// Commit implements [engine.Backend].
func (b *Backend) Commit(_ context.Context, epoch int64, changes *engine.Changes) error {
	if b.full() {
		if err := b.settle(); err != nil {
			return missions.Refused("the store cannot be used; nothing was done", b.unavailable(err))
		}
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	if epoch != b.epoch {
		return engine.ErrNotLeader
	}
	b.body = changes.Encode(b.body[:0])
	err := guarded(func() error {
		if err := b.writer.rollback(); err != nil { // of a transaction that could not be ended
			return err
		}
		return b.writer.exec("INSERT INTO journal (n, body) VALUES (?, ?)", b.row+1, b.body)
	})
	if err != nil {
		return b.unavailable(errors.Join(err, guarded(b.writer.rollback)))
	}
	b.row++
	b.mu.Lock()
	b.fresh.add(b.row, len(b.body), changes)
	much := b.fresh.size > settleSize
	b.mu.Unlock()
	b.committed.Store(b.row)
	b.wake.Send()
	if much {
		b.hurry.Send()
	}
	if cap(b.body) > mostHeld {
		b.body = nil
	}
	return nil
}

// full reports whether so much is unsettled that a commit has to settle first.
func (b *Backend) full() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.fresh.size > hardSize
}

// run settles until the backend is closed.
func (b *Backend) run() {
	defer close(b.closed)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-b.wake:
		case <-b.closing:
			return
		}
		timer.Reset(settleAge)
		select {
		case <-timer.C:
		case <-b.hurry:
		case <-b.closing:
			return
		}
		err := b.settle()
		if err == nil && b.deleted.Swap(false) {
			err = b.vacuum()
		}
		if err != nil {
			_ = b.unavailable(err)
			b.wake.Send() // again, when settleAge has passed
			continue
		}
		b.works()
	}
}

// Close settles what is unsettled, if there is room, and frees everything.
func (b *Backend) Close() error {
	b.once.Do(func() {
		close(b.closing)
		<-b.closed
		b.closeErr = errors.Join(b.settleIfRoom(), b.free())
	})
	return b.closeErr
}

// free closes every connection and unlocks.
func (b *Backend) free() error {
	err := b.readers.close()
	if b.writer != nil {
		err = errors.Join(err, b.writer.close())
	}
	return errors.Join(err, unlock(b.lock))
}

// works ends a row of failures: what was committed since is settled.
func (b *Backend) works() {
	if b.failing.Load() && b.failing.Swap(false) {
		b.log.Info("the store works again")
	}
}

// unavailable logs the first error of a row and returns what the caller may know of it.
func (b *Backend) unavailable(err error) error {
	level := slog.LevelError
	if b.failing.Swap(true) {
		level = slog.LevelDebug
	}
	b.log.Log(context.Background(), level, "the store failed", "error", err)
	if errors.Is(err, sqlite3.FULL) {
		return missions.Full("the store's disk is full; nothing was done", err)
	}
	return missions.Unavailable("the store cannot be used", err)
}
