package engine

import (
	"fmt"

	"missioncontrol/missions"
)

// needConditions adds what beginning to wait needs.
func (e *Engine) needConditions(n *Need, conditions []missions.Condition) {
	for i := range conditions {
		switch c := &conditions[i]; c.Kind() {
		case missions.WaitMission:
			e.needRecord(n, c.Mission)
			e.needDocs(n, docCount+c.Mission)
		case missions.WaitBatch:
			e.needDocs(n, docBatch+c.Batch)
		case missions.WaitSignal, missions.WaitTime:
		}
	}
}

// mostAhead bounds how many missions that wait for each other are looked at for a cycle.
const mostAhead = 200

// needAhead adds the missions for which a mission waits, and those for which they wait.
func (e *Engine) needAhead(n *Need, id string, seen map[string]bool) {
	r := e.needRecord(n, id)
	if r == nil || !r.waits() || seen[id] || len(seen) >= mostAhead {
		return
	}
	seen[id] = true
	for i, o := range r.Flow.Outcomes {
		if source := r.Flow.Conditions[i].Mission; o == open && source != "" {
			e.needAhead(n, source, seen)
		}
	}
}

// isAhead reports whether a mission waits for another, or for one that does.
func (e *Engine) isAhead(id, of string, seen map[string]bool) bool {
	r := e.records.get(of)
	if r == nil || !r.waits() || seen[of] || len(seen) >= mostAhead {
		return false
	}
	seen[of] = true
	for i, o := range r.Flow.Outcomes {
		if source := r.Flow.Conditions[i].Mission; o == open && source != "" && (source == id || e.isAhead(id, source, seen)) {
			return true
		}
	}
	return false
}

// needFlow adds what any change of a mission may need beside its record.
func (e *Engine) needFlow(n *Need, r *Record) {
	f := r.Flow
	if f.Batch != "" {
		e.needDocs(n, docBatch+f.Batch)
	}
	if f.ChildAt != 0 {
		e.needDocs(n, docCount+f.ParentID)
	}
	e.needLanes(n, r.Type, f.Key, f.Limits, f.Requires, &f.Preference)
	if f.Unique != nil {
		e.needDocs(n, docUnique+f.Unique.Key)
	}
	if !f.Waiting {
		return
	}
	for i, o := range f.Outcomes {
		switch c := &f.Conditions[i]; {
		case o != open:
		case c.Mission != "":
			e.needDocs(n, docCount+c.Mission)
		case c.Batch != "":
			e.needDocs(n, docBatch+c.Batch)
		}
	}
}

// complete reports whether what needFlow says is loaded.
func (e *Engine) complete(r *Record) bool {
	if r.Flow == nil {
		return true
	}
	var n Need
	e.needFlow(&n, r)
	return n.None()
}

// mostCopied bounds the bytes of outcomes that a step copies to those that wait for them, but for one mission's.
const mostCopied = 16 << 20

// checkConditions returns why a mission of a batch, "" for none, cannot wait for conditions. id is "" for one that does
// not exist yet: nobody waits for it.
func (e *Engine) checkConditions(id, batch string, conditions []missions.Condition) error {
	size := 0
	for i := range conditions {
		field := fmt.Sprintf("after[%d]", i)
		switch c := &conditions[i]; c.Kind() {
		case missions.WaitMission:
			if err := e.checkSource(field+".mission", c.Mission); err != nil {
				return err
			}
			if id != "" && e.isAhead(id, c.Mission, map[string]bool{}) {
				return missions.Invalid(field+".mission", "waits for this mission: neither could go on")
			}
			if s := e.records.get(c.Mission); s.Status.Terminal() {
				size += len(s.Result)
			}
		case missions.WaitBatch:
			b := e.batch(c.Batch)
			switch {
			case c.Batch == batch:
				return missions.Invalid(field+".batch", "is the batch of the mission itself")
			case b == nil:
				return missions.Invalid(field+".batch", "there is no batch %q", c.Batch)
			case b.waiters >= missions.MaxWaiters:
				return missions.Overloaded("%s.batch: %d missions wait for batch %q already", field, missions.MaxWaiters, c.Batch)
			}
		case missions.WaitSignal, missions.WaitTime:
		}
	}
	if e.copied > 0 && e.copied+size > mostCopied {
		return missions.Overloaded("after: the results of what it waits for are too much for one request, with those of the missions before it; send it again")
	}
	return nil
}

// checkSource returns why a mission cannot wait for another, or be its child.
func (e *Engine) checkSource(field, source string) error {
	s := e.records.get(source)
	switch {
	case e.isUnreachable(source):
		return e.records.unreachable[source]
	case s == nil:
		return missions.Invalid(field, "there is no mission %q", source)
	case e.inSet(source) >= missions.MaxWaiters && !s.Status.Terminal():
		return missions.Overloaded("%s: %d missions wait for mission %q already", field, missions.MaxWaiters, source)
	}
	return nil
}
