package engine

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// The set and documents of limits. A new data set has none of them.
const (
	setLimits = "limits" // names

	docLimit      = "l/" // and a name
	docLimitState = "s/" // and a name: what changes when missions start and report usage
)

// limit is a limit, and what it counts. How many missions run is the number of their leases, so it needs not be
// stored.
type limit struct {
	*missions.Limit // replaced, never changed
	state           limitState
	running         int64
	byKey           map[string]int64 // running missions, by key
}

// limitState is what a limit has counted of the past.
type limitState struct {
	full    int64         // when the bucket of its rate is full, in nanoseconds since the Unix epoch
	window  int64         // number of the window of its budget since the Unix epoch
	spent   float64       // in that window
	blocked missions.Time // nothing starts before
}

func limitStateOf(c *codec.Codec, s *limitState) {
	codec.Number(c, &s.full)
	codec.Number(c, &s.window)
	codec.Float(c, &s.spent)
	codec.Number(c, &s.blocked)
}

// limitOf is a limit as bytes.
func limitOf(c *codec.Codec, l **missions.Limit) {
	var text []byte
	if !c.Reading() {
		text, _ = json.Marshal(*l) // it was read from JSON
	}
	if codec.Content(c, &text); !c.Reading() {
		return
	}
	*l = &missions.Limit{}
	if json.Unmarshal(text, *l) != nil {
		c.Fail()
	}
}

// tick is the time in which the bucket of a rate gets a token, in nanoseconds.
func tick(r *missions.Rate) int64 {
	return int64(math.Ceil(float64(r.PerSeconds) * 1e9 / float64(r.Count)))
}

func nanoseconds(t missions.Time) int64 { return int64(t) * 1000 }

// hasToken returns from when the bucket of the rate has a token, in nanoseconds.
func (x *limit) hasToken() int64 { return x.state.full - (x.Rate.Count-1)*tick(x.Rate) }

// window returns the number of the window of the budget at a time.
func (x *limit) windowAt(now missions.Time) int64 { return int64(now) / (x.Budget.PerSeconds * 1e6) }

// spent returns what was used of the budget in the present window.
func (x *limit) spentNow(now missions.Time) float64 {
	if x.Budget == nil || x.state.window != x.windowAt(now) {
		return 0
	}
	return x.state.spent
}

// isFull returns why no mission starts, "" if missions may.
func (x *limit) isFull(now missions.Time) missions.LimitFull {
	switch {
	case x.Paused:
		return missions.FullPaused
	case x.state.blocked > now:
		return missions.FullBlocked
	case x.Total != nil && x.running >= *x.Total:
		return missions.FullTotal
	case x.Rate != nil && x.hasToken() > nanoseconds(now):
		return missions.FullRate
	case x.Budget != nil && x.spentNow(now) >= x.Budget.Amount:
		return missions.FullBudget
	}
	return ""
}

// opensAt returns when missions may start again by themselves, 0 if they may or if that depends on something else.
func (x *limit) opensAt(now missions.Time) (at missions.Time) {
	if x.Paused || x.Total != nil && x.running >= *x.Total {
		return 0
	}
	if x.state.blocked > now {
		at = x.state.blocked
	}
	if x.Rate != nil && x.hasToken() > nanoseconds(now) {
		at = max(at, missions.Time((x.hasToken()+999)/1000))
	}
	if x.Budget != nil && x.spentNow(now) >= x.Budget.Amount && x.Budget.Amount > 0 {
		at = max(at, missions.Time((x.windowAt(now)+1)*x.Budget.PerSeconds*1e6))
	}
	return at
}

// perKey returns how many missions with a key may run, -1 for no bound.
func (x *limit) perKey(key string) int64 {
	of := x.Keys[key]
	switch {
	case of.Paused:
		return 0
	case of.PerKey != nil:
		return *of.PerKey
	case x.PerKey != nil:
		return *x.PerKey
	}
	return -1
}

// isFullFor reports whether no mission with a key starts, whatever others do.
func (x *limit) isFullFor(key string) bool {
	if key == "" {
		return false
	}
	most := x.perKey(key)
	return most >= 0 && x.byKey[key] >= most
}

// count counts a mission that runs, or does no longer.
func (x *limit) count(key string, by int64) {
	x.running += by
	if key == "" {
		return
	}
	if x.byKey[key] += by; x.byKey[key] == 0 {
		delete(x.byKey, key)
	}
}

// limitsOf returns the limits that apply to missions of a type which name some.
func (e *Engine) limitsOf(missionType string, named []string) []*limit {
	if len(e.limits) == 0 {
		return nil
	}
	key := missionType + " " + strings.Join(named, " ")
	found, known := e.applied[key]
	if known {
		return found
	}
	for _, name := range slices.Sorted(maps.Keys(e.limits)) {
		if x := e.limits[name]; x.AppliesToType(missionType) || slices.Contains(named, name) {
			found = append(found, x)
		}
	}
	if len(e.applied) >= 2*missions.MaxLanes {
		clear(e.applied)
	}
	e.applied[key] = found
	return found
}

// anyFull reports whether one of some limits lets no mission start.
func (e *Engine) anyFull(limits []*limit) bool {
	return slices.ContainsFunc(limits, func(x *limit) bool { return x.isFull(e.now) != "" })
}

// anyFullFor reports whether one of some limits lets no mission with a key start.
func anyFullFor(limits []*limit, key string) bool {
	return slices.ContainsFunc(limits, func(x *limit) bool { return x.isFullFor(key) })
}

// countRunning counts the mission of a lease that begins or ends, and reports whether some limit has become full for
// its key, or is no longer.
func (e *Engine) countRunning(l *Lease, by int64) (keyChanged bool) {
	for _, x := range e.limitsOf(l.Type, l.Limits) {
		was, wasKey := x.isFull(e.now), x.isFullFor(l.Key)
		x.count(l.Key, by)
		keyChanged = keyChanged || x.isFullFor(l.Key) != wasKey
		if was != "" && x.isFull(e.now) == "" {
			e.announce(x)
		}
	}
	return keyChanged
}

// started takes a token from the rates of the limits of a mission that starts.
func (e *Engine) started(limits []*limit) {
	for _, x := range limits {
		if x.Rate != nil {
			x.state.full = max(x.state.full, nanoseconds(e.now)) + tick(x.Rate)
			e.limitChanged(x)
		}
	}
}

// spentOf counts usage of a mission in the budgets of its limits.
func (e *Engine) spentOf(r *Record, unit string, n float64) {
	for _, x := range e.limitsOf(r.Type, r.limits()) {
		if x.Budget == nil || x.Budget.Unit != unit || n == 0 {
			continue
		}
		x.state.spent, x.state.window = x.spentNow(e.now)+n, x.windowAt(e.now)
		e.limitChanged(x)
	}
}

// limitChanged stores what a limit has counted, and plans when it is looked at again.
func (e *Engine) limitChanged(x *limit) {
	state := x.state
	e.setDoc(docLimitState+x.Name, &state)
	e.planLimit(x)
}

// minOpening is after what time a limit that is full because of its rate is looked at again at the earliest. Missions
// that may start before are given to those who ask.
const minOpening = 10 * time.Millisecond

// planLimit plans when missions may start again.
func (e *Engine) planLimit(x *limit) {
	at := x.opensAt(e.now)
	if at != 0 {
		at = max(at, e.now.Add(minOpening))
	}
	e.opening.set(x.Name, at)
}

// announce has the next Due say that missions under a limit can be claimed.
func (e *Engine) announce(x *limit) {
	for _, l := range e.lanesUnder[x.Name] {
		if l.ready > 0 {
			e.announced[l.Type] = true
		}
	}
	switch of := x.Type; of {
	case "":
	case missions.AllTypes:
		for name := range e.byType {
			e.announceType(name)
		}
	default:
		e.announceType(of)
	}
}

func (e *Engine) announceType(name string) {
	if t := e.byType[name]; name != "" && t != nil && t.ByStatus[missions.Pending.Index()] > 0 {
		e.announced[name] = true
	}
}

// limits says which types have missions that can be claimed now.
func (d *due) limits() {
	e := d.engine
	for name := range e.opening.due(e.now, d.left) {
		d.opened = append(d.opened, name)
	}
	for _, name := range d.opened {
		x := e.limits[name]
		if e.planLimit(x); x.isFull(e.now) == "" {
			e.announce(x)
		}
	}
	d.left -= len(d.opened)
	d.ready = e.takeAnnounced(d.ready)
}

// shiftLimits follows a step of the clock.
func (e *Engine) shiftLimits(by time.Duration) {
	for _, x := range e.limits {
		if x.state.full == 0 && x.state.blocked == 0 {
			continue
		}
		if x.state.full != 0 {
			x.state.full += by.Nanoseconds()
		}
		if x.state.blocked != 0 {
			x.state.blocked = x.state.blocked.Add(by)
		}
		e.limitChanged(x)
	}
}
