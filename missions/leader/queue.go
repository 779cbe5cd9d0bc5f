package leader

import (
	"sync"
	"time"

	"missioncontrol/wakeup"
)

// lane is a kind of step. Steps of one lane are taken in the order of their arrival.
type lane int

// The lanes. Those that are flooded by the same hand share one.
const (
	laneCreate lane = iota // new missions
	laneChange             // cancel, retry, delete
	laneClaim
	laneBeat   // heartbeats, registrations, leaves
	laneReport // progress and log lines
	laneFinish
	laneHouse // what the supervisor itself has to do
	laneRead  // what the engine knows
	lanes
)

// queue holds the steps that wait for a batch.
//
// Lanes share the leader's time: the next step is one of the lane that has had least of
// it. However many missions are being created, a heartbeat waits for the batch that is
// being committed and for what is left of its own lane's share, and not for the creations
// that came before it. A lane that was empty begins with as much time behind it as the
// one that is served, so that nothing is saved up.
type queue struct {
	wake wakeup.Signal // steps wait that nobody serves

	mu       sync.Mutex
	waiting  [lanes][]*step
	used     [lanes]time.Duration
	served   time.Duration // what the lane that was taken from last had used by then
	arrivals int64
	closed   bool
}

func newQueue() *queue { return &queue{wake: wakeup.New()} }

// push adds a step, unless the queue is closed.
func (q *queue) push(st *step) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	if len(q.waiting[st.lane]) == 0 {
		q.used[st.lane] = max(q.used[st.lane], q.served)
	}
	q.arrivals++
	st.arrival = q.arrivals
	q.waiting[st.lane] = append(q.waiting[st.lane], st)
	return true
}

// wakeIfAny tells the store's goroutine that steps wait, if any do.
func (q *queue) wakeIfAny() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next() != lanes {
		q.wake.Send()
	}
}

// pop takes the next step, and passes over those whose callers have gone; nil when
// there is none.
func (q *queue) pop() *step {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		from := q.next()
		if from == lanes {
			return nil
		}
		st := q.waiting[from][0]
		q.waiting[from][0] = nil
		q.waiting[from] = q.waiting[from][1:]
		if st.take() {
			q.served = q.used[from]
			return st
		}
	}
}

// ahead calls f with steps that need records by id and wait, up to n of each lane. Meanwhile
// their callers cannot give them up.
func (q *queue) ahead(n int, f func(*step)) {
	for _, st := range q.take(n) {
		f(st)
		st.state.Store(waiting)
	}
}

func (q *queue) take(n int) (steps []*step) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range []lane{laneCreate, laneChange, laneReport, laneFinish} {
		for _, st := range q.waiting[l][:min(n, len(q.waiting[l]))] {
			if st.take() {
				steps = append(steps, st)
			}
		}
	}
	return steps
}

// next returns the lane that has used least, of several the one whose step came first.
func (q *queue) next() lane {
	best := lanes
	for l := range lanes {
		if len(q.waiting[l]) == 0 {
			continue
		}
		if best == lanes || q.used[l] < q.used[best] ||
			q.used[l] == q.used[best] && q.waiting[l][0].arrival < q.waiting[best][0].arrival {
			best = l
		}
	}
	return best
}

// charge tells how long a step took.
func (q *queue) charge(st *step, took time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.used[st.lane] += took
}

// close lets nothing more in; what waits can still be popped.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
}
