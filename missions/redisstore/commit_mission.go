package redisstore

import (
	"fmt"
	"slices"

	"missioncontrol/missions/engine"
)

// entry is a mission's place in a sorted set.
type entry struct {
	key    string
	score  int64
	member string
}

// plannedMember is the member of a mission in the sorted set of what is due: at one time, the
// oldest comes first.
func plannedMember(seq int64, id string) string { return fmt.Sprintf("%016d:%s", seq, id) }

// entries returns where a mission stands.
func (p *partition) entries(r *engine.Record) []entry {
	list := make([]entry, 0, 4+len(r.Tags))
	if r.Ready {
		list = append(list, entry{p.key("q:", decimal(int64(r.Priority.Rank())), ":", r.Type), r.Seq, r.ID})
	} else {
		list = append(list, entry{p.key("i:", string(r.Status), ":", r.Type), r.Seq, r.ID})
	}
	if r.DueAt != 0 {
		list = append(list, entry{p.key("w"), int64(r.DueAt), plannedMember(r.Seq, r.ID)})
	}
	if r.FinishedAt != 0 {
		list = append(list, entry{p.key("f"), int64(r.FinishedAt), r.ID})
	}
	if r.AgentID != "" {
		list = append(list, entry{p.key("ia:", string(r.AgentID)), r.Seq, r.ID})
	}
	for _, tag := range r.Tags {
		list = append(list, entry{p.key("ig:", tag), r.Seq, r.ID})
	}
	return list
}

func (w *commandList) mission(change *engine.MissionChange) {
	was, is := change.Before, change.After
	w.count(was)
	w.count(is)
	var before, after []entry
	if was != nil {
		before = w.p.entries(was)
	}
	if is != nil {
		after = w.p.entries(is)
		w.record(was, is)
	} else if was != nil {
		w.deleted = append(w.deleted, w.p.key("m:", was.ID), w.p.key("d:", was.ID), w.p.key("r:", was.ID), w.p.key("g:", was.ID))
		if was.Flow != nil {
			w.deleted = append(w.deleted, w.p.key("x:", was.ID))
		}
	}
	w.labels(change)
	for _, e := range before {
		if !slices.ContainsFunc(after, func(a entry) bool { return a.key == e.key }) {
			w.removed[e.key] = append(w.removed[e.key], e.member)
		}
	}
	for _, e := range after {
		if !slices.Contains(before, e) {
			w.added[e.key] = append(w.added[e.key], decimal(e.score), e.member)
		}
	}
}

// count notes that missions like this one have to be counted anew.
func (w *commandList) count(r *engine.Record) {
	if r != nil && w.counted != nil {
		w.counted[string(r.Status)+":"+r.Type] = true
	}
}

// record writes a mission's record, and what of it has a key of its own.
func (w *commandList) record(was, is *engine.Record) {
	w.set = append(w.set, w.p.key("m:", is.ID), writeMission(is))
	if was == nil && len(is.Data) > large {
		w.set = append(w.set, w.p.key("d:", is.ID), string(is.Data))
	}
	had := was != nil && len(was.Result) > large
	switch has := len(is.Result) > large; {
	case has && !(had && string(was.Result) == string(is.Result)):
		w.set = append(w.set, w.p.key("r:", is.ID), string(is.Result))
	case had && !has:
		w.deleted = append(w.deleted, w.p.key("r:", is.ID))
	}
}

// logs appends to the logs of missions that the batch does not delete.
func (w *writing) logs(lines []engine.LogLine, bySeq map[int64]string) {
	byID, first := map[string][]string{}, map[string]int64{}
	for i := range lines {
		id, there := bySeq[lines[i].Seq]
		if there && lines[i].N > 1 { // the first one is known without being written
			if byID[id] == nil {
				first[id] = lines[i].N - 1
			}
			byID[id] = append(byID[id], writeLine(&lines[i].Entry))
		}
	}
	for id, entries := range byID {
		of := w.of(id)
		key := of.p.key("g:", id)
		if of.p.outage == nil {
			of.commands(entries, "RPUSH", key)
			continue
		}
		place := first[id]
		for some := range slices.Chunk(entries, wordsAtOnce) {
			of.command(append([]string{"LOG", key, decimal(place)}, some...)...)
			place += int64(len(some))
		}
	}
}
