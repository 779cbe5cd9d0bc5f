package engine

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"

	"missioncontrol/missions"
)

// keyClaim is what a mission that lives says of its unique key.
type keyClaim struct {
	id      string
	seq     int64
	running bool
	behind  string // for whose end it waits to hold it, "" for nobody's
	until   missions.Time
}

// key notes what a mission says of its unique key.
func (c *recount) key(r *Record) {
	u := r.Flow.Unique
	if u == nil || r.Status.Terminal() {
		return
	}
	claim := keyClaim{id: r.ID, seq: r.Seq, running: r.Status == missions.Running}
	if u.ForSeconds > 0 {
		claim.until = r.CreatedAt.Add(missions.Seconds(u.ForSeconds))
	}
	if last := len(r.Flow.Conditions) - 1; last >= 0 && r.waits() && r.Flow.Outcomes[last] == open {
		claim.behind = r.Flow.Conditions[last].Mission
	}
	c.keys[u.Key] = append(c.keys[u.Key], claim)
}

// allKeys has the documents of unique keys say who holds them.
func (c *recount) allKeys(ctx context.Context) error {
	for after := ""; ; {
		lists, err := c.backend.Members(ctx, []Range{{Set: setUnique, After: after, Limit: recountAtOnce}})
		if err != nil {
			return err
		}
		if err := c.someKeys(ctx, lists[0]); err != nil {
			return err
		}
		if len(lists[0]) < recountAtOnce {
			break
		}
		after = lists[0][len(lists[0])-1]
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(c.keys)), recountAtOnce) {
		if err := c.someKeys(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (c *recount) someKeys(ctx context.Context, keys []string) error {
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = docUnique + key
	}
	docs, err := c.backend.Docs(ctx, names)
	if err != nil {
		return err
	}
	for i, key := range keys {
		var was *uniqueKey
		if body := docs[names[i]]; body != nil {
			value, err := decodeDoc(names[i], body)
			if err != nil {
				return err
			}
			was = value.(*uniqueKey)
		}
		is := heldBy(c.keys[key], was, c.now)
		delete(c.keys, key)
		c.keyIs(key, is, docs[names[i]])
	}
	return c.flush(recountAtOnce)
}

// keyIs notes who holds a key. stored is what its document says.
func (c *recount) keyIs(key string, is *uniqueKey, stored []byte) {
	var body []byte
	if is != nil {
		body = encodeDoc(is)
		c.member(setUnique, key)
		if at := is.dueAt(); at != 0 {
			c.member(setUntil, inOrder(int64(at), key))
		}
	}
	if !bytes.Equal(stored, body) {
		c.changes.Docs = append(c.changes.Docs, Doc{docUnique + key, body})
	}
}

// heldBy returns who holds a key, of the missions that say so and live, nil for nobody. was is what its document says.
func heldBy(claims []keyClaim, was *uniqueKey, now missions.Time) *uniqueKey {
	if len(claims) == 0 {
		switch {
		case was != nil && was.ended: // Due frees it
			return was
		case was == nil || was.until <= now:
			return nil
		}
		return &uniqueKey{holder: was.holder, until: was.until, ended: true}
	}
	slices.SortFunc(claims, func(a, b keyClaim) int {
		return cmp.Or(boolsFirst(a.running, b.running), boolsFirst(a.behind == "", b.behind == ""), cmp.Compare(a.seq, b.seq))
	})
	until := func(of *keyClaim) missions.Time {
		switch {
		case was != nil && was.holder == of.id: // it has followed the clock
			return was.until
		case was != nil && was.next == of.id:
			return was.nextUntil
		case of.until <= now:
			return 0
		}
		return of.until
	}
	k := &uniqueKey{holder: claims[0].id, until: until(&claims[0])}
	for i := len(claims) - 1; i > 0 && k.next == ""; i-- {
		if claims[i].behind == k.holder {
			k.next, k.nextUntil = claims[i].id, until(&claims[i])
		}
	}
	return k
}

// boolsFirst orders what is true before what is not.
func boolsFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
