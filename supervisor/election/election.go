// Package election elects one supervisor of those that share a store as its leader.
//
// The store says who leads, and for how long. The leader renews three times in that
// time. Two supervisors never act at once, whatever their clocks say: the store's time
// begins after the request was sent. A leader counts from before it sent the request,
// and stops a little before its time is up, so it has stopped before the store lets
// another supervisor lead. A renewal that fails or hangs therefore ends the term by
// itself. The term's context cancels what is in progress at that moment. A step of the
// store that still succeeds is atomic, and as valid as a step of the next leader.
package election

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"missioncontrol/missions"
	"missioncontrol/wakeup"
)

// Candidate makes a supervisor a candidate for the leadership of its store. While it
// leads, it runs what only one supervisor per store may run. Leads and LeadershipFree
// may be called concurrently with Run.
type Candidate struct {
	store missions.Leaders
	id    string
	ttl   time.Duration
	log   *slog.Logger
	level slog.Level    // of messages that matter only if another supervisor could lead
	again wakeup.Signal // the leadership may have become free

	mu      sync.Mutex
	current *Term // nil while another one leads
	failing bool  // whether the last request to the store failed; owned by run
}

const (
	renewals      = 3                // how often a leader renews within ttl
	resignTimeout = time.Second      // how long the store may take to store a resignation
	shortestWait  = time.Millisecond // between two requests for the leadership
)

// New returns a candidate with this id for the leadership of a store. A
// leadership lasts for ttl unless it is renewed. The candidate logs at the given level
// that it leads.
func New(store missions.Leaders, id string, ttl time.Duration, log *slog.Logger, level slog.Level) *Candidate {
	return &Candidate{store: store, id: id, ttl: ttl, log: log, level: level, again: wakeup.New()}
}

// Leads reports whether this supervisor leads.
func (l *Candidate) Leads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current != nil && l.current.Holds()
}

// LeadershipFree signals that the leadership may have become free.
func (l *Candidate) LeadershipFree() {
	l.again.Send()
}

// Run campaigns for leadership until ctx ends. It calls onElected for each term in a
// new goroutine, with a context that ends with the term. onElected must return soon
// after that, because the next term begins only then. At the end Run resigns the
// leadership. It is called once.
func (l *Candidate) Run(ctx context.Context, onElected func(context.Context, *Term)) {
	for {
		wait := l.campaign(ctx, onElected)
		select {
		case <-time.After(wait):
			continue
		case <-l.again:
			continue
		case <-ctx.Done():
		}
		break
	}
	l.endTerm((*Term).stop)
	l.resign(ctx)
}

// campaign asks the store who leads, and begins, extends or ends the term accordingly.
// It returns how long to wait before asking again.
func (l *Candidate) campaign(ctx context.Context, onElected func(context.Context, *Term)) time.Duration {
	asked := time.Now()
	answer, err := l.ask(ctx)
	switch {
	case err != nil:
		if !l.Leads() {
			l.endTerm((*Term).revoke)
		}
		if !l.failing && ctx.Err() == nil {
			l.log.Error("cannot find out which supervisor leads; trying again", "error", err)
		}
		l.failing = true
		return l.ttl / renewals
	case answer.Holder != l.id:
		l.endTerm((*Term).revoke)
		l.failing = false
		return min(max(answer.Left, shortestWait), l.ttl/renewals)
	}
	l.failing = false
	until := asked.Add(l.ttl - l.ttl/10)
	if l.current != nil && !l.current.extend(until) {
		l.endTerm((*Term).revoke)
	}
	if l.current == nil && ctx.Err() == nil && time.Now().Before(until) {
		l.begin(ctx, until, onElected)
	}
	return l.ttl / renewals
}

func (l *Candidate) ask(ctx context.Context) (missions.Leadership, error) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	return l.store.Lead(ctx, l.id, l.ttl)
}

func (l *Candidate) begin(ctx context.Context, until time.Time, onElected func(context.Context, *Term)) {
	t := newTerm(context.WithoutCancel(ctx), until)
	l.mu.Lock()
	l.current = t
	l.mu.Unlock()
	l.log.Log(ctx, l.level, "this supervisor leads: it relays events and handles scheduled work", "id", l.id)
	go func() {
		defer close(t.done)
		onElected(t.ctx, t)
	}()
}

// endTerm ends the term, if there is one, and waits for onElected to return.
func (l *Candidate) endTerm(end func(*Term)) {
	if l.current == nil {
		return
	}
	end(l.current)
	<-l.current.done
	l.mu.Lock()
	l.current = nil
	l.mu.Unlock()
	l.log.Log(context.Background(), l.level, "this supervisor no longer leads", "id", l.id)
}

// resign makes way for another supervisor. It tells the store even if this one does not
// know that it leads: its last request may have been carried out.
func (l *Candidate) resign(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignTimeout)
	defer cancel()
	if err := l.store.Resign(ctx, l.id); err != nil {
		l.log.Warn("cannot resign the leadership; it will expire", "within", l.ttl, "error", err)
	}
}

// Term is a period of leadership. Its methods may be called concurrently.
type Term struct {
	ctx    context.Context // ends with the term
	cancel context.CancelFunc
	done   chan struct{} // closed once onElected has returned

	mu    sync.Mutex
	until time.Time // zero: revoked
	timer *time.Timer
}

func newTerm(ctx context.Context, until time.Time) *Term {
	t := &Term{done: make(chan struct{}), until: until}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.timer = time.AfterFunc(time.Until(until), t.cancel)
	return t
}

// Holds reports whether the term still has the right to act. A stopped term keeps it
// for as long as it would have lasted. It checks both clocks of the machine: the
// monotonic clock stops while a machine is suspended, and the wall clock can be set.
func (t *Term) Holds() bool {
	now, end := time.Now(), t.Until()
	return now.Before(end) && now.Round(0).Before(end.Round(0))
}

// Until returns when the right to act ends.
func (t *Term) Until() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until
}

// extend extends the term to until, unless it has ended.
func (t *Term) extend(until time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || !t.timer.Stop() {
		return false
	}
	t.until = until
	t.timer.Reset(time.Until(until))
	return true
}

// stop ends the term's context. Quick work may still finish.
func (t *Term) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer.Stop()
	t.cancel()
}

// revoke ends the term and its right to act.
func (t *Term) revoke() {
	t.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
}
