// Package lograte bounds how much is logged of what others can cause at will. It counts
// every event, and says which of them get a line: the first ones of a kind, and from then
// on so many in an interval, the next of which says how many were left out.
//
// Kinds are fixed when a [Limiter] is made, so that nobody makes new ones from outside.
package lograte

import (
	"sync"
	"time"
)

// Interval is the usual time between two lines of a kind.
const Interval = time.Minute

// Kind is a kind of event.
type Kind struct {
	Name  string
	Burst int // lines in an interval, at least 1
}

// Limiter counts events by kind. Its methods may be called concurrently.
type Limiter struct {
	interval time.Duration
	now      func() time.Time

	mu    sync.Mutex
	kinds map[string]*state
	order []string
}

// state is what is known of a kind.
type state struct {
	burst   int
	total   uint64    // events ever
	left    uint64    // events since the last line that got none
	began   time.Time // when the interval began
	written int       // lines in it
}

// New returns a limiter of these kinds; now is the clock.
func New(interval time.Duration, now func() time.Time, kinds ...Kind) *Limiter {
	l := &Limiter{interval: interval, now: now, kinds: make(map[string]*state, len(kinds))}
	for _, k := range kinds {
		l.kinds[k.Name] = &state{burst: max(1, k.Burst)}
		l.order = append(l.order, k.Name)
	}
	return l
}

// Count counts an event. It reports whether the event gets a line, and how many events
// of its kind have got none since the last line. A kind that was not named to [New] is
// not counted and gets no line.
func (l *Limiter) Count(kind string) (left uint64, line bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.kinds[kind]
	if s == nil {
		return 0, false
	}
	s.total++
	if now := l.now(); s.written == 0 || now.Sub(s.began) >= l.interval {
		s.began, s.written = now, 0
	}
	if s.written >= s.burst {
		s.left++
		return 0, false
	}
	s.written++
	left, s.left = s.left, 0
	return left, true
}

// Left is how many events of a kind have got no line.
type Left struct {
	Kind   string
	Events uint64
}

// TakeLeft returns the kinds of which events were left out in an interval that is over,
// and counts them as logged. With all, intervals need not be over. It is for whoever
// logs what a flood that has ended has left behind.
func (l *Limiter) TakeLeft(all bool) (left []Left) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	for _, name := range l.order {
		s := l.kinds[name]
		if s.left == 0 || !all && now.Sub(s.began) < l.interval {
			continue
		}
		left = append(left, Left{name, s.left})
		s.left, s.began, s.written = 0, now, 1
	}
	return left
}

// Totals returns how many events of each kind there were.
func (l *Limiter) Totals() map[string]uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	totals := make(map[string]uint64, len(l.kinds))
	for name, s := range l.kinds {
		totals[name] = s.total
	}
	return totals
}
