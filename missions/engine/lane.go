package engine

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/missions/codec"
)

// The sets and documents of lanes. A new data set has none of them. Places in them are in the order of turns: see
// turn.go.
const (
	setLanes = "lanes" // ids
	setKeys  = "keys"  // documents of keys
	setTurns = "r/"    // and a lane's id: keys with missions that can be claimed
	setQueue = "k/"    // and a lane's id, / and a key: its missions that can be claimed

	docLane    = "a/" // and an id
	docKey     = "q/" // and a key: its missions in all lanes
	docWithout = "p/" // and a lane's id: its missions without a key
)

// kind is what tells the missions of a lane from others. Missions that have only a type are in no lane: the
// backend has a queue of them.
type kind struct {
	Type     string            `json:"type"`
	Requires map[string]string `json:"requires,omitempty"`
	Limits   []string          `json:"limits,omitempty"`
	Prefers  string            `json:"prefers,omitempty"` // the agent from which others keep off: see prefer.go
}

// lane is the living missions of one type with the same requirements and limits. Those with a key are in a lane even
// if they have neither.
type lane struct {
	kind
	id      string
	living  int64
	pending int64
	ready   int64         // can be claimed, if the limits let them
	held    int64         // of them, those with a key of which no mission may start because of a limit
	since   missions.Time // since when some can be and none was
	turn    [4]int64      // by the rank of their priority: the turn at which a key begins
	own     [4]int64      // the turn of missions of the type that are in no lane
	open    bool          // any agent that serves it may claim from it; not stored
}

// id returns the lane's id. It is in the names of sets, so it is short.
func (k *kind) id() string {
	text, err := json.Marshal(k)
	if err != nil {
		panic(err) // strings always marshal
	}
	sum := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// only is the lane of a type's missions with a key that have no requirements and name no limits.
func only(missionType string) string { return (&kind{Type: missionType}).id() }

// kind returns what tells the mission's lane from others, nil if it is in none.
func (r *Record) kind() *kind {
	f := r.Flow
	if f == nil {
		return nil
	}
	k := kind{Type: r.Type, Requires: f.Requires, Limits: f.Limits}
	if f.PreferUntil != 0 {
		k.Prefers = f.PreferAgent
	}
	return k.orNone(f.Key)
}

// orNone returns nil for missions with a key, or "", that are in no lane.
func (k *kind) orNone(key string) *kind {
	if key == "" && len(k.Limits)+len(k.Requires) == 0 && k.Prefers == "" {
		return nil
	}
	return k
}

// kindOf is that of a mission that is to be created.
func kindOf(missionType string, f *missions.Flow) *kind {
	return (&kind{Type: missionType, Requires: f.Requires, Limits: f.Limits}).orNone(f.Key)
}

func (r *Record) key() string {
	if r.Flow == nil {
		return ""
	}
	return r.Flow.Key
}

func (r *Record) limits() []string {
	if r.Flow == nil {
		return nil
	}
	return r.Flow.Limits
}

func (r *Record) requires() map[string]string {
	if r.Flow == nil {
		return nil
	}
	return r.Flow.Requires
}

// claimable reports whether a mission can be claimed, if the limits let it.
func (r *Record) claimable() bool { return r.Ready || r.Flow != nil && r.Flow.Queued }

func laneOf(c *codec.Codec, l *lane) {
	codec.Text(c, &l.Type)
	codec.Table(c, &l.Requires, codec.Text, codec.Text)
	codec.Sequence(c, &l.Limits, codec.Text)
	codec.Text(c, &l.Prefers)
	for _, n := range []*int64{&l.living, &l.pending, &l.ready, &l.held} {
		codec.Number(c, n)
	}
	codec.Number(c, &l.since)
	for i := range l.turn {
		codec.Number(c, &l.turn[i])
		codec.Number(c, &l.own[i])
	}
	if c.Reading() {
		if len(l.Requires) == 0 {
			l.Requires = nil
		}
		if len(l.Limits) == 0 {
			l.Limits = nil
		}
		l.id = l.kind.id()
	}
}

// editLane returns the lane of a mission for changes, and creates it if it does not exist.
func (e *Engine) editLane(k *kind) *lane {
	id := k.id()
	l := e.lanes[id]
	if l == nil {
		l = &lane{kind: *k, id: id}
		e.addLane(l)
		e.member(setLanes, id, false)
	}
	e.setDoc(docLane+id, l)
	return l
}

func (e *Engine) addLane(l *lane) {
	e.lanes[l.id] = l
	list := e.lanesOf[l.Type]
	at, _ := slices.BinarySearchFunc(list, l.id, func(l *lane, id string) int { return compareText(l.id, id) })
	e.lanesOf[l.Type] = slices.Insert(list, at, l)
	e.openLane(l)
	for _, name := range l.Limits {
		if e.lanesUnder[name] == nil {
			e.lanesUnder[name] = map[string]*lane{}
		}
		e.lanesUnder[name][l.id] = l
	}
}

// dropLane forgets a lane without missions.
func (e *Engine) dropLane(l *lane) {
	delete(e.lanes, l.id)
	list := slices.DeleteFunc(e.lanesOf[l.Type], func(other *lane) bool { return other == l })
	if e.lanesOf[l.Type] = list; len(list) == 0 {
		delete(e.lanesOf, l.Type)
	}
	e.closeLane(l)
	for _, name := range l.Limits {
		if delete(e.lanesUnder[name], l.id); len(e.lanesUnder[name]) == 0 {
			delete(e.lanesUnder, name)
		}
	}
	e.setDoc(docLane+l.id, nil)
	e.member(setLanes, l.id, true)
	delete(e.setWindows, setTurns+l.id)
}

// laneMoved counts a mission of a lane under another status; "" is none.
func (e *Engine) laneMoved(r *Record, from, to missions.Status) {
	k := r.kind()
	if k == nil {
		return
	}
	l := e.editLane(k)
	if lives := func(s missions.Status) bool { return s != "" && !s.Terminal() }; lives(from) != lives(to) {
		l.living += delta(lives(to))
	}
	if (from == missions.Pending) != (to == missions.Pending) {
		l.pending += delta(to == missions.Pending)
		e.editKey(l, r.key()).pending += delta(to == missions.Pending)
		e.settleKeyDoc(l, r.key())
	}
	if l.living == 0 {
		e.dropLane(l)
	}
}

func delta(more bool) int64 {
	if more {
		return 1
	}
	return -1
}

// checkLane returns why a new mission cannot have its lane. Those of agents do not count: they have a bound of their own.
func (e *Engine) checkLane(k *kind) error {
	if e.lanes[k.id()] == nil && len(e.lanes)-e.preferring >= missions.MaxLanes {
		return missions.Overloaded("living missions have %d combinations of type, requirements and limits, and there can be no more", missions.MaxLanes)
	}
	return nil
}

// serves reports whether an agent has what the lane's missions require.
func (l *lane) serves(labels map[string]string) bool {
	for label, value := range l.Requires {
		if has, there := labels[label]; !there || has != value {
			return false
		}
	}
	return true
}

// pendingOf returns how many missions of a type are PENDING and in no lane.
func (e *Engine) pendingOf(missionType string) int64 {
	t := e.byType[missionType]
	if t == nil {
		return 0
	}
	n := t.ByStatus[missions.Pending.Index()]
	for _, l := range e.lanesOf[missionType] {
		n -= l.pending
	}
	return n
}

// Lane returns the id of the lane that the mission is in and its key; "" if it is in none.
func (r *Record) Lane() (id, key string) {
	k := r.kind()
	if k == nil || r.Status.Terminal() {
		return "", ""
	}
	return k.id(), r.key()
}
