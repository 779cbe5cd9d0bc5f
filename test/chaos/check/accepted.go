package check

import (
	"fmt"
	"math"
)

// accepted checks guarantee 1: what an answer confirmed is stored.
func (x *index) accepted() {
	for id := range x.steps {
		x.createdIsStored(id)
		x.deletedIsGone(id)
		x.completedStays(id)
		x.readsAgree(id)
		x.loggedIsThere(id)
	}
	for id := range x.Missions {
		if len(x.possible(id, "missions.create")) == 0 && !x.isOccurrence(id) {
			x.violated(1, id, fmt.Sprintf("mission %s is stored, and nobody created it", id))
		}
	}
	for _, s := range x.byOp["agent.register"] {
		if s.outcome == OK && x.Agents != nil && !x.Agents[s.Who] {
			x.violated(1, "", fmt.Sprintf("agent %s was registered, and is not known", s.Who))
		}
	}
	x.countsAgree()
	x.tableAgrees()
}

func (x *index) createdIsStored(id string) {
	confirmed := x.confirmed(id, "missions.create")
	if len(confirmed) == 0 {
		return
	}
	stored, there := x.Missions[id]
	if !there {
		if len(x.possible(id, "missions.delete")) == 0 {
			x.violated(1, id, fmt.Sprintf("mission %s was confirmed, and it is not there", id))
		}
		return
	}
	for _, s := range confirmed {
		if what := differs(&s.asked, &stored); what != "" && x.lives(id) < 2 {
			x.violated(1, id, fmt.Sprintf("mission %s was confirmed with another %s than is stored", id, what))
		}
		if what := differs(&s.asked, &s.published); what != "" {
			x.violated(1, id, fmt.Sprintf("the creation of mission %s was answered with another %s", id, what))
		}
	}
}

// differs names a field of a mission that is not as requested.
func differs(asked, is *Mission) string {
	switch {
	case asked.ID != is.ID:
		return "id"
	case asked.Name != is.Name:
		return "name"
	case asked.Type != "" && asked.Type != is.Type:
		return "type"
	case asked.Priority != "" && asked.Priority != is.Priority:
		return "priority"
	case asked.MaxAttempts != 0 && asked.MaxAttempts != is.MaxAttempts:
		return "max_attempts"
	case math.Abs(asked.Deadline-is.Deadline) > 1e-6:
		return "deadline"
	case !same(asked.Data, is.Data):
		return "data"
	case fmt.Sprint(asked.Tags) != fmt.Sprint(is.Tags):
		return "tags"
	case asked.Batch != is.Batch:
		return "batch"
	case asked.ParentID != is.ParentID:
		return "parent_id"
	case asked.Detached != is.Detached:
		return "detached"
	case asked.Unique != nil && (is.Unique == nil || asked.Unique.Key != is.Unique.Key):
		return "unique"
	case asked.Key != is.Key || fmt.Sprint(asked.Limits) != fmt.Sprint(is.Limits):
		return "key or limits"
	case asked.OnUnmet != "" && asked.OnUnmet != is.OnUnmet:
		return "on_unmet"
	}
	return ""
}

// deletedIsGone: only a late creation can have brought it back.
func (x *index) deletedIsGone(id string) {
	_, there := x.Missions[id]
	if !there {
		return
	}
	for _, d := range x.confirmed(id, "missions.delete") {
		again := x.isAskedForAgain(id, d.Asked)
		for _, c := range x.possible(id, "missions.create") {
			again = again || c.by() > d.Asked
		}
		if !again {
			x.violated(1, id, fmt.Sprintf("mission %s was deleted, and it is there", id))
		}
	}
}

func (x *index) completedStays(id string) {
	stored, there := x.Missions[id]
	if !there || x.lives(id) > 1 {
		return
	}
	for _, s := range x.confirmed(id, "agent.complete") {
		if stored.Status != completed {
			x.violated(1, id, fmt.Sprintf("mission %s was completed by agent %s, and it is %s", id, s.Who, stored.Status))
		}
	}
}

// readsAgree: what was confirmed is what is read from then on.
func (x *index) readsAgree(id string) {
	creates, deletes, completions := x.confirmed(id, "missions.create"), x.possible(id, "missions.delete"), x.confirmed(id, "agent.complete")
	for _, op := range []string{"missions.get", "missions.wait", "missions.log"} {
		for _, read := range x.of(id, op) {
			deleted := false
			for _, d := range deletes {
				deleted = deleted || d.Asked < read.Told
			}
			if deleted {
				continue
			}
			if read.outcome == Refused && read.code == "not_found" && before(creates, read) {
				x.violated(1, id, fmt.Sprintf("mission %s was confirmed, and after that %s said that there is none", id, op))
			}
			if read.outcome == OK && op != "missions.log" && before(completions, read) && read.published.Status != completed {
				x.violated(1, id, fmt.Sprintf("mission %s was completed, and after that %s said that it is %s", id, op, read.published.Status))
			}
		}
	}
}

// before reports whether one of the steps was confirmed before s was requested.
func before(confirmed []*step, s *step) bool {
	for _, c := range confirmed {
		if c.Told < s.Asked {
			return true
		}
	}
	return false
}

// loggedIsThere: agents never log the same text twice, except when they repeat a
// request.
func (x *index) loggedIsThere(id string) {
	log, there := x.Logs[id]
	if !there || x.lives(id) > 1 {
		return
	}
	stands := map[string]int{}
	for _, entry := range log {
		stands[entry.Message]++
	}
	asked := map[string]int{}
	for _, s := range x.possible(id, "agent.log") {
		asked[s.message]++
	}
	for _, s := range x.confirmed(id, "agent.log") {
		if stands[s.message] == 0 {
			x.violated(1, id, fmt.Sprintf("the log of mission %s lacks the confirmed entry %q", id, s.message))
		}
	}
	for message, n := range asked {
		if stands[message] > n {
			x.violated(1, id, fmt.Sprintf("the log of mission %s has %q %d times, and it was asked for %d times", id, message, stands[message], n))
		}
	}
}

// countsAgree compares the counters with what they count.
func (x *index) countsAgree() {
	if x.Counts == nil {
		return
	}
	is := Counts{Total: len(x.Missions)}
	for _, m := range x.Missions {
		switch m.Status {
		case running:
			is.Running++
		case pending:
			is.Pending++
		case completed:
			is.Completed++
		case failed:
			is.Failed++
		case cancelled:
			is.Cancelled++
		}
	}
	if is != *x.Counts {
		x.violated(1, "", fmt.Sprintf("the status reply counts %+v, and the list has %+v", *x.Counts, is))
	}
}

// tableAgrees compares the supervisor's answers with the database.
func (x *index) tableAgrees() {
	if x.Table == nil {
		return
	}
	for id, m := range x.Missions {
		row, there := x.Table[id]
		switch {
		case !there:
			x.violated(1, id, fmt.Sprintf("mission %s is told of, and not in the database", id))
		case row.Status != m.Status:
			x.violated(1, id, fmt.Sprintf("mission %s is told to be %s, and is %s in the database", id, m.Status, row.Status))
		case m.Status == completed && !same(row.Result, m.Result):
			x.violated(1, id, fmt.Sprintf("the result of mission %s is told to be %s, and is %s in the database", id, m.Result, row.Result))
		}
	}
	if len(x.Table) != len(x.Missions) {
		x.violated(1, "", fmt.Sprintf("the database has %d missions, and the list has %d", len(x.Table), len(x.Missions)))
	}
}
