package enginetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

// modelUnique is the unique key that a mission is given.
type modelUnique struct {
	key        string
	onConflict missions.OnConflict
	at         time.Duration // how long the key is held at least
}

// modelKey is who holds a key. Whether the holder lives is looked up each time.
type modelKey struct {
	holder, next     string
	until, nextUntil missions.Time
}

// is returns a key as text.
func (k *modelKey) is(lives bool) string {
	return fmt.Sprintf("held by %s, which lives %t, until %d, behind it %q until %d", k.holder, lives, k.until, k.next, k.nextUntil)
}

// first returns the first of its times, 0 if it has none.
func (k *modelKey) first() missions.Time {
	if k.until == 0 || k.nextUntil == 0 {
		return max(k.until, k.nextUntil)
	}
	return min(k.until, k.nextUntil)
}

// living reports whether a mission is one with a key that has not ended.
func (m *model) living(id, key string) bool {
	return m.lives(id) && m.find(id).flows != nil && m.find(id).flows.unique.key == key
}

// keyNow returns who holds a key at present.
func (m *model) keyNow(key string, now missions.Time) (modelKey, bool) {
	k, there := m.keys[key]
	return k, there && (m.living(k.holder, key) || k.until > now)
}

// conflicts returns the answer to a creation if a key decides it.
func (m *model) conflicts(x *modelMission, now missions.Time) string {
	u := x.unique()
	k, held := m.keyNow(u.key, now)
	if u.key == "" || !held {
		return ""
	}
	lives := m.living(k.holder, u.key)
	switch {
	case u.onConflict != missions.ConflictKeep:
		if p := x.flows.parent; p != "" && lives && (p == k.holder || p == k.next) {
			return "conflict"
		}
		return ""
	case m.find(k.holder) == nil || m.find(k.holder).unique().key != u.key:
		return "conflict"
	}
	if x.flows.closes {
		m.closeBatch(x.flows.batch, now)
	}
	return "keeps " + k.holder
}

func (x *modelMission) unique() modelUnique {
	if x.flows == nil {
		return modelUnique{}
	}
	return x.flows.unique
}

// makeWay cancels those that a new mission replaces, and answers how many.
func (m *model) makeWay(x *modelMission, now missions.Time) (replaced int) {
	u := x.unique()
	k, held := m.keyNow(u.key, now)
	if u.key == "" || !held || !m.living(k.holder, u.key) {
		return 0
	}
	for _, id := range []string{k.next, k.holder} {
		if y := m.find(id); y != nil && (y.status == missions.Pending || u.onConflict == missions.ConflictReplace) {
			m.end(y, now, missions.Cancelled)
			replaced++
		}
	}
	return replaced
}

// takeKey has a mission hold its key, for the first time or again, or returns for whose end it has to wait.
func (m *model) takeKey(x *modelMission, again bool, now missions.Time) (behind string) {
	u := x.unique()
	if u.key == "" {
		return ""
	}
	until := missions.Time(0)
	if u.at > 0 {
		until = x.created.Add(u.at)
	}
	if until <= now {
		until = 0
	}
	switch k, there := m.keys[u.key]; {
	case there && again && k.holder == x.id:
		until = k.until
	case there && !again && k.holder != x.id && m.living(k.holder, u.key):
		k.next, k.nextUntil = x.id, until
		m.keys[u.key] = k
		return k.holder
	}
	m.keys[u.key] = modelKey{holder: x.id, until: until}
	return ""
}

// freeKey follows the end of a mission.
func (m *model) freeKey(x *modelMission, now missions.Time) {
	key := x.unique().key
	k, there := m.keys[key]
	if !there {
		return
	}
	switch {
	case k.next == x.id:
		k.next, k.nextUntil = "", 0
	case k.holder != x.id:
		return
	case k.next != "":
		k = modelKey{holder: k.next, until: k.nextUntil}
	case k.until <= now:
		delete(m.keys, key)
		return
	}
	m.keys[key] = k
}

// staysBehind has a mission wait for nothing but the holder of its key, if it does wait for that.
func (m *model) staysBehind(x *modelMission, now missions.Time) bool {
	f := x.flows
	last := len(f.conditions) - 1
	if k, there := m.keys[f.unique.key]; !there || k.next != x.id || last < 0 || f.conditions[last].outcome != "" {
		return false
	}
	f.waive()
	f.until, x.changed = 0, now
	return true
}

// waive gives up all open conditions but the last one.
func (f *modelFlow) waive() {
	for i := range f.conditions[:len(f.conditions)-1] {
		if c := &f.conditions[i]; c.outcome == "" {
			c.outcome = "waived"
		}
	}
}

// keysPass forgets times that have passed.
func (m *model) keysPass(now missions.Time) {
	for key, k := range m.keys {
		for _, until := range []*missions.Time{&k.until, &k.nextUntil} {
			if *until <= now {
				*until = 0
			}
		}
		if m.keys[key] = k; k.until == 0 && !m.living(k.holder, key) {
			delete(m.keys, key)
		}
	}
}

func (m *model) shiftKeys(by time.Duration) {
	for key, k := range m.keys {
		for _, until := range []*missions.Time{&k.until, &k.nextUntil} {
			if *until != 0 {
				*until = until.Add(by)
			}
		}
		m.keys[key] = k
	}
}
