package supervisor

import (
	"context"
	"maps"
	"slices"
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
	watch := s.waits.watch(request.ID)
	defer s.waits.end(watch)
	defer s.peers.Watch(request.ID)()
	maxWait := time.NewTimer(timeout)
	defer maxWait.Stop()
	for {
		m, err := s.cfg.Store.Get(ctx, request.ID)
		if err != nil || m.Status.Terminal() {
			return api.Mission{Mission: m}, err
		}
		select {
		case <-watch.wake:
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
	byID map[string]map[*watch]struct{}
	n    int // missions watched, as often as they are
}

// watch is a request that waits for missions to change.
type watch struct {
	ids     []string
	wake    wakeup.Signal       // has a value after one of them has changed
	changed map[string]struct{} // since the last call of take; guarded by the mutex of the waiters
}

func newWaiters() *waiters {
	return &waiters{ended: make(chan struct{}), byID: map[string]map[*watch]struct{}{}}
}

// watch watches missions until the watch is given to end.
func (w *waiters) watch(ids ...string) *watch {
	one := &watch{ids: ids, wake: wakeup.New(), changed: map[string]struct{}{}}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if w.byID[id] == nil {
			w.byID[id] = map[*watch]struct{}{}
		}
		w.byID[id][one] = struct{}{}
	}
	w.n += len(ids)
	return one
}

func (w *waiters) end(one *watch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n -= len(one.ids)
	for _, id := range one.ids {
		if delete(w.byID[id], one); len(w.byID[id]) == 0 {
			delete(w.byID, id)
		}
	}
}

// take returns which missions of a watch have changed since it was last called.
func (w *waiters) take(one *watch) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := slices.Collect(maps.Keys(one.changed))
	clear(one.changed)
	return ids
}

// apart returns the minimum time between two looks of one waiter at each of its missions, so
// that all waiters together look at most at a thousand missions a second.
func (w *waiters) apart() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Duration(w.n) * time.Millisecond
}

func (w *waiters) notify(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.byID[id] {
		one.changed[id] = struct{}{}
		one.wake.Send()
	}
}
