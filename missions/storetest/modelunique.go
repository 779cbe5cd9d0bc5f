package storetest

import (
	"slices"

	"missioncontrol/missions"
)

// modelUnique is the unique key of a mission, "" for none.
type modelUnique struct {
	key       string
	mode      missions.OnConflict
	heldUntil int // the tick at which the key is held no longer if the mission has ended
}

// modelKey is who holds a key, and who waits for its end.
type modelKey struct{ holder, next *modelMission }

// modelHeldSeconds is a time that the third tick ends.
const modelHeldSeconds = 25 * 60

// withUnique gives a new mission a key, now and then.
func (m *model) withUnique(x *modelMission, flow *missions.Flow) {
	if m.random.IntN(3) > 0 {
		return
	}
	x.key, x.mode = []string{"k0", "k1"}[m.random.IntN(2)], missions.OnConflicts()[m.random.IntN(3)]
	flow.Unique = &missions.Unique{Key: x.key, OnConflict: x.mode}
	if m.random.IntN(2) == 0 {
		flow.Unique.ForSeconds, x.heldUntil = modelHeldSeconds, m.ticks+3
	}
}

// followKeys hands keys over whose holders have ended.
func (m *model) followKeys() {
	for key, k := range m.keys {
		if k.next != nil && k.next.status.Terminal() {
			k.next = nil
		}
		if k.holder.status.Terminal() && k.next != nil {
			k.holder, k.next = k.next, nil
		}
		if k.holder.status.Terminal() && m.ticks >= k.holder.heldUntil {
			delete(m.keys, key)
		}
	}
}

// keptFor checks the result of creating a mission whose key is held, and reports whether it was not created.
func (m *model) keptFor(x *modelMission, result missions.CreateResult) bool {
	k := m.keys[x.key]
	if k == nil {
		return false
	}
	lives := !k.holder.status.Terminal()
	child := x.parent != "" && lives && (x.parent == k.holder.id || k.next != nil && x.parent == k.next.id)
	switch {
	case x.mode == missions.ConflictKeep && m.find(k.holder.id) == k.holder:
		m.wantErr("create", result.Err, nil)
		wantEqual(m.fixture, "kept", result.Mission.ID, k.holder.id)
	case x.mode == missions.ConflictKeep || child:
		m.wantErr("create", result.Err, missions.ErrConflict)
	default:
		return false
	}
	wantEqual(m.fixture, "created", result.Created, false)
	return true
}

// takesKey cancels those that a new mission replaces, and has it hold its key, or wait for the holder's end.
func (m *model) takesKey(x *modelMission, result missions.CreateResult) {
	k, replaced := m.keys[x.key], []missions.Stopped{}
	if k != nil && !k.holder.status.Terminal() {
		for _, y := range []*modelMission{k.next, k.holder} {
			switch {
			case y == nil || y.status == missions.Running && x.mode != missions.ConflictReplace:
				continue
			case y.status == missions.Running:
				replaced = append(replaced, missions.Stopped{AgentID: y.leader, MissionID: y.id})
			default:
				replaced = append(replaced, missions.Stopped{MissionID: y.id})
			}
			y.status, y.waiting = missions.Cancelled, false
		}
	}
	m.wantSame("replaced", append([]missions.Stopped{}, result.Replaced...), replaced)
	switch {
	case x.key == "":
	case k != nil && !k.holder.status.Terminal():
		k.next = x
		x.after = append(slices.Clone(x.after), modelCondition{source: k.holder.id, ended: true, behind: true})
	default:
		m.keys[x.key] = &modelKey{holder: x}
	}
}

// mayRetry reports whether a mission can have its key again.
func (m *model) mayRetry(x *modelMission) bool {
	k := m.keys[x.key]
	return k == nil || k.holder == x
}

// staysBehind has a mission wait for nothing but the end of the holder of its key, if it does wait for that.
func (x *modelMission) staysBehind() bool {
	at := len(x.after) - 1
	if at < 0 || !x.after[at].behind || x.after[at].met {
		return false
	}
	for i := range x.after[:at] {
		x.after[i].over = x.after[i].over || !x.after[i].met
	}
	x.until, x.limit = 0, false
	return true
}
