package enginetest

import (
	"cmp"
	"fmt"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

var (
	simulatedLimits  = []string{"l0", "l1", "l2"}
	simulatedTenants = []string{"k0", "k1", "k2"}
)

// route chooses a key, limits and requirements of a new mission; most have nothing of it.
func route(d *dice, kind string, given *missions.Flow, is *modelFlow) {
	if d.one(2) {
		given.Key = pick(simulatedTenants, uint32(d.below(3))) //nolint:gosec // small
		is.key = given.Key
	}
	if d.one(4) {
		given.Limits = []string{pick(simulatedLimits, uint32(d.below(2)))} //nolint:gosec // small
		is.limits = given.Limits
	}
	if kind != "z" && d.one(8) { // which the agent does not serve
		given.Requires, is.requires = map[string]string{"gpu": "h100"}, true
	}
	if d.one(6) {
		given.Preference = preference(d)
		is.prefers, is.preferFor = given.PreferAgent, given.PreferTime()
	}
}

func preference(d *dice) missions.Preference {
	return missions.Preference{PreferAgent: pick(simulatedAgents, uint32(d.below(3))), PreferSeconds: float64(1 + d.below(30))} //nolint:gosec // small
}

// labels are those of an agent.
func labels(agent string) map[string]string {
	if agent == simulatedGPU {
		return map[string]string{"gpu": "h100", "zone": "a"}
	}
	return map[string]string{}
}

// setLimit adds a limit, or changes it.
func (w *world) setLimit(a Action) error {
	d := a.dice()
	is := modelLimit{name: pick(simulatedLimits, a.A), kind: pick([]string{"", "", "x", "*"}, a.B), total: -1, perKey: -1}
	spec := missions.LimitSpec{Name: is.name, Type: is.kind}
	if d.one(3) {
		is.total = int64(d.below(4))
		spec.Total = &is.total
	}
	if d.one(2) {
		is.perKey = int64(1 + d.below(2))
		spec.PerKey = &is.perKey
	}
	if is.paused = d.one(12); is.paused {
		spec.Paused = true
	}
	if d.one(4) {
		is.pausedKey = pick(simulatedTenants, a.C)
		spec.Keys = map[string]missions.KeyLimit{is.pausedKey: {Paused: true}}
	}
	if d.one(4) {
		is.count, is.per = int64(1+d.below(3)), int64(1+d.below(20))
		spec.Rate = &missions.Rate{Count: is.count, PerSeconds: is.per}
	}
	if d.one(4) {
		is.amount, is.window = float64(1+d.below(4)), 30
		spec.Budget = &missions.Budget{Unit: "usd", Amount: is.amount, PerSeconds: is.window}
	}
	spec.Normalize()
	q := missions.LimitRequest{Spec: spec, By: "somebody"}
	if err := w.supply(func(n *engine.Need) { w.engine.NeedSetLimit(n, &q) }); err != nil {
		return err
	}
	result := w.engine.SetLimit(&q)
	return w.agree(answer(result.Err, fmt.Sprint(result.Changed)), w.next.setLimit(is))
}

// setLimit answers whether the limit has changed.
func (m *model) setLimit(is modelLimit) string {
	at, there := slices.BinarySearchFunc(m.limits, is, func(a, b modelLimit) int { return cmp.Compare(a.name, b.name) })
	if !there {
		m.limits = slices.Insert(slices.Clone(m.limits), at, is)
		return "true"
	}
	was := m.limits[at]
	changed := is
	changed.full, changed.at, changed.spent, changed.blocked = was.full, was.at, was.spent, was.blocked
	if changed == was {
		return "false"
	}
	if is.count != was.count || is.per != was.per {
		changed.full = 0
	}
	if is.window != was.window {
		changed.at, changed.spent = 0, 0
	}
	m.limits = slices.Clone(m.limits)
	m.limits[at] = changed
	return "true"
}

func (w *world) deleteLimit(name string) error {
	q := missions.DeleteLimitRequest{Name: name}
	if err := w.supply(func(n *engine.Need) { w.engine.NeedDeleteLimit(n, &q) }); err != nil {
		return err
	}
	result := w.engine.DeleteLimit(&q)
	want := "not_found"
	if w.next.limit(name) != nil {
		want = "deleted"
		w.next.limits = slices.DeleteFunc(slices.Clone(w.next.limits), func(l modelLimit) bool { return l.name == name })
	}
	return w.agree(answer(result.Err, "deleted"), want)
}

// compareLimits checks what limits count against a count of the model.
func (w *world) compareLimits() error {
	if w.engine == nil {
		return nil
	}
	for i := range w.is.limits {
		l := &w.is.limits[i]
		result := w.engine.Limit(&l.name)
		if result.Err != nil {
			return result.Err
		}
		running, _, waiting := w.is.running(l, "")
		if result.Limit.Running != running || result.Limit.Waiting != waiting {
			return fmt.Errorf("limit %s counts %d running and %d waiting, want %d and %d", l.name, result.Limit.Running, result.Limit.Waiting, running, waiting)
		}
		for _, busy := range result.Limit.Busiest {
			if _, n, _ := w.is.running(l, busy.Key); n != busy.Running {
				return fmt.Errorf("limit %s counts %d running with key %s, want %d", l.name, busy.Running, busy.Key, n)
			}
		}
	}
	return nil
}

// compareLanes checks the queues of lanes, and who has a turn in them, against what is stored of missions.
func (w *world) compareLanes(stored []*engine.Record) error {
	for set := range w.sets {
		w.sets[set] = nil
	}
	lanes := map[string]bool{}
	for _, r := range stored {
		lane, key := r.Lane()
		if lane == "" {
			continue
		}
		lanes[lane] = true
		queue, turns := "k/"+lane+"/"+key, "r/"+lane
		w.sets[queue], w.sets[turns] = append([]string{}, w.sets[queue]...), append([]string{}, w.sets[turns]...)
		if !r.Flow.Queued {
			continue
		}
		w.sets[queue] = append(w.sets[queue], r.ID)
		turn := fmt.Sprint(len(missions.Priorities())-1-r.Priority.Rank(), " ", key)
		if x := w.is.find(r.ID); !w.is.heldBack(x) && !slices.Contains(w.sets[turns], turn) {
			w.sets[turns] = append(w.sets[turns], turn)
		}
	}
	var names []string
	var ranges []engine.Range
	for set := range w.sets {
		names, ranges = append(names, set), append(ranges, engine.Range{Set: set, Limit: 1000})
	}
	ranges = append(ranges, engine.Range{Set: "lanes", Limit: 1000})
	lists, err := w.backend.Members(w.ctx, ranges)
	if err != nil {
		return err
	}
	if got := lists[len(names)]; len(got) != len(lanes) {
		return fmt.Errorf("%d lanes are stored, want %d", len(got), len(lanes))
	}
	for i, set := range names {
		got := make([]string, len(lists[i]))
		for j, member := range lists[i] {
			if got[j] = member[len("0:0000000000000000:"):]; set[0] == 'r' {
				got[j] = fmt.Sprint(member[:1], " ", member[len("0:0000000000000000:0000000000000000:"):])
			}
		}
		want := w.sets[set]
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("in the set %s are %q, want %q", set, got, want)
		}
		if len(want) == 0 {
			delete(w.sets, set)
		}
	}
	return nil
}
