package supervisor

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// waitedAtOnce is how many replies of WaitMany are collected at once: each may be as large as
// the broker allows, and the end of one mission may answer many requests.
const waitedAtOnce = 8

// WaitMany returns missions once all of them are terminal, or any, as the request says, or as
// they are when its time is up. An unknown mission is an [api.ErrNotFound]; one that is deleted
// while the request waits counts as ended. Meanwhile, nothing of the missions is kept.
func (s *Service) WaitMany(ctx context.Context, request api.WaitManyRequest) (api.Waited, error) {
	timeout, err := request.Check()
	if err != nil {
		return api.Waited{}, err
	}
	w := &manyWait{service: s, request: &request, watch: s.waits.watch(request.IDs...), open: map[string]bool{}, known: map[string]bool{}}
	defer s.waits.end(w.watch)
	for _, id := range request.IDs {
		defer s.peers.Watch(id)()
		w.open[id] = true
	}
	maxWait := time.NewTimer(timeout)
	defer maxWait.Stop()
	look, lookAgain := request.IDs, time.NewTimer(0)
	defer lookAgain.Stop()
	for {
		if err := w.look(ctx, look); err != nil {
			return api.Waited{}, err
		}
		if w.enough() || timeout == 0 {
			reply, err := w.collect(ctx)
			if err != nil || reply.Done || timeout == 0 {
				return reply, err
			} // a mission was retried meanwhile
		}
		lookAgain.Reset(max(s.cfg.lookAgain, s.waits.apart()))
		select {
		case <-w.watch.wake:
			look = s.waits.take(w.watch)
		case <-lookAgain.C:
			look = slices.Collect(maps.Keys(w.open))
		case <-maxWait.C:
			return w.collect(ctx)
		case <-s.waits.ended:
			return api.Waited{}, ErrStopping
		case <-ctx.Done():
			return api.Waited{}, ctx.Err()
		}
	}
}

// manyWait is a request that waits for several missions.
type manyWait struct {
	service *Service
	request *api.WaitManyRequest
	watch   *watch
	open    map[string]bool // missions that have not ended
	known   map[string]bool // missions that existed
}

// look notes which of some missions have ended.
func (w *manyWait) look(ctx context.Context, ids []string) error {
	for _, id := range ids {
		m, err := w.service.cfg.Store.Get(ctx, id)
		if err := w.note(id, &m, err); err != nil {
			return err
		}
	}
	return nil
}

// note notes what became of a mission, given the outcome of reading it.
func (w *manyWait) note(id string, m *missions.Mission, err error) error {
	if errors.Is(err, missions.ErrNotFound) && w.known[id] {
		delete(w.open, id)
		return nil
	}
	if err != nil {
		return err
	}
	w.known[id] = true
	if delete(w.open, id); !m.Status.Terminal() {
		w.open[id] = true
	}
	return nil
}

// enough reports whether as many missions have ended as the request waits for.
func (w *manyWait) enough() bool {
	if w.request.Until == api.UntilAny {
		return len(w.open) < len(w.request.IDs)
	}
	return len(w.open) == 0
}

// collect reads the missions as they are.
func (w *manyWait) collect(ctx context.Context) (api.Waited, error) {
	select {
	case w.service.collecting <- struct{}{}:
		defer func() { <-w.service.collecting }()
	case <-ctx.Done():
		return api.Waited{}, ctx.Err()
	}
	room := cmp.Or(w.service.room(), api.MaxBody) // the broker may not be connected yet
	reply, fitting := api.Waited{}, api.NewFitting(room)
	for _, id := range w.request.IDs {
		m, err := w.service.cfg.Store.Get(ctx, id)
		switch noted := w.note(id, &m, err); {
		case noted != nil:
			return api.Waited{}, noted
		case err != nil:
			reply.Deleted = append(reply.Deleted, id)
		default:
			if err := fitting.Add(m); err != nil {
				return api.Waited{}, err
			}
		}
	}
	reply.Missions, reply.Done = fitting.Missions(), w.enough()
	return reply, nil
}
