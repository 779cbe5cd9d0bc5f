package redisstore

import (
	"context"
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Commit implements [engine.Backend].
func (b *Backend) Commit(ctx context.Context, epoch int64, c *engine.Changes) error {
	b.mu.Lock()
	term := b.term
	b.mu.Unlock()
	if term.epoch != epoch {
		return engine.ErrNotLeader
	}
	if b.stale.Load() {
		return engine.ErrStale
	}
	w := newWriting(b, term)
	if err := w.changes(c, term.commits+1); err != nil {
		return b.damaged(err)
	}
	sent := b.clock.Steady()
	args := make([]any, len(w.words))
	for i := range w.words {
		args[i] = &w.words[i] // a pointer takes no memory of its own
	}
	answer, err := b.run(ctx, scripts.commit, args...)
	if err != nil {
		return err
	}
	b.mu.Lock()
	if b.term.name == term.name {
		b.term.commits++
	}
	b.mu.Unlock()
	said := texts(answer)
	b.clock.observe(sent, time.Unix(number(said[0]), 1000*number(said[1])))
	if len(w.entries) > 0 {
		return b.applyAll(ctx, w.entries)
	}
	return nil
}

// wordsAtOnce bounds the words of a command: a script has no room for more than 8000.
const wordsAtOnce = 4000

// eventsAtOnce bounds the events of an entry of the outbox, which is read whole.
const eventsAtOnce = 256

// commandList collects what a commit does in a partition. What it deletes comes before what it
// writes: a batch may delete a mission and create one with the same id.
type commandList struct {
	p     *partition
	words []string

	deleted        []string            // keys
	removed, added map[string][]string // members of sorted sets, and scores with members, by key
	set            []string            // keys and values
	counted        map[string]bool     // fields of counts that change; nil in partition 0
}

func newCommandList(p *partition) *commandList {
	return &commandList{p: p, removed: map[string][]string{}, added: map[string][]string{}}
}

// command adds a command.
func (w *commandList) command(words ...string) {
	w.words = append(w.words, decimal(int64(len(words))))
	w.words = append(w.words, words...)
}

// commands adds a command for some of the words at a time.
func (w *commandList) commands(words []string, name ...string) {
	for some := range slices.Chunk(words, wordsAtOnce) {
		w.words = append(append(append(w.words, decimal(int64(len(name)+len(some)))), name...), some...)
	}
}

// finish adds the commands that were only collected so far.
func (w *commandList) finish() {
	w.commands(w.deleted, "DEL")
	w.commands(w.set, "SETS")
	for key, members := range w.removed {
		w.commands(members, "ZREM", key)
	}
	for key, pairs := range w.added {
		w.commands(pairs, "ZADD", key)
	}
	w.commands(slices.Collect(maps.Keys(w.counted)), "COUNT", w.p.prefix)
}

// writing collects what a commit does: the commands of partition 0, and entries of the journal
// for the others.
type writing struct {
	b *Backend
	*commandList
	entries []*commandList
	byHome  map[int]*commandList // entries, by partition; nil if there is one partition
}

func newWriting(b *Backend, term backendTerm) *writing {
	w := &writing{b: b, commandList: newCommandList(b.partition)}
	w.words = append(w.words, b.Identity(), term.name, decimal(term.commits))
	if len(b.others) > 0 {
		w.byHome = map[int]*commandList{}
	}
	return w
}

// of returns the commands of a mission's partition.
func (w *writing) of(id string) *commandList {
	p := w.b.home(id)
	if p.outage == nil {
		return w.commandList
	}
	c := w.byHome[p.number]
	if c == nil {
		c = newCommandList(p)
		c.counted, c.words = map[string]bool{}, []string{decimal(w.b.journal.sent[p.number])}
		w.byHome[p.number] = c
		w.entries = append(w.entries, c)
	}
	return c
}

func (w *writing) changes(c *engine.Changes, commits int64) error {
	shrinks := c.Forgotten > 0 && len(c.Missions) == 0
	if shrinks { // while Redis is out of memory, a script may write if it begins by deleting
		w.forget(c.Forgotten)
	}
	w.marks(&c.Marks, commits) // is refused while Redis is out of memory
	bySeq := map[int64]string{}
	for i := range c.Missions {
		change := &c.Missions[i]
		if r := change.After; r != nil {
			bySeq[r.Seq] = r.ID
			w.of(r.ID).mission(change)
		} else {
			w.of(change.Before.ID).mission(change)
		}
	}
	w.leases(c)
	if err := w.agents(c); err != nil {
		return err
	}
	for _, m := range c.Misplaced {
		of := w.of(m.ID)
		key, member := of.p.key("q:", decimal(int64(m.Rank)), ":", m.Queue), m.ID
		if m.Queue == "" {
			key, member = of.p.key("w"), plannedMember(m.Seq, m.ID)
		}
		of.removed[key] = append(of.removed[key], member)
	}
	w.documents(c)
	w.finish()
	for _, entry := range w.entries {
		entry.finish()
	}
	w.parts(c, bySeq)
	w.logs(c.Logs, bySeq)
	w.journal()
	w.statistics(c)
	w.events(c)
	w.receipts(c)
	return w.alerts(c)
}

// journal adds the entry of the journal, and deletes those that are no longer needed.
func (w *writing) journal() {
	if len(w.b.others) == 0 {
		return
	}
	j, now := &w.b.journal, time.Now()
	upTo, some := j.expired(now)
	if upTo > 0 {
		w.command("XTRIM", w.b.key("j"), "MINID", decimal(upTo+1))
	}
	w.commands(some, "XDEL", w.b.key("j"))
	for k, n := range j.mended {
		w.command("HSET", w.b.meta, sentField(k), decimal(n), "journal", decimal(j.latest))
		j.sent[k], j.stored = n, j.latest
	}
	j.mended = nil
	if len(w.entries) == 0 {
		return
	}
	j.latest = max(j.latest+1, now.UnixMicro())
	j.stored = j.latest
	id, kept := decimal(j.latest), journaled{number: j.latest, at: now}
	entry, marks := []string{"XADD", w.b.key("j"), id + "-0"}, []string{"HSET", w.b.meta, "journal", id}
	for _, in := range w.entries {
		encoded := encodeWords(in.words)
		kept.bytes += len(encoded)
		kept.concerns = append(kept.concerns, in.p)
		entry, marks = append(entry, decimal(int64(in.p.number)), encoded), append(marks, sentField(in.p.number), id)
		j.sent[in.p.number] = j.latest
	}
	j.kept, j.bytes = append(j.kept, kept), j.bytes+kept.bytes
	w.command(entry...)
	w.command(marks...)
}

func (w *writing) marks(m *engine.Marks, commits int64) {
	w.command("HSET", w.b.key("meta"), "commits", decimal(commits), "outbox", decimal(m.Outbox), "acknowledged", decimal(m.Acknowledged), "mark", m.Mark,
		"forgotten", decimal(m.Forgotten), "token", decimal(m.Token), "seq", decimal(m.Seq), "revision", decimal(m.Revision),
		"sampled", decimal(int64(m.Sampled)))
}

func (w *writing) leases(c *engine.Changes) {
	var released, changed []string
	for i := range c.Released {
		released = append(released, c.Released[i].MissionID)
	}
	for i := range c.Leases {
		changed = append(changed, c.Leases[i].MissionID, writeLease(&c.Leases[i]))
	}
	w.commands(released, "HDEL", w.b.key("leases"))
	w.commands(changed, "HSET", w.b.key("leases"))
}

func (w *writing) agents(c *engine.Changes) error {
	var gone, changed []string
	for i := range c.Gone {
		gone = append(gone, c.Gone[i].ID)
	}
	for i := range c.Agents {
		text, err := writeAgent(&c.Agents[i])
		if err != nil {
			return err
		}
		changed = append(changed, c.Agents[i].ID, text)
	}
	w.commands(gone, "HDEL", w.b.key("agents"))
	w.commands(changed, "HSET", w.b.key("agents"))
	return nil
}

func (w *writing) statistics(c *engine.Changes) {
	var totals, counts, none []string
	for name, t := range c.Totals {
		totals = append(totals, name, string(t.Encode(nil)))
		for i, n := range t.ByStatus {
			field := string(statuses[i]) + ":" + name
			switch {
			case name == "":
			case n == 0:
				none = append(none, field)
			default:
				counts = append(counts, field, decimal(n))
			}
		}
	}
	w.commands(totals, "HSET", w.b.key("totals"))
	w.commands(counts, "HSET", w.b.key("counts"))
	w.commands(none, "HDEL", w.b.key("counts"))
	points, slots := map[string][]string{}, map[string][]string{}
	for key, p := range c.Points {
		series, slot := decimal(int64(key.Series)), decimal(key.Slot)
		of := w.b.key("p:", series, ":", slot)
		if points[of] == nil {
			slots[series] = append(slots[series], slot, slot)
		}
		points[of] = append(points[of], key.Type, string(p.Encode(nil)))
	}
	for key, fields := range points {
		w.commands(fields, "HSET", key)
	}
	for series, pairs := range slots {
		w.commands(pairs, "ZADD", w.b.key("slots:", series))
	}
	for series, before := range c.Before {
		of := decimal(int64(series))
		w.command("FORGET", w.b.key("slots:", of), w.b.key("p:", of, ":"), decimal(before))
	}
}

func (w *writing) events(c *engine.Changes) {
	for some := range slices.Chunk(c.Events, eventsAtOnce) {
		list := make([]*missions.Event, len(some))
		for i := range some {
			list[i] = &some[i]
		}
		w.command("XADD", w.b.key("o"), decimal(some[len(some)-1].Seq)+"-0", "n", decimal(int64(len(some))), "e", string(engine.EncodeEvents(list)))
	}
	if c.Forgotten > 0 && len(c.Missions) > 0 {
		w.forget(c.Forgotten)
	}
}

func (w *writing) forget(upTo int64) {
	w.command("XTRIM", w.b.key("o"), "MINID", decimal(upTo+1))
}

func (w *writing) receipts(c *engine.Changes) {
	var issued []string
	for i := range c.Receipts {
		r := &c.Receipts[i]
		issued = append(issued, r.ID, decimal(int64(r.At))+":"+string(r.Reply))
	}
	w.commands(issued, "HSET", w.b.key("receipts"))
	w.commands(c.Spent, "HDEL", w.b.key("receipts"))
}

func (w *writing) alerts(c *engine.Changes) error {
	var gone, changed, notices, noticed []string
	latest := map[string]int{} // a batch may change an alert several times
	for i := range c.Alerts {
		latest[c.Alerts[i].Rule] = i
	}
	for _, i := range latest {
		a := &c.Alerts[i]
		if a.State == missions.AlertOK {
			gone = append(gone, a.Rule)
			continue
		}
		text, err := writeAlert(a)
		if err != nil {
			return err
		}
		changed = append(changed, a.Rule, text)
	}
	for i := range c.Notices {
		notices = append(notices, decimal(c.Notices[i].Seq), string(engine.EncodeEvents([]*missions.Event{&c.Notices[i]})))
	}
	for _, position := range c.Noticed {
		noticed = append(noticed, decimal(position))
	}
	w.commands(gone, "HDEL", w.b.key("alerts"))
	w.commands(changed, "HSET", w.b.key("alerts"))
	w.commands(notices, "HSET", w.b.key("notices"))
	w.commands(noticed, "HDEL", w.b.key("notices"))
	return nil
}
