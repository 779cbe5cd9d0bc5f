package check

import (
	"cmp"
	"math"
	"slices"
)

// Durable events are in the stream in the order in which the store made the changes. Their
// places in it say what was true when something happened.

// place is a place in the stream; 0 is before everything.
type place = uint64

const theEnd place = math.MaxUint64

// ends returns the events by which a mission ended, between two places.
func (x *index) ends(mission string, after, before place) (some []*Event) {
	for _, e := range x.events[mission] {
		if e.Type == statusChanged && terminal(e.Payload.NewStatus) && e.Seq > after && e.Seq < before {
			some = append(some, e)
		}
	}
	return some
}

// statusAt returns the status of a mission at a place; "" if it did not exist.
func (x *index) statusAt(mission string, at place) (status string) {
	for _, e := range x.events[mission] {
		if e.Seq > at {
			break
		}
		switch e.Type {
		case missionCreated:
			status = e.Payload.Status
		case statusChanged:
			status = e.Payload.NewStatus
		}
	}
	return status
}

// outcome is what may have become of a condition.
type outcome struct {
	met   bool // it may have been met
	unmet bool // it may have become impossible
	at    *Event
}

// outcomeBetween returns what may have become of a mission's condition between two places.
func (x *index) outcomeBetween(id string, c *Condition, after, before place) (o outcome) {
	switch {
	case c.Mission != "":
		for _, e := range x.ends(c.Mission, after, before) {
			good := e.Payload.NewStatus == completed || x.anyEnd(id, c)
			o.met, o.unmet, o.at = o.met || good, o.unmet || !good, cmp.Or(o.at, e)
		}
	case c.Batch != "":
		return x.batchBetween(id, c, after, before)
	default:
		for _, e := range x.events[id] {
			if e.Type == missionSignalled && e.Payload.Name == c.Signal && e.Seq > after && e.Seq < before {
				o.met, o.at = true, cmp.Or(o.at, e)
			}
		}
	}
	return o
}

// anyEnd reports whether any end of a source may meet a condition of a mission. Events do not say
// that, but the requests from which it may have the condition.
func (x *index) anyEnd(id string, c *Condition) bool {
	for _, asked := range x.conditions(id) {
		if asked.Mission == c.Mission && asked.Batch == c.Batch && asked.When == whenEnded {
			return true
		}
	}
	return c.Mission != "" && x.sameKey(id, c.Mission) // it may wait for the holder of its key
}

// conditions returns the conditions that a mission may have had.
func (x *index) conditions(id string) (all []Condition) {
	for _, op := range []string{"missions.create", "agent.release"} {
		for _, s := range x.possible(id, op) {
			all = append(all, s.after...)
		}
	}
	return all
}

// batchBetween returns what may have become of a batch between two places: it may have ended where none
// of its missions was alive, if somebody closes it.
func (x *index) batchBetween(id string, c *Condition, after, before place) (o outcome) {
	if !x.mayBeClosed(c.Batch) {
		return o
	}
	members := x.batches[c.Batch]
	places := []place{after}
	deletes := false
	for _, m := range members {
		for _, e := range x.events[m] {
			if (e.Type == statusChanged || e.Type == missionCreated) && e.Seq > after && e.Seq < before {
				places = append(places, e.Seq)
			}
		}
		deletes = deletes || len(x.possible(m, "missions.delete")) > 0
	}
	slices.Sort(places)
	every := x.anyEnd(id, c)
	for _, at := range places {
		alive, bad := 0, 0
		for _, m := range members {
			switch x.statusAt(m, at) {
			case pending, running:
				alive++
			case failed, cancelled:
				bad++
			}
		}
		if alive > 0 {
			continue
		}
		o.met = o.met || every || bad == 0 || deletes
		o.unmet = o.unmet || !every && (bad > 0 || deletes)
	}
	return o
}

// mayBeClosed reports whether somebody has asked to close a batch.
func (x *index) mayBeClosed(batch string) bool {
	for _, s := range x.byOp["batches.close"] {
		if s.outcome != Refused && s.about() == batch {
			return true
		}
	}
	for _, m := range x.batches[batch] {
		for _, s := range x.possible(m, "missions.create") {
			if s.closes {
				return true
			}
		}
	}
	return false
}

// parent returns the mission whose child a mission is, and whether it lives on when that ends.
func (x *index) parent(id string) (parent string, detached bool) {
	for _, s := range x.possible(id, "missions.create") {
		if s.asked.ParentID != "" {
			return s.asked.ParentID, s.asked.Detached
		}
	}
	return "", false
}

// monotonic returns the time of an event on the clock of the histories.
func (x *index) monotonic(e *Event) int64 { return int64((e.Timestamp - x.Wall) * 1e9) }

// patience is how long something may take when nothing is wrong.
const patience = 15e9

// aftermath is how long after a fault things may still be as if it went on.
const aftermath = 6e9

// undisturbed returns for how long, of the time between two moments, nothing was wrong.
func (x *index) undisturbed(from, to int64) int64 {
	type span struct{ from, to int64 }
	var wrong []span
	for _, f := range x.Faults {
		if f.From < to && f.To+aftermath > from {
			wrong = append(wrong, span{max(from, f.From), min(to, f.To+aftermath)})
		}
	}
	slices.SortFunc(wrong, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	rest, at := to-from, from
	for _, s := range wrong {
		if s.to > at {
			rest -= s.to - max(at, s.from)
			at = s.to
		}
	}
	return rest
}

// over is the moment after which nothing was asked.
func (x *index) over() (last int64) {
	for i := range x.Calls {
		last = max(last, x.Calls[i].Asked, x.Calls[i].Told)
	}
	return last
}
