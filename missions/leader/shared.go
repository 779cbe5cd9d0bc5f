package leader

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/wakeup"
)

// SharedConfig configures a [Shared] store.
type SharedConfig struct {
	Config  // of the store that performs operations while this supervisor leads
	Backend engine.SharedBackend
	Leaders missions.Leaders

	// Send sends a message to the supervisor that leads, which answers with what its
	// [Shared.Answer] returns. [ErrNotDelivered] says that it has certainly not arrived;
	// after any other error that is unknown.
	Send func(ctx context.Context, holder string, message []byte) (answer []byte, err error)

	// Alone says that this supervisor is the only one: it leads, whatever Lead says.
	Alone bool

	// Wait is how long a change waits for a supervisor that leads. Default 10 s.
	Wait time.Duration
}

// ErrNotDelivered is the error of a message that did not arrive.
var ErrNotDelivered = errors.New("the message was not delivered")

// Shared is the [missions.Store] of one of several supervisors on one data set. While this
// supervisor leads, it performs changes itself. Otherwise it forwards them to the one that
// does, and reads from the backend.
//
// While leadership moves, changes wait for the next leader. A forwarded change has an id, which
// the leader stores with it: sent again, perhaps to the next leader, it is not performed twice.
type Shared struct {
	commands
	reads
	cfg SharedConfig

	mu       sync.Mutex
	term     *term
	closed   bool
	electing error      // of the latest election, if it failed
	moving   sync.Mutex // held while leadership is taken or given up

	forwards forwarder
}

// term is what a supervisor knows of who leads.
type term struct {
	local  *Store // nil unless this supervisor leads
	holder string // "" if it is unknown
	over   chan struct{}
	until  time.Time // this supervisor certainly leads; guarded by Shared.mu
}

var _ missions.Store = (*Shared)(nil)

// OpenShared returns a store that waits to be told who leads, by calls of [Shared.Lead], unless
// it is alone.
func OpenShared(ctx context.Context, cfg SharedConfig) (*Shared, error) {
	cfg.Config.Backend, cfg.OneTerm = cfg.Backend, !cfg.Alone
	if cfg.Wait == 0 {
		cfg.Wait = 10 * time.Second
	}
	cfg.DueNow = wakeup.New()
	s := &Shared{cfg: cfg, term: &term{over: make(chan struct{})}}
	s.reads = reads{backend: cfg.Backend, by: s, sums: &missions.WindowCache{}}
	s.commands = commands{s, s.reads}
	s.forwards.init(cfg.Send)
	if cfg.Alone {
		local, err := Open(ctx, cfg.Config)
		if err != nil {
			return nil, err
		}
		s.term = &term{local: local, over: make(chan struct{}), until: time.Now().AddDate(100, 0, 0)}
	}
	return s, nil
}

func (s *Shared) current() *term {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term
}

// Lead implements [missions.Leaders]. The caller is this supervisor itself: if it leads now, it
// performs changes from now on.
func (s *Shared) Lead(ctx context.Context, candidate string, ttl time.Duration) (missions.Leadership, error) {
	if err := s.usable(ctx); err != nil {
		return missions.Leadership{}, err
	}
	asked := time.Now()
	l, err := s.cfg.Leaders.Lead(ctx, candidate, ttl)
	if err == nil && !s.cfg.Alone {
		s.moving.Lock()
		err = s.follow(ctx, l.Holder, candidate, asked.Add(ttl-ttl/10))
		s.moving.Unlock()
		if err != nil && l.Holder == candidate { // another one may be able to lead
			err = errors.Join(err, s.cfg.Leaders.Resign(ctx, candidate))
		}
	}
	s.mu.Lock()
	s.electing = err
	s.mu.Unlock()
	return l, err
}

// follow acts on who leads.
func (s *Shared) follow(ctx context.Context, holder, candidate string, until time.Time) error {
	t := s.current()
	leads := holder == candidate
	if leads && t.local != nil && !t.local.deposed.Load() {
		s.mu.Lock()
		t.until = until
		s.mu.Unlock()
		return nil
	}
	if !leads && t.local == nil && t.holder == holder {
		return nil
	}
	next := &term{holder: holder, over: make(chan struct{})}
	if leads {
		local, err := Open(ctx, s.cfg.Config)
		if err != nil {
			return s.public(err)
		}
		next.local, next.until = local, until
	}
	return s.begin(next)
}

// begin makes a term the current one, and ends the one before.
func (s *Shared) begin(next *term) error {
	s.mu.Lock()
	last := s.term
	if s.closed {
		last = next
	} else {
		s.term = next
	}
	s.mu.Unlock()
	close(last.over)
	if last.local != nil {
		return last.local.Close()
	}
	return nil
}

// Resign implements [missions.Leaders]. Until another supervisor leads, this one goes on to
// perform changes.
func (s *Shared) Resign(ctx context.Context, candidate string) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if !s.cfg.Alone {
		s.mu.Lock()
		s.term.until = time.Time{}
		s.mu.Unlock()
	}
	return s.cfg.Leaders.Resign(ctx, candidate)
}

// DueNow implements [missions.Store].
func (s *Shared) DueNow() <-chan struct{} { return s.cfg.DueNow }

// Close implements [missions.Store].
func (s *Shared) Close() error {
	s.moving.Lock()
	defer s.moving.Unlock()
	s.mu.Lock()
	was := s.closed
	s.closed = true
	last := s.term
	s.term = &term{over: last.over}
	s.mu.Unlock()
	if was {
		return nil
	}
	close(last.over)
	s.forwards.close()
	if last.local != nil {
		return last.local.Close()
	}
	return nil
}

// Identity implements [missions.Store].
func (s *Shared) Identity() string { return s.cfg.Identity() }

// Outboxes implements [missions.Store].
func (s *Shared) Outboxes() []missions.Outbox {
	return []missions.Outbox{outbox{s.commands, s.reads, s.Identity}}
}

// Retain implements [missions.Store].
func (s *Shared) Retain(ctx context.Context, retention time.Duration, limit int) (int, error) {
	return retain(ctx, s.commands, s.reads, retention, limit)
}

// perform implements performer.
func (s *Shared) perform(ctx context.Context, c *call) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if t := s.current(); t.local != nil {
		if err := t.local.perform(ctx, c); !moved(err) {
			return err
		}
	}
	return s.forward(ctx, c)
}

// moved reports whether an error says that leadership has moved: nothing was done, and another
// supervisor may do it.
func moved(err error) bool { return engine.IsNotLeader(err) || errors.Is(err, errStoreClosed) }

// retryPause is how long a change waits before it is sent again, unless leadership moves.
const retryPause = 100 * time.Millisecond

// forward has the leader perform a call, whichever supervisor that is meanwhile.
func (s *Shared) forward(ctx context.Context, c *call) error {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Wait)
	defer cancel()
	request, sent := c.request(uuid.NewString()), false
	for {
		t := s.current()
		answer, delivered, err := s.ask(ctx, t, request)
		sent = sent || delivered
		if err == nil {
			if err := c.receive(answer); err != nil {
				return missions.Unavailable("the supervisor that leads gave an answer that cannot be read", err)
			}
			return nil
		}
		if final := s.final(err); final != nil {
			return final
		}
		again := time.NewTimer(retryPause)
		select {
		case <-t.over:
		case <-again.C:
		case <-ctx.Done():
			err = s.gaveUp(ctx, sent)
		}
		again.Stop()
		if ctx.Err() != nil {
			return err
		}
		if err := s.usable(ctx); err != nil {
			return err
		}
	}
}

// ask asks the leader of a term. delivered says that the request may have arrived.
func (s *Shared) ask(ctx context.Context, t *term, request []byte) (answer []byte, delivered bool, err error) {
	switch {
	case t.local != nil:
		answer, err = t.local.Serve(ctx, request)
		return answer, err != nil && !doneNothing(err), err
	case t.holder == "":
		return nil, false, errNoLeader
	}
	answer, err = s.forwards.ask(ctx, t.holder, t.over, request)
	return answer, err != nil && !errors.Is(err, ErrNotDelivered) && !doneNothing(err), err
}

func doneNothing(err error) bool {
	var domain *missions.Error
	return errors.As(err, &domain) && domain.NothingDone
}

var (
	errNoLeader    = errors.New("no supervisor leads")
	errStoreClosed = errors.New("the store was closed")
)

// final returns an error that waiting does not mend; nil if the change can be sent again.
func (s *Shared) final(err error) error {
	var domain *missions.Error
	switch {
	case moved(err):
		return nil
	case errors.As(err, &domain):
		return err
	case errors.Is(err, errNoLeader):
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.electing != nil {
			return s.public(s.electing)
		}
	}
	return nil
}

// gaveUp is the error of a change for which the time is up.
func (s *Shared) gaveUp(ctx context.Context, sent bool) error {
	switch {
	case sent:
		return missions.Unavailable("the supervisor that leads did not answer; whether the request was done is not known. Sending it again with the same id is safe", ctx.Err())
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	}
	return missions.Refused("no supervisor leads at present; nothing was done", ctx.Err())
}

// look implements reader.
func (s *Shared) look(ctx context.Context, f func(*engine.Engine)) error {
	if local := s.certain(); local != nil {
		if err := local.look(ctx, f); !moved(err) {
			return err
		}
	}
	from, err := read(ctx, s, func() (*engine.Snapshot, error) { return s.cfg.Backend.Peek(ctx) })
	if err != nil {
		return err
	}
	e := engine.New(s.cfg.Engine, from)
	if _, err := read(ctx, s, func() (nothing, error) { return nothing{}, e.LoadLimits(ctx, s.cfg.Backend, s.now()) }); err != nil {
		return err
	}
	e.Begin(s.now(), [32]byte{})
	f(e)
	return nil
}

// certain returns the store of a term in which this supervisor certainly leads: what it knows is
// all that there is.
func (s *Shared) certain() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The monotonic clock stops while a machine is suspended, and the wall clock can be set.
	now, until := time.Now(), s.term.until
	if local := s.term.local; local != nil && !local.deposed.Load() && now.Before(until) && now.Round(0).Before(until.Round(0)) {
		return local
	}
	return nil
}

// overview implements reader.
func (s *Shared) overview(ctx context.Context) (missions.Counts, engine.Marks, error) {
	if local := s.certain(); local != nil {
		counts, marks, err := local.overview(ctx)
		if !moved(err) {
			return counts, marks, err
		}
	}
	var marks engine.Marks
	totals, err := read(ctx, s, func() (totals *engine.Totals, err error) {
		totals, marks, err = s.cfg.Backend.Overview(ctx)
		return totals, err
	})
	if err != nil {
		return missions.Counts{}, marks, err
	}
	return totals.Counts(), marks, nil
}

// usable implements reader.
func (s *Shared) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	return nil
}

// public implements reader.
func (s *Shared) public(err error) error { return publicError(s.cfg.Logger, err) }

func (s *Shared) now() missions.Time { return missions.At(s.cfg.Now()) }
