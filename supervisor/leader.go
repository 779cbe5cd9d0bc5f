package supervisor

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"missioncontrol/missions"
)

// leader makes a supervisor a candidate for the leadership of its store, and runs
// what only one of the supervisors on a store may do while it leads.
//
// The store says who leads, and for how long; the leader asks again three times
// in that time. Two supervisors never act at once, whatever their clocks say:
// the store's time begins after the request has been sent, so a leader that
// counts from before it sent the request, and stops a little before its count is
// up, has stopped before the store lets anybody else lead. A renewal that fails
// or hangs therefore ends the term by itself. What is under way at that moment is
// cut off by the term's context; a step of the store that still comes through is
// atomic, and as good as the next leader's.
type leader struct {
	store missions.Leaders
	id    string
	ttl   time.Duration
	log   *slog.Logger
	level slog.Level    // of what is only worth saying where another one could lead
	again chan struct{} // the leadership may have become free

	mu      sync.Mutex
	current *term // nil while another one leads
	failing bool  // whether the store did not answer last time; owned by run
}

const (
	renewals      = 3                // how often a leader renews in the time that its leadership lasts
	resignTimeout = time.Second      // how long the store may take to note a resignation
	shortestWait  = time.Millisecond // between two requests for the leadership
)

func newLeader(store missions.Leaders, id string, ttl time.Duration, log *slog.Logger) *leader {
	return &leader{store: store, id: id, ttl: ttl, log: log, level: slog.LevelDebug, again: make(chan struct{}, 1)}
}

// leads reports whether this supervisor leads.
func (l *leader) leads() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current != nil && l.current.holds()
}

// vacant tells that the leadership may have become free.
func (l *leader) leadershipFree() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// run stands for leadership until ctx ends. duties is called for each term, in a
// goroutine of its own, and has to return soon after the term's context has
// ended: no other term begins before. At the end the leadership is resigned.
func (l *leader) run(ctx context.Context, onElected func(*term)) {
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
	l.endTerm((*term).stop)
	l.resign(ctx)
}

// stand asks the store who leads, and begins, extends or ends the term
// accordingly. It returns how long to wait before asking again.
func (l *leader) campaign(ctx context.Context, onElected func(*term)) time.Duration {
	asked := time.Now()
	answer, err := l.ask(ctx)
	switch {
	case err != nil:
		if !l.leads() {
			l.endTerm((*term).revoke)
		}
		if !l.failing && ctx.Err() == nil {
			l.log.Error("the store does not say who leads; asking again", "error", err)
		}
		l.failing = true
		return l.ttl / renewals
	case answer.Holder != l.id:
		l.endTerm((*term).revoke)
		l.failing = false
		return min(max(answer.Left, shortestWait), l.ttl/renewals)
	}
	l.failing = false
	until := asked.Add(l.ttl - l.ttl/10)
	if l.current != nil && !l.current.extend(until) {
		l.endTerm((*term).revoke)
	}
	if l.current == nil && ctx.Err() == nil && time.Now().Before(until) {
		l.begin(ctx, until, onElected)
	}
	return l.ttl / renewals
}

func (l *leader) ask(ctx context.Context) (missions.Leadership, error) {
	ctx, cancel := context.WithTimeout(ctx, l.ttl)
	defer cancel()
	return l.store.Lead(ctx, l.id, l.ttl)
}

func (l *leader) begin(ctx context.Context, until time.Time, onElected func(*term)) {
	t := newTerm(context.WithoutCancel(ctx), until)
	l.mu.Lock()
	l.current = t
	l.mu.Unlock()
	l.log.Log(ctx, l.level, "this supervisor leads: it relays events and does what is due", "id", l.id)
	go func() {
		defer close(t.done)
		onElected(t)
	}()
}

// endTerm ends the term, if there is one, and waits for its duties.
func (l *leader) endTerm(end func(*term)) {
	if l.current == nil {
		return
	}
	end(l.current)
	<-l.current.done
	l.mu.Lock()
	l.current = nil
	l.mu.Unlock()
	l.log.Log(context.Background(), l.level, "this supervisor leads no longer", "id", l.id)
}

// resign makes way for another one. It is told to the store even by one that does
// not know to lead: its last request may have been carried out.
func (l *leader) resign(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignTimeout)
	defer cancel()
	if err := l.store.Resign(ctx, l.id); err != nil {
		l.log.Warn("the leadership could not be resigned; it ends by itself", "within", l.ttl, "error", err)
	}
}

// term is a time of leadership. Its methods may be called concurrently.
type term struct {
	ctx    context.Context // ends with the term
	cancel context.CancelFunc
	done   chan struct{} // closed once the duties have ended

	mu    sync.Mutex
	until time.Time // zero: revoked
	timer *time.Timer
}

func newTerm(ctx context.Context, until time.Time) *term {
	t := &term{done: make(chan struct{}), until: until}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.timer = time.AfterFunc(time.Until(until), t.cancel)
	return t
}

// holds reports whether the term's right to act has not ended. A term that was
// stopped has it for as long as it would have lasted. Both clocks of the machine
// are asked: the monotonic one stands still while a machine is suspended, and the
// other one may be set.
func (t *term) holds() bool {
	now, end := time.Now(), t.end()
	return now.Before(end) && now.Round(0).Before(end.Round(0))
}

// end returns when the right to act ends.
func (t *term) end() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.until
}

// extend makes the term last until then, unless it has ended.
func (t *term) extend(until time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil || !t.timer.Stop() {
		return false
	}
	t.until = until
	t.timer.Reset(time.Until(until))
	return true
}

// stop ends the term's context; what is quick may still be finished.
func (t *term) stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer.Stop()
	t.cancel()
}

// revoke ends the term and its right to act.
func (t *term) revoke() {
	t.stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.until = time.Time{}
}
