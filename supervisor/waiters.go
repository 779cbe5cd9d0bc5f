package supervisor

import (
	"context"
	"sync"
	"time"

	"missioncontrol/supervisor/api"
	"missioncontrol/wakeup"
)

// Wait returns a mission once it is terminal, or an [api.ErrTimeout].
func (s *Service) Wait(ctx context.Context, request api.WaitRequest) (api.Mission, error) {
	timeout, err := request.Timeout()
	if err != nil {
		return api.Mission{}, err
	}
	notified, done := s.waits.watch(request.ID)
	defer done()
	defer s.peers.Watch(request.ID)()
	maxWait := time.NewTimer(timeout)
	defer maxWait.Stop()
	for {
		m, err := s.cfg.Store.Get(ctx, request.ID)
		if err != nil || m.Status.Terminal() {
			return api.Mission{Mission: m}, err
		}
		select {
		case <-notified:
		case <-time.After(max(s.cfg.lookAgain, s.waits.apart())):
		case <-maxWait.C:
			return api.Mission{}, api.Timeout("mission %q is still %s", m.ID, m.Status)
		case <-s.waits.ended:
			return api.Mission{}, ErrStopping
		case <-ctx.Done():
			return api.Mission{}, ctx.Err()
		}
	}
}

// waiters are the requests that wait for missions to change. All methods may be
// called concurrently.
type waiters struct {
	ended chan struct{} // closed once the service stops

	mu   sync.Mutex
	byID map[string]map[wakeup.Signal]struct{}
	n    int
}

func newWaiters() *waiters {
	return &waiters{ended: make(chan struct{}), byID: map[string]map[wakeup.Signal]struct{}{}}
}

// watch returns a channel that gets a value after a mission has changed.
func (w *waiters) watch(id string) (notified <-chan struct{}, done func()) {
	ch := wakeup.New()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byID[id] == nil {
		w.byID[id] = map[wakeup.Signal]struct{}{}
	}
	w.byID[id][ch] = struct{}{}
	w.n++
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.n--
		delete(w.byID[id], ch)
		if len(w.byID[id]) == 0 {
			delete(w.byID, id)
		}
	}
}

// apart returns the minimum time between two looks of one waiter, so that all waiters
// together look at most a thousand times a second.
func (w *waiters) apart() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.n) * time.Millisecond
}

func (w *waiters) notify(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch := range w.byID[id] {
		ch.Send()
	}
}
