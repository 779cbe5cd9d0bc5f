package engine

import (
	"time"

	"missioncontrol/missions"
)

// keysAtOnce bounds at how many keys one Due looks.
const keysAtOnce = 200

// dueKeys returns the members of keys whose time has passed, at most limit.
func (e *Engine) dueKeys(now missions.Time, limit int) []string {
	n := 0
	for n < min(len(e.until.list), limit) {
		if at, _ := parseDue(e.until.list[n]); at > now {
			break
		}
		n++
	}
	return e.until.list[:n]
}

// needKeys adds what Due needs of keys whose time has passed.
func (e *Engine) needKeys(n *Need, now missions.Time) {
	if !e.until.has(1) {
		n.Ranges = append(n.Ranges, Range{Set: setUntil, Limit: e.cfg.PlanWindow})
		return
	}
	for _, member := range e.dueKeys(now, keysAtOnce) {
		_, key := parseDue(member)
		e.needDocs(n, docUnique+key)
	}
}

// keys frees keys that are held only until a time that has passed.
func (d *due) keys() {
	e := d.engine
	for _, member := range append([]string{}, e.dueKeys(e.now, min(keysAtOnce, d.left))...) {
		at, key := parseDue(member)
		value, known := e.docs.byKey[docUnique+key]
		if !known { // the next Due goes on here
			return
		}
		d.left--
		k, _ := value.(*uniqueKey)
		if k.dueAt() != at { // a commit was broken off halfway
			e.notUntil(member)
			continue
		}
		if k.ended {
			e.setUniqueKey(key, nil)
			continue
		}
		is := *k
		for _, until := range []*missions.Time{&is.until, &is.nextUntil} {
			if *until <= e.now {
				*until = 0
			}
		}
		e.setUniqueKey(key, &is)
	}
}

// needShiftKeys adds what shiftKeys needs.
func (e *Engine) needShiftKeys(n *Need) {
	if !e.until.has(maxShifted) {
		n.Ranges = append(n.Ranges, Range{Set: setUntil, Limit: maxShifted})
		return
	}
	for _, member := range e.until.list[:min(len(e.until.list), maxShifted)] {
		_, key := parseDue(member)
		e.needDocs(n, docUnique+key)
	}
}

// shiftKeys follows a step of the clock: keys are held for as long as before.
func (e *Engine) shiftKeys(by time.Duration) {
	for _, member := range append([]string{}, e.until.list[:min(len(e.until.list), maxShifted)]...) {
		_, key := parseDue(member)
		k := e.uniqueKey(key)
		if k == nil {
			continue
		}
		is := *k
		for _, until := range []*missions.Time{&is.until, &is.nextUntil} {
			if *until != 0 {
				*until = until.Add(by)
			}
		}
		e.setUniqueKey(key, &is)
	}
}

// firstKey returns when the time of the first key passes.
func (e *Engine) firstKey() (at missions.Time, there bool) {
	if len(e.until.list) == 0 {
		return 0, false
	}
	at, _ = parseDue(e.until.list[0])
	return at, true
}
