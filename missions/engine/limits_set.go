package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"missioncontrol/missions"
)

// LoadLimits loads what a term needs to know of limits and lanes from its begin. It is called once, before the first
// batch.
func (e *Engine) LoadLimits(ctx context.Context, backend Backend, now missions.Time) error {
	sets := []Range{{Set: setLimits, Limit: missions.MaxLimits + 1}, {Set: setLanes, Limit: missions.MaxLanes + 1}}
	found, err := backend.Members(ctx, sets)
	if err != nil || len(found[0])+len(found[1]) == 0 {
		return err
	}
	for some := range slices.Chunk(found[0], recountAtOnce) {
		if err := e.loadLimits(ctx, backend, some); err != nil {
			return err
		}
	}
	if err := e.loadAllLanes(ctx, backend, found[1]); err != nil {
		return err
	}
	e.now = now
	for _, l := range e.leases {
		for _, x := range e.limitsOf(l.Type, l.Limits) {
			x.count(l.Key, 1)
		}
	}
	for _, x := range e.limits {
		if e.planLimit(x); x.isFull(now) == "" {
			e.announce(x)
		}
	}
	return nil
}

func (e *Engine) loadLimits(ctx context.Context, backend Backend, names []string) error {
	keys := make([]string, 0, 2*len(names))
	for _, name := range names {
		keys = append(keys, docLimit+name, docLimitState+name)
	}
	docs, err := backend.Docs(ctx, keys)
	if err != nil {
		return err
	}
	for _, name := range names {
		if docs[docLimit+name] == nil {
			continue
		}
		value, err := decodeDoc(docLimit, docs[docLimit+name])
		if err != nil {
			return err
		}
		x := newLimit(value.(*missions.Limit))
		if body := docs[docLimitState+name]; body != nil {
			state, err := decodeDoc(docLimitState, body)
			if err != nil {
				return err
			}
			x.state = *state.(*limitState)
		}
		e.limits[name] = x
	}
	return nil
}

func newLimit(l *missions.Limit) *limit { return &limit{Limit: l, byKey: map[string]int64{}} }

// loadAllLanes loads lanes, and all behind them. There can be more than [missions.MaxLanes], which bounds only what is
// created: missions come into a lane also when they are retried, or are no longer withheld for an agent.
func (e *Engine) loadAllLanes(ctx context.Context, backend Backend, ids []string) error {
	for len(ids) > 0 {
		for some := range slices.Chunk(ids, recountAtOnce) {
			if err := e.loadLanes(ctx, backend, some); err != nil {
				return err
			}
		}
		found, err := backend.Members(ctx, []Range{{Set: setLanes, After: ids[len(ids)-1], Limit: missions.MaxLanes}})
		if err != nil {
			return err
		}
		ids = found[0]
	}
	return nil
}

func (e *Engine) loadLanes(ctx context.Context, backend Backend, ids []string) error {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = docLane + id
	}
	docs, err := backend.Docs(ctx, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if docs[key] == nil {
			continue
		}
		value, err := decodeDoc(docLane, docs[key])
		if err != nil {
			return err
		}
		e.addLane(value.(*lane))
	}
	return nil
}

// NeedSetLimit adds what [Engine.SetLimit] needs: keys that start to be held, or are no longer.
func (e *Engine) NeedSetLimit(n *Need, q *missions.LimitRequest) {
	for _, key := range e.keysUnder(q.Spec.Name, &q.Spec) {
		e.needDocs(n, docKey+key)
	}
}

// keysUnder returns the keys of which missions run under a limit, as it is or would be, and those that it has settings of.
func (e *Engine) keysUnder(name string, spec *missions.LimitSpec) []string {
	keys := map[string]bool{}
	if x := e.limits[name]; x != nil {
		for key := range x.byKey {
			keys[key] = true
		}
		for key := range x.Keys {
			keys[key] = true
		}
	}
	if spec != nil {
		for key := range spec.Keys {
			keys[key] = true
		}
		for _, l := range e.leases {
			if l.Key != "" && (spec.AppliesToType(l.Type) || slices.Contains(l.Limits, name)) {
				keys[l.Key] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// SetLimit adds a limit, or changes it. See [missions.Limits].
func (e *Engine) SetLimit(q *missions.LimitRequest) missions.LimitResult {
	name := q.Spec.Name
	x := e.limits[name]
	switch {
	case x == nil && q.IfChangedAt != 0:
		return missions.LimitResult{Err: missions.NotFound("limit", name)}
	case x == nil && len(e.limits) >= missions.MaxLimits:
		return missions.LimitResult{Err: missions.Overloaded("there are %d limits, and there can be no more; delete one", missions.MaxLimits)}
	case x != nil && x.SameContent(&q.Spec):
		return missions.LimitResult{Limit: e.limitStatus(x)}
	case x != nil && q.IfChangedAt != 0 && q.IfChangedAt != x.ChangedAt:
		return missions.LimitResult{Err: missions.Conflict("limit %q has changed meanwhile", name)}
	}
	keys := e.keysUnder(name, &q.Spec)
	createdAt := e.now
	if x == nil {
		x = newLimit(nil)
		e.limits[name] = x
		e.member(setLimits, name, false)
	} else {
		createdAt = x.CreatedAt
	}
	x.adopt(&q.Spec)
	x.Limit = &missions.Limit{LimitSpec: q.Spec, CreatedAt: createdAt, ChangedAt: e.now, By: q.By, ByProven: q.ByProven}
	e.setDoc(docLimit+name, x.Limit)
	e.limitsChanged(x, keys)
	e.limitChanged(x)
	e.announce(x)
	e.emit(missions.Event{Kind: missions.EventLimitChanged, Name: name, Message: q.By})
	return missions.LimitResult{Limit: e.limitStatus(x), Changed: true}
}

// adopt keeps of what was counted what another rate or budget can use.
func (x *limit) adopt(spec *missions.LimitSpec) {
	if x.Limit == nil {
		return
	}
	if spec.Rate == nil || x.Rate == nil || *spec.Rate != *x.Rate {
		x.state.full = 0
	}
	if spec.Budget == nil || x.Budget == nil || spec.Budget.Unit != x.Budget.Unit || spec.Budget.PerSeconds != x.Budget.PerSeconds {
		x.state.window, x.state.spent = 0, 0
	}
}

// limitsChanged counts the missions that run under a limit anew, and follows the keys that it may hold or let go.
func (e *Engine) limitsChanged(x *limit, keys []string) {
	clear(e.applied)
	x.running = 0
	clear(x.byKey)
	if e.limits[x.Name] == x {
		for _, l := range e.leases {
			if x.AppliesToType(l.Type) || slices.Contains(l.Limits, x.Name) {
				x.count(l.Key, 1)
			}
		}
	}
	for _, key := range keys {
		e.followKey(key)
	}
}

// NeedDeleteLimit adds what [Engine.DeleteLimit] needs.
func (e *Engine) NeedDeleteLimit(n *Need, q *missions.DeleteLimitRequest) {
	for _, key := range e.keysUnder(q.Name, nil) {
		e.needDocs(n, docKey+key)
	}
}

// DeleteLimit deletes a limit. See [missions.Limits].
func (e *Engine) DeleteLimit(q *missions.DeleteLimitRequest) missions.LimitResult {
	x := e.limits[q.Name]
	if x == nil {
		return missions.LimitResult{Err: missions.NotFound("limit", q.Name)}
	}
	last, keys := e.limitStatus(x), e.keysUnder(q.Name, nil)
	e.announce(x)
	delete(e.limits, q.Name)
	e.opening.set(q.Name, 0)
	e.setDoc(docLimit+q.Name, nil)
	e.setDoc(docLimitState+q.Name, nil)
	e.member(setLimits, q.Name, true)
	e.limitsChanged(x, keys)
	e.emit(missions.Event{Kind: missions.EventLimitChanged, Name: q.Name, Message: q.By})
	return missions.LimitResult{Limit: last, Changed: true}
}

// Limit returns a limit and what it counts. See [missions.Limits].
func (e *Engine) Limit(name *string) missions.LimitResult {
	x := e.limits[*name]
	if x == nil {
		return missions.LimitResult{Err: missions.NotFound("limit", *name)}
	}
	return missions.LimitResult{Limit: e.limitStatus(x)}
}

// Limits returns some limits by name, behind one. See [missions.Limits].
func (e *Engine) Limits(q *missions.LimitsRequest) (page missions.LimitPage) {
	page.Limits = []missions.LimitStatus{}
	for _, name := range slices.Sorted(maps.Keys(e.limits)) {
		switch {
		case name <= q.Cursor:
		case len(page.Limits) == q.Limit:
			page.Next = page.Limits[q.Limit-1].Name
			return page
		default:
			page.Limits = append(page.Limits, e.limitStatus(e.limits[name]))
		}
	}
	return page
}

// limitStatus returns a limit as callers see it.
func (e *Engine) limitStatus(x *limit) missions.LimitStatus {
	s := missions.LimitStatus{Limit: *x.Limit, Running: x.running, Spent: x.spentNow(e.now), Full: x.isFull(e.now), OpensAt: x.opensAt(e.now), Busiest: []missions.BusyKey{}}
	if x.state.blocked > e.now {
		s.BlockedUntil = x.state.blocked
	}
	s.Waiting, s.KeysFull = e.waitingUnder(x), int64(len(x.fullKeys()))
	for key, n := range x.byKey {
		s.Busiest = append(s.Busiest, missions.BusyKey{Key: key, Running: n})
	}
	slices.SortFunc(s.Busiest, func(a, b missions.BusyKey) int {
		return cmp.Or(cmp.Compare(b.Running, a.Running), cmp.Compare(a.Key, b.Key))
	})
	s.Busiest = slices.Clip(s.Busiest[:min(len(s.Busiest), missions.BusiestKeys)])
	return s
}

// waitingUnder counts the PENDING missions to which a limit applies.
func (e *Engine) waitingUnder(x *limit) (n int64) {
	of := x.Type
	if of == missions.AllTypes {
		of = ""
	}
	if t := e.byType[of]; t != nil && x.Type != "" {
		n = t.ByStatus[missions.Pending.Index()]
	}
	for _, l := range e.lanesUnder[x.Name] {
		if !x.AppliesToType(l.Type) { // or else it is counted
			n += l.pending
		}
	}
	return n
}

// checkQuota returns why no mission with a key is created.
func (e *Engine) checkQuota(k *kind, key string) error {
	if key == "" {
		return nil
	}
	for _, x := range e.limitsOf(k.Type, k.Limits) {
		if x.MaxPendingPerKey == nil {
			continue
		}
		n := int64(0)
		if of := e.keyedIn("", key); of != nil {
			for i := range of.lanes {
				if l := e.lanes[of.lanes[i].lane]; l != nil && slices.Contains(e.limitsOf(l.Type, l.Limits), x) {
					n += of.lanes[i].pending
				}
			}
		}
		if n >= *x.MaxPendingPerKey {
			return &missions.Error{Code: missions.CodeQuota, Field: "key", Message: "has as many PENDING missions as the limit " + x.Name + " allows"}
		}
	}
	return nil
}

// checkBlock returns why the holder of a mission cannot close a limit.
func (e *Engine) checkBlock(r *Record, name string) error {
	if name == "" {
		return nil
	}
	x := e.limits[name]
	if x == nil {
		return missions.Invalid("limit", "there is no limit %q", name)
	}
	if !slices.Contains(e.limitsOf(r.Type, r.limits()), x) {
		return missions.Invalid("limit", "%q does not apply to the mission", name)
	}
	return nil
}

// block closes a limit for some seconds, unless it is closed for longer.
func (e *Engine) block(name string, seconds *float64) {
	if name == "" || seconds == nil {
		return
	}
	x := e.limits[name]
	if until := e.now.Add(missions.Seconds(*seconds)); until > x.state.blocked {
		x.state.blocked = until
		e.limitChanged(x)
	}
}
