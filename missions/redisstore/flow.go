package redisstore

import (
	"context"
	"encoding/base64"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// A mission's flow stands in its record, as far as it is not in parts: see [engine.Part]. Parts are in
// a hash of the mission. Documents are in one hash of partition 0, and each set is a sorted set there, in
// which all have the same score.

// writeFlow returns a flow as it stands in a record, "" for none.
func writeFlow(f *engine.Flow) string {
	if f == nil {
		return ""
	}
	return base64.RawStdEncoding.EncodeToString(f.Encode(nil))
}

// readFlow reads a flow and the parts that are read with it.
func readFlow(encoded, conditions, checkpoint string) (*engine.Flow, error) {
	if encoded == "" {
		return nil, nil
	}
	body, err := base64.RawStdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	f, err := engine.DecodeFlow(body)
	if err != nil {
		return nil, err
	}
	return f, f.Complete(bytesOf(conditions), bytesOf(checkpoint))
}

// bytesOf returns nil for "".
func bytesOf(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// parts adds the commands that change parts of missions.
func (w *writing) parts(c *engine.Changes, bySeq map[int64]string) {
	for i := range c.Parts {
		p := &c.Parts[i]
		if _, lives := bySeq[p.Seq]; !lives {
			continue // deleted with the mission
		}
		of := w.of(p.MissionID)
		if key := of.p.key("x:", p.MissionID); p.Body == nil {
			of.command("HDEL", key, p.Name)
		} else {
			of.command("HSET", key, p.Name, string(p.Body))
		}
	}
}

// documents adds the commands that change documents and sets.
func (w *writing) documents(c *engine.Changes) {
	var changed, gone []string
	for i := range c.Docs {
		if d := &c.Docs[i]; d.Body == nil {
			gone = append(gone, d.Key)
		} else {
			changed = append(changed, d.Key, string(d.Body))
		}
	}
	w.commands(gone, "HDEL", w.b.key("docs"))
	w.commands(changed, "HSET", w.b.key("docs"))
	for i := range c.Members {
		m := &c.Members[i]
		if key := w.b.key("s:", m.Set); m.Gone {
			w.removed[key] = append(w.removed[key], m.Member)
		} else {
			w.added[key] = append(w.added[key], "0", m.Member)
		}
	}
}

// labels adds what a change says of the labels by which a mission is found.
func (w *commandList) labels(change *engine.MissionChange) {
	added, gone := change.Relabels()
	for _, label := range gone {
		key := w.p.key("ig:", label)
		w.removed[key] = append(w.removed[key], change.Before.ID)
	}
	for _, label := range added {
		key := w.p.key("ig:", label)
		w.added[key] = append(w.added[key], decimal(change.After.Seq), change.After.ID)
	}
}

// Docs implements [engine.Backend].
func (b *Backend) Docs(ctx context.Context, keys []string) (map[string][]byte, error) {
	found := map[string][]byte{}
	args := make([]any, len(keys))
	for i := range keys {
		args[i] = keys[i]
	}
	answer, err := b.run(ctx, scripts.docs, args...)
	if err != nil {
		return nil, err
	}
	for i, body := range texts(answer) {
		if body != "" {
			found[keys[i]] = []byte(body)
		}
	}
	return found, nil
}

// Members implements [engine.Backend].
func (b *Backend) Members(ctx context.Context, ranges []engine.Range) ([][]string, error) {
	args := make([]any, 0, 3*len(ranges))
	for _, of := range ranges {
		args = append(args, of.Set, of.After, of.Limit)
	}
	answer, err := b.run(ctx, scripts.members, args...)
	if err != nil {
		return nil, err
	}
	lists := make([][]string, len(ranges))
	for i, list := range items(answer) {
		lists[i] = texts(list)
	}
	return lists, nil
}

// Parts implements [engine.Backend].
func (b *Backend) Parts(ctx context.Context, keys []engine.PartKey) ([][]byte, error) {
	bodies := make([][]byte, len(keys))
	byHome := map[int][]int{}
	for i := range keys {
		n := b.home(keys[i].MissionID).number
		byHome[n] = append(byHome[n], i)
	}
	_, err := fromAll(b, func(p *partition) (struct{}, error) { return struct{}{}, p.parts(ctx, keys, byHome[p.number], bodies) })
	return bodies, err
}

// partsAtOnce bounds the parts that a script answers: Redis does nothing else meanwhile.
const partsAtOnce = 64

// parts reads some of the parts.
func (p *partition) parts(ctx context.Context, keys []engine.PartKey, which []int, bodies [][]byte) error {
	for len(which) > 0 {
		some := which[:min(len(which), partsAtOnce)]
		which = which[len(some):]
		args := make([]any, 0, 2*len(some))
		for _, i := range some {
			args = append(args, keys[i].MissionID, keys[i].Name)
		}
		answer, err := p.run(ctx, scripts.parts, args...)
		if err != nil {
			return err
		}
		for at, body := range texts(answer) {
			bodies[some[at]] = bytesOf(body)
		}
	}
	return nil
}

// unready returns, by type, how many PENDING missions cannot be claimed yet. All partitions can be used.
func (b *Backend) unready(ctx context.Context, totals map[string]*engine.Totals) (map[string]int64, error) {
	unready := map[string]int64{}
	for name, t := range totals {
		if name == "" || t.ByStatus[missions.Pending.Index()] == 0 {
			continue
		}
		found, err := fromAll(b, func(p *partition) (int64, error) {
			n, err := p.connection.client.ZCard(ctx, p.key("i:", string(missions.Pending), ":", name)).Result()
			if err != nil {
				err = p.refused(ctx, "count", err)
			}
			return n, err
		})
		if err != nil {
			return nil, err
		}
		for _, n := range found {
			unready[name] += n
		}
	}
	return unready, nil
}

// countUnready has totals count the PENDING missions that cannot be claimed yet: earlier versions did not.
func (b *Backend) countUnready(ctx context.Context, s *engine.Snapshot) error {
	unready, err := b.unready(ctx, s.Totals)
	if err != nil {
		return err
	}
	s.Recounted = []string{}
	all := int64(0)
	for name, n := range unready {
		if all += n; n > 0 {
			s.Totals[name].CountUnready(n)
			s.Recounted = append(s.Recounted, name)
		}
	}
	if all > 0 && s.Totals[""] != nil {
		s.Totals[""].CountUnready(all)
		s.Recounted = append(s.Recounted, "")
	}
	return nil
}
