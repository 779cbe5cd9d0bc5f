package supervisor

import (
	"context"
	"errors"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

// Bounds of a graph, and of the work for one.
const (
	graphMissions = 1000
	graphEdges    = 10_000
	graphReads    = 3000
	graphTime     = 3 * time.Second
	graphBytes    = 4 << 20 // of missions that are read at once
)

// Graph returns what lies before and behind a mission: what it waits or waited for, its
// parent and so on, and what waits or waited for it, its children and so on.
func (s *Service) Graph(ctx context.Context, request api.IDRequest) (api.Graph, error) {
	if err := request.Validate(); err != nil {
		return api.Graph{}, err
	}
	return graphOf(ctx, s.cfg.Store, request.ID, time.Now().Add(graphTime))
}

// graphOf returns what can be found before and behind a mission until a time.
func graphOf(ctx context.Context, store missions.Store, id string, until time.Time) (api.Graph, error) {
	m, err := store.Get(ctx, id)
	if err != nil {
		return api.Graph{}, err
	}
	w := &graphWalk{store: store, until: until, places: map[string]int{}, seen: map[graphStep]struct{}{}, batches: map[graphStep]struct{}{}}
	w.add(upstream, m)
	w.add(downstream, m)
	if err := w.run(ctx); err != nil {
		return api.Graph{}, err
	}
	return w.graph(), nil
}

// direction is the direction in which a graph is searched.
type direction int

const (
	upstream   direction = iota // what a mission depends on
	downstream                  // what depends on it
)

// graphStep is a mission or a batch from which a graph is searched further in a direction.
type graphStep struct {
	direction
	id string
}

// graphWalk searches the missions before and behind one, breadth first.
type graphWalk struct {
	store     missions.Store
	until     time.Time
	reads     int
	truncated bool

	found   []missions.Mission // in the order in which they were found
	places  map[string]int     // in found, by id
	steps   []graphStep        // from which to search
	seen    map[graphStep]struct{}
	batches map[graphStep]struct{} // that have been read
}

// add adds a mission that was found in a direction.
func (w *graphWalk) add(d direction, m missions.Mission) {
	if _, known := w.places[m.ID]; !known {
		if len(w.found) >= graphMissions {
			w.truncated = true
			return
		}
		w.places[m.ID] = len(w.found)
		m.Data, m.Result, m.Checkpoint, m.Description = nil, nil, nil, "" // a graph does not show them
		w.found = append(w.found, m)
	}
	step := graphStep{d, m.ID}
	if _, seen := w.seen[step]; !seen {
		w.seen[step] = struct{}{}
		w.steps = append(w.steps, step)
	}
}

// run searches until there is nothing more to find, or too much.
func (w *graphWalk) run(ctx context.Context) error {
	for len(w.steps) > 0 && !w.truncated {
		step := w.steps[0]
		w.steps = w.steps[1:]
		m := &w.found[w.places[step.id]]
		search := w.searchUp
		if step.direction == downstream {
			search = w.searchDown
		}
		if err := search(ctx, m.ID, m.Flow); err != nil {
			return err
		}
	}
	return nil
}

// searchUp adds the parent of a mission, and what it waits or waited for.
func (w *graphWalk) searchUp(ctx context.Context, _ string, f *missions.Flow) error {
	if f == nil {
		return nil
	}
	ids := []string{f.ParentID}
	for wait := range waitsOf(f) {
		ids = append(ids, wait.Mission)
		if wait.Batch != "" {
			if err := w.list(ctx, upstream, missions.Filter{Batch: wait.Batch}); err != nil {
				return err
			}
		}
	}
	for _, id := range ids {
		if id == "" {
			continue
		}
		if place, known := w.places[id]; known {
			w.add(upstream, w.found[place])
			continue
		}
		if !w.mayRead() {
			return nil
		}
		switch m, err := w.store.Get(ctx, id); {
		case err == nil:
			w.add(upstream, m)
		case !errors.Is(err, missions.ErrNotFound): // it may have been deleted
			return err
		}
	}
	return nil
}

// searchDown adds the children of a mission, and the missions that wait or waited for it or
// its batch.
func (w *graphWalk) searchDown(ctx context.Context, id string, f *missions.Flow) error {
	filters := []missions.Filter{{ParentID: id}, {After: missions.Condition{Mission: id}}}
	if f != nil && f.Batch != "" {
		filters = append(filters, missions.Filter{After: missions.Condition{Batch: f.Batch}})
	}
	for _, filter := range filters {
		if err := w.list(ctx, downstream, filter); err != nil {
			return err
		}
	}
	return nil
}

// list adds the missions that match a filter. It reads a batch once in each direction.
func (w *graphWalk) list(ctx context.Context, d direction, filter missions.Filter) error {
	if batch := filter.Batch + filter.After.Batch; batch != "" {
		step := graphStep{d, batch}
		if _, read := w.batches[step]; read {
			return nil
		}
		w.batches[step] = struct{}{}
	}
	filter.Limit, filter.MaxBytes = graphMissions, graphBytes
	for w.mayRead() {
		page, err := w.store.List(ctx, filter)
		if err != nil {
			return err
		}
		for i := range page.Missions {
			w.add(d, page.Missions[i])
		}
		if filter.Cursor = page.Next; page.Next == 0 {
			return nil
		}
	}
	return nil
}

// mayRead reports whether the store may be read once more.
func (w *graphWalk) mayRead() bool {
	w.reads++
	w.truncated = w.truncated || w.reads > graphReads || time.Now().After(w.until)
	return !w.truncated
}

// waitsOf returns what a mission waits for, and what it waited for.
func waitsOf(f *missions.Flow) func(yield func(*missions.Wait) bool) {
	return func(yield func(*missions.Wait) bool) {
		for _, waits := range [][]missions.Wait{f.WaitingFor, f.WaitedFor} {
			for i := range waits {
				if !yield(&waits[i]) {
					return
				}
			}
		}
	}
}

// graph returns what was found.
func (w *graphWalk) graph() api.Graph {
	g := api.Graph{Missions: make([]api.GraphMission, len(w.found)), Edges: []api.GraphEdge{}}
	members := map[string][]string{} // of batches
	for i := range w.found {
		m := &w.found[i]
		g.Missions[i] = api.GraphMission{ID: m.ID, Name: m.Name, Type: m.Type, Status: m.Status, Waiting: waits(m),
			CreatedAt: m.CreatedAt, StartedAt: m.StartedAt, FinishedAt: m.FinishedAt}
		if m.Flow != nil && m.Batch != "" {
			g.Missions[i].Batch = m.Batch
			members[m.Batch] = append(members[m.Batch], m.ID)
		}
	}
	for i := range w.found {
		if w.found[i].Flow != nil {
			g.Edges = append(g.Edges, w.edgesTo(&w.found[i], members)...)
		}
		if len(g.Edges) > graphEdges {
			g.Edges, w.truncated = g.Edges[:graphEdges], true
			break
		}
	}
	g.Truncated = w.truncated
	return g
}

// edgesTo returns the edges that lead to a mission from others that were found.
func (w *graphWalk) edgesTo(m *missions.Mission, members map[string][]string) (edges []api.GraphEdge) {
	add := func(from string, kind api.EdgeKind, batch string) {
		edge := api.GraphEdge{From: from, To: m.ID, Kind: kind, Batch: batch}
		if _, found := w.places[from]; found && from != m.ID && !slices.Contains(edges, edge) {
			edges = append(edges, edge)
		}
	}
	add(m.ParentID, api.EdgeParent, "")
	for wait := range waitsOf(m.Flow) {
		add(wait.Mission, api.EdgeAfter, "")
		for _, member := range members[wait.Batch] {
			add(member, api.EdgeBatch, wait.Batch)
		}
	}
	return edges
}
