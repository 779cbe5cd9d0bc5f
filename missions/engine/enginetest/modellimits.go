package enginetest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
)

// modelLimit is a limit. What runs under it is counted whenever somebody asks.
type modelLimit struct {
	name, kind string // kind is the type that it applies to
	total      int64  // -1: no bound
	perKey     int64  // -1: no bound
	paused     bool
	pausedKey  string
	count, per int64 // of a rate; 0 for none
	amount     float64
	window     int64 // seconds of a window of the budget; 0 for none

	full    int64 // when the bucket is full, in nanoseconds
	at      int64 // the window in which was spent
	spent   float64
	blocked missions.Time
}

// modelTurns is how many missions with each key have started, as far as that decides who is next.
type modelTurns struct {
	reached map[string]int64 // by group and priority
	started map[string]int64 // by group, priority and key
}

func (t modelTurns) clone() modelTurns {
	return modelTurns{maps.Clone(t.reached), maps.Clone(t.started)}
}

func (m *model) limit(name string) *modelLimit {
	for i := range m.limits {
		if m.limits[i].name == name {
			return &m.limits[i]
		}
	}
	return nil
}

func (l *modelLimit) applies(x *modelMission) bool {
	return l.kind == "*" || l.kind == x.kind || x.flows != nil && slices.Contains(x.flows.limits, l.name)
}

// running counts the RUNNING missions under a limit, and those of a key; waiting the PENDING ones.
func (m *model) running(l *modelLimit, key string) (all, ofKey, waiting int64) {
	for i := range m.list {
		x := &m.list[i]
		if !l.applies(x) {
			continue
		}
		switch x.status {
		case missions.Running:
			all++
			if x.key() == key {
				ofKey++
			}
		case missions.Pending:
			waiting++
		case missions.Completed, missions.Failed, missions.Cancelled:
		}
	}
	return all, ofKey, waiting
}

func (x *modelMission) key() string {
	if x.flows == nil {
		return ""
	}
	return x.flows.key
}

func (l *modelLimit) tick() int64 {
	n := l.per * 1e9 / l.count
	if l.per*1e9%l.count > 0 {
		n++
	}
	return n
}

// room reports whether a limit lets a mission start.
func (m *model) room(l *modelLimit, x *modelMission, now missions.Time) bool {
	all, ofKey, _ := m.running(l, x.key())
	switch {
	case l.paused, l.blocked > now, l.total >= 0 && all >= l.total:
		return false
	case l.count > 0 && l.full-(l.count-1)*l.tick() > int64(now)*1000:
		return false
	case l.window > 0 && l.at == int64(now)/(l.window*1e6) && l.spent >= l.amount:
		return false
	}
	return !m.holds(l, x.key(), ofKey)
}

// holds reports whether a limit lets no mission with a key start, whatever others do.
func (m *model) holds(l *modelLimit, key string, running int64) bool {
	return key != "" && (l.pausedKey == key || l.perKey >= 0 && running >= l.perKey)
}

func (m *model) heldBack(x *modelMission) bool {
	return slices.ContainsFunc(m.limits, func(l modelLimit) bool {
		_, ofKey, _ := m.running(&l, x.key())
		return l.applies(x) && m.holds(&l, x.key(), ofKey)
	})
}

// eligible reports whether an agent may have a mission now.
func (m *model) eligible(x *modelMission, agent string, now missions.Time) bool {
	if !x.queued || !m.serves(agent, x) || x.withheld() && x.flows.prefers != agent && m.keepsOff(x.flows.prefers, x) {
		return false
	}
	for i := range m.limits {
		if l := &m.limits[i]; l.applies(x) && !m.room(l, x, now) {
			return false
		}
	}
	return true
}

// serves reports whether an agent has the type of a mission, and what it requires.
func (m *model) serves(agent string, x *modelMission) bool {
	return slices.Contains(m.agents[agent].types, x.kind) && (x.flows == nil || !x.flows.requires || agent == simulatedGPU)
}

// withheld reports whether a mission that can be claimed prefers an agent at present.
func (x *modelMission) withheld() bool { return x.queued && x.flows != nil && x.flows.preferUntil != 0 }

// keepsOff reports whether an agent keeps others from a mission that prefers it.
func (m *model) keepsOff(agent string, x *modelMission) bool {
	return m.agents[agent].state == missions.Online && m.serves(agent, x)
}

// prefer has a mission prefer its agent, once it can be claimed.
func (x *modelMission) prefer(now missions.Time) {
	if x.flows == nil {
		return
	}
	x.flows.preferUntil = 0
	if until := x.readyAt.Add(x.flows.preferFor); x.queued && x.flows.prefers != "" && until > now {
		x.flows.preferUntil = until
	}
}

// prefersAs takes over a preference that its holder gives it.
func (x *modelMission) prefersAs(p *missions.Park) {
	if p != nil && p.PreferAgent != "" {
		x.flow().prefers, x.flow().preferFor = p.PreferAgent, p.PreferTime()
	}
}

// unqueue has a mission that nobody can claim.
func (x *modelMission) unqueue() {
	x.queued = false
	if x.flows != nil {
		x.flows.preferUntil = 0
	}
}

// simulatedGPU is the agent with the label that some missions require.
const simulatedGPU = "b"

// inLane reports whether a mission has a key, requirements or limits.
func (x *modelMission) inLane() bool {
	return x.flows != nil && (x.flows.key != "" || x.flows.requires || len(x.flows.limits) > 0 || x.withheld())
}

// group is what missions have in common that take turns.
func (x *modelMission) group() string {
	if x.flows == nil {
		return x.kind + " [] false "
	}
	prefers := ""
	if x.withheld() {
		prefers = x.flows.prefers
	}
	return fmt.Sprint(x.kind, " ", append([]string{}, x.flows.limits...), " ", x.flows.requires, " ", prefers)
}

func (x *modelMission) turnOf() (group, key string) {
	group = fmt.Sprint(x.group(), " ", x.priority)
	return group, group + " " + x.key()
}

// hasTurns reports whether a claim of an agent depends on limits or turns.
func (m *model) hasTurns(agent string) bool {
	return len(m.limits) > 0 || slices.ContainsFunc(m.list, func(x modelMission) bool {
		return x.inLane() && !x.status.Terminal() && slices.Contains(m.agents[agent].types, x.kind)
	})
}

// followTurns forgets the turns of keys that have nothing to do, and has others begin at the turn that was reached.
func (m *model) followTurns() {
	living, waiting := map[string]bool{}, map[string]bool{}
	for i := range m.list {
		x := &m.list[i]
		if !x.inLane() || x.status.Terminal() {
			continue
		}
		group, key := x.turnOf()
		for _, p := range missions.Priorities() {
			living[fmt.Sprint(x.group(), " ", p)] = true
		}
		if x.queued {
			waiting[key] = true
			if _, there := m.turns.started[key]; !there {
				m.turns.started[key] = m.turns.reached[group]
			}
		}
		waiting[group+" "] = true // of those without a key
	}
	maps.DeleteFunc(m.turns.started, func(key string, _ int64) bool { return !waiting[key] })
	maps.DeleteFunc(m.turns.reached, func(group string, _ int64) bool { return !living[group] })
}

// slack is by how many turns the model may be behind: a key that leaves and comes back within one action loses its turn.
const slack = 1

// heads returns which missions of a group of eligible ones may be next.
func (m *model) heads(list []*modelMission) (heads []*modelMission) {
	oldest, turns := map[string]*modelMission{}, map[string]int64{}
	least := int64(-1)
	for _, x := range list { // by age
		group, key := x.turnOf()
		if oldest[key] != nil {
			continue
		}
		oldest[key] = x
		turns[key] = max(m.turns.started[key], m.turns.reached[group])
		if least < 0 || turns[key] < least {
			least = turns[key]
		}
	}
	for key, x := range oldest {
		if turns[key] <= least+slack {
			heads = append(heads, x)
		}
	}
	return heads
}

// checkTurn returns why a mission may not be the next that an agent gets, "" if it may.
func (m *model) checkTurn(x *modelMission, agent string, now missions.Time) string {
	if !m.eligible(x, agent, now) {
		return "it may not start"
	}
	groups := map[string][]*modelMission{}
	for i := range m.list {
		y := &m.list[i]
		if !m.eligible(y, agent, now) {
			continue
		}
		if y.priority.Rank() > x.priority.Rank() {
			return "a higher priority waits: " + y.id
		}
		if y.priority == x.priority {
			groups[y.group()] = append(groups[y.group()], y)
		}
	}
	for group, list := range groups {
		heads := m.heads(list)
		if group == x.group() {
			if !slices.Contains(heads, x) {
				return fmt.Sprintf("it is the turn of %s", heads[0].id)
			}
			continue
		}
		if !slices.ContainsFunc(heads, func(y *modelMission) bool { return m.age(y) > m.age(x) }) {
			return fmt.Sprintf("%s waits for longer", heads[0].id)
		}
	}
	return ""
}

func (m *model) age(x *modelMission) int {
	return slices.IndexFunc(m.list, func(y modelMission) bool { return y.id == x.id })
}

// startInTurn notes that a mission starts.
func (m *model) startInTurn(x *modelMission, now missions.Time) {
	for i := range m.limits {
		if l := &m.limits[i]; l.applies(x) && l.count > 0 {
			l.full = max(l.full, int64(now)*1000) + l.tick()
		}
	}
	group, key := x.turnOf()
	others := slices.ContainsFunc(m.list, func(y modelMission) bool {
		return y.queued && y.inLane() && y.priority == x.priority && y.group() == x.group() && !m.heldBack(&y)
	})
	if !x.inLane() && !others {
		return
	}
	turn := max(m.turns.started[key], m.turns.reached[group])
	m.turns.reached[group], m.turns.started[key] = turn, turn+1
}

// claimByTurn follows the engine's choice, and returns what is wrong with it.
func (m *model) claimByTurn(q *missions.ClaimRequest, given []string, more bool, now missions.Time) (answer, wrong string) {
	if q.Alive {
		m.alive(q.AgentID, now)
	}
	m.followTurns()
	answer = "claimed"
	for _, id := range given {
		x := m.find(id)
		if x == nil {
			return answer, id + " does not exist"
		}
		if wrong := m.checkTurn(x, q.AgentID, now); wrong != "" {
			return answer, fmt.Sprintf("%s was given, and %s", id, wrong)
		}
		m.startInTurn(x, now)
		answer += m.give(x, q, now)
		m.followTurns()
	}
	if len(given) == q.Max || more {
		return answer, ""
	}
	for i := range m.list {
		if x := &m.list[i]; m.eligible(x, q.AgentID, now) {
			return answer, fmt.Sprintf("%d of %d missions were given, and %s could start", len(given), q.Max, x.id)
		}
	}
	return answer, ""
}

// spends counts usage in the budgets of a mission's limits.
func (m *model) spends(x *modelMission, n float64) {
	for i := range m.limits {
		l := &m.limits[i]
		if !l.applies(x) || l.window == 0 || n == 0 {
			continue
		}
		if at := int64(m.now) / (l.window * 1e6); at != l.at {
			l.at, l.spent = at, 0
		}
		l.spent += n
	}
}

// closes has a limit let nothing start for some time.
func (m *model) closes(name string, d time.Duration) {
	if l := m.limit(name); l != nil && m.now.Add(d) > l.blocked {
		l.blocked = m.now.Add(d)
	}
}

func (m *model) shiftLimits(by time.Duration) {
	for i := range m.limits {
		if l := &m.limits[i]; l.full != 0 {
			l.full += by.Nanoseconds()
		}
		if l := &m.limits[i]; l.blocked != 0 {
			l.blocked = l.blocked.Add(by)
		}
	}
}
