// Package leader runs an [engine.Engine] on an [engine.Backend]: it is the [missions.Store]
// of a process that leads a data set.
//
// One at a time computes a batch of steps and commits it: a caller that finds nobody at it, or
// else a goroutine that serves all who wait. What arrives while a batch is being committed is
// in the next one, so that the steps share a commit. A step is answered when its batch is
// stored. Kinds of steps share the time fairly: see queue.go.
//
// [Shared] is the store of one of several supervisors on one data set. It has a [Store] while its
// supervisor leads, and otherwise forwards changes to the one that does: see operations.go and
// forwarder.go.
package leader

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/wakeup"
)

// Config configures a store.
type Config struct {
	Engine engine.Config
	// Identity names the data set, as [missions.Store.Identity] returns it.
	Identity func() string

	Now func() time.Time

	// Steady is a clock that runs like Now, but never steps: it says how much time has passed
	// since some moment. With it, a step of Now changes no duration. Optional.
	Steady func() time.Duration

	Logger  *slog.Logger
	Seed    func() [32]byte // default: unpredictable
	Backend engine.Backend

	// Stale says that the backend has lost or regained missions since the latest term began, so
	// that the next step needs another term. Optional.
	Stale func() bool

	// DueNow receives a wake-up when Due has something to do at once. Default: a new signal.
	DueNow wakeup.Signal

	// OneTerm is for a data set that others may lead: once another one does, the store
	// performs nothing more. Every step then fails with [engine.ErrNotLeader].
	OneTerm bool
}

// Store implements [missions.Store].
type Store struct {
	commands
	reads

	cfg     Config
	backend engine.Backend
	log     *slog.Logger
	queue   *queue
	closing chan struct{}
	closed  chan struct{}
	once    sync.Once
	view    atomic.Pointer[view]
	deposed atomic.Bool // see Config.OneTerm

	turn chan struct{} // holds a value while somebody computes a batch; what follows is theirs

	engine *engine.Engine // nil between terms
	epoch  int64
	clock  clock
	next   *step // has to begin the next batch; nil if none has

	leadership leadership
}

var _ missions.Store = (*Store)(nil)

// Open begins a term.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Seed == nil {
		cfg.Seed = func() (seed [32]byte) { _, _ = rand.Read(seed[:]); return seed } // never fails
	}
	if cfg.DueNow == nil {
		cfg.DueNow = wakeup.New()
	}
	s := &Store{
		cfg: cfg, backend: cfg.Backend, log: cfg.Logger,
		queue: newQueue(), turn: make(chan struct{}, 1), closing: make(chan struct{}), closed: make(chan struct{}),
	}
	s.reads = reads{backend: cfg.Backend, by: s, sums: &missions.WindowCache{}}
	s.commands = commands{s, s.reads}
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	go s.run()
	return s, nil
}

// begin begins a term.
func (s *Store) begin(ctx context.Context) error {
	if s.deposed.Load() {
		return engine.ErrNotLeader
	}
	epoch, from, err := s.backend.Begin(ctx)
	if err != nil {
		s.noteTerm(err)
		return err
	}
	e := engine.New(s.cfg.Engine, from)
	if err := e.LoadLimits(ctx, s.backend, s.now()); err != nil {
		return err
	}
	s.epoch, s.engine = epoch, e
	s.publish()
	return nil
}

// noteTerm notes whether an error says that another one leads.
func (s *Store) noteTerm(err error) {
	if s.cfg.OneTerm && engine.IsNotLeader(err) {
		s.deposed.Store(true)
	}
}

// view is what the engine knew after the latest commit, for who does not want to wait for the
// one under way.
type view struct {
	counts missions.Counts
	marks  engine.Marks
}

func (s *Store) publish() { s.view.Store(&view{s.engine.Counts(), s.engine.Marks()}) }

// DueNow implements [missions.Store].
func (s *Store) DueNow() <-chan struct{} { return s.cfg.DueNow }

// Close implements [missions.Store].
func (s *Store) Close() error {
	s.once.Do(func() {
		s.queue.close()
		close(s.closing)
	})
	<-s.closed
	return nil
}

var errClosed = missions.Refused("the store is closed", errStoreClosed)

// usable returns an error if ctx has ended or the store is closed.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closing:
		return errClosed
	default:
		return nil
	}
}

// perform implements performer.
func (s *Store) perform(ctx context.Context, c *call) error {
	return s.do(ctx, c.lane, c.need, c.apply)
}

// look implements reader.
func (s *Store) look(ctx context.Context, f func(*engine.Engine)) error {
	return s.do(ctx, laneRead, nil, f)
}

// overview implements reader: as of the latest commit.
func (s *Store) overview(ctx context.Context) (missions.Counts, engine.Marks, error) {
	v := s.view.Load()
	if v == nil {
		v = &view{}
		err := s.look(ctx, func(e *engine.Engine) { v.counts, v.marks = e.Counts(), e.Marks() })
		return v.counts, v.marks, err
	}
	counts := v.counts
	counts.ByStatus = maps.Clone(counts.ByStatus)
	return counts, v.marks, s.usable(ctx)
}

func (s *Store) now() missions.Time { return missions.At(s.cfg.Now()) }

// public returns what a caller may know of an error of the backend.
func (s *Store) public(err error) error { return publicError(s.log, err) }

func publicError(log *slog.Logger, err error) error {
	var domain *missions.Error
	if err == nil || errors.As(err, &domain) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	log.Error("the store failed", "error", err)
	return missions.Unavailable("the store cannot be used", err)
}
