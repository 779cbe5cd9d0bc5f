package check

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// about returns the ID that a request is about.
func (s *step) about() string {
	var request struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(s.Request, &request) // "" is nobody's
	return request.ID
}

// batched checks guarantee 10 for batches: their counts are a recount.
func (x *index) batched() {
	if x.Batches == nil {
		return
	}
	counts := map[string]map[string]int{}
	for id, m := range x.Missions {
		if m.Batch == "" {
			continue
		}
		if counts[m.Batch] == nil {
			counts[m.Batch] = map[string]int{}
		}
		counts[m.Batch][m.Status]++
		if _, there := x.Batches[m.Batch]; !there {
			x.violated(10, id, fmt.Sprintf("mission %s is in batch %s, which does not exist", id, m.Batch))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(x.Batches)) {
		b := x.Batches[id]
		total, living := 0, counts[id][pending]+counts[id][running]
		for _, status := range []string{pending, running, completed, failed, cancelled} {
			total += counts[id][status]
			if b.ByStatus[status] != counts[id][status] {
				x.violated(10, "", fmt.Sprintf("batch %s counts %d missions that are %s, and there are %d", id, b.ByStatus[status], status, counts[id][status]))
			}
		}
		if b.Total != total {
			x.violated(10, "", fmt.Sprintf("batch %s counts %d missions, and there are %d", id, b.Total, total))
		}
		if ended := !b.Open && living == 0; ended != (b.EndedAt != 0) {
			x.violated(10, "", fmt.Sprintf("batch %s (open: %v) has %d missions that live, and it ended at %f", id, b.Open, living, b.EndedAt))
		}
		if b.Open && x.isClosed(id) {
			x.violated(10, "", fmt.Sprintf("batch %s was closed, and is open", id))
		}
	}
}

// isClosed reports whether the closing of a batch was confirmed.
func (x *index) isClosed(batch string) bool {
	for _, s := range x.byOp["batches.close"] {
		if s.outcome == OK && s.about() == batch {
			return true
		}
	}
	for _, m := range x.batches[batch] {
		for _, s := range x.confirmed(m, "missions.create") {
			if s.closes && x.wholly(s.Call) {
				return true
			}
		}
	}
	return false
}

// wholly reports whether every mission of a request was accepted.
func (x *index) wholly(c *Call) bool {
	for _, s := range x.byOp["missions.create"] {
		if s.Call == c && s.outcome != OK {
			return false
		}
	}
	return true
}

// orphaned checks guarantee 10 for children: they do not outlive a parent that is cancelled or fails.
func (x *index) orphaned() {
	for id := range x.steps {
		parent, detached := x.parent(id)
		if parent == "" || detached || x.lives(id) != 1 || x.lives(parent) != 1 {
			continue
		}
		for _, end := range x.ends(parent, 0, theEnd) {
			if end.Payload.NewStatus != completed && x.isChildAt(id, parent, end.Seq) {
				x.diesWith(id, parent, end)
			}
		}
	}
}

// isChildAt reports whether a mission was alive at a place, and the child of one that then lived: one
// that is retried after its parent has ended is nobody's child any more.
func (x *index) isChildAt(id, parent string, at place) bool {
	if status := x.statusAt(id, at); status != pending && status != running {
		return false
	}
	begun := place(0)
	for _, e := range x.events[id] {
		if e.Seq < at && (e.Type == missionCreated || e.Type == statusChanged && terminal(e.Payload.OldStatus)) {
			begun = e.Seq
		}
	}
	status := x.statusAt(parent, begun)
	return status == pending || status == running
}

func (x *index) diesWith(id, parent string, end *Event) {
	until := x.over()
	if ends := x.ends(id, end.Seq, theEnd); len(ends) > 0 {
		until = x.monotonic(ends[0])
	} else if _, there := x.Missions[id]; !there {
		return
	}
	if late := x.undisturbed(x.monotonic(end), until); late > patience {
		x.violated(10, id, fmt.Sprintf("mission %s lived on for %s after its parent %s was %s (message %d), while nothing was wrong",
			id, seconds(late), parent, end.Payload.NewStatus, end.Seq))
	}
}
