package enginetest

import (
	"context"
	"maps"
	"slices"

	"missioncontrol/missions/engine"
)

func (b *Memory) commitFlow(c *engine.Changes) {
	lives := map[int64]bool{}
	for _, change := range c.Missions {
		if change.After != nil {
			lives[change.After.Seq] = true
		} else if change.Before.Flow != nil {
			maps.DeleteFunc(b.parts, func(key engine.PartKey, _ []byte) bool { return key.MissionID == change.Before.ID })
		}
	}
	for _, p := range c.Parts {
		key := engine.PartKey{MissionID: p.MissionID, Name: p.Name}
		if !lives[p.Seq] {
			continue // deleted with the mission
		}
		if delete(b.parts, key); p.Body != nil {
			b.parts[key] = p.Body
		}
	}
	for _, d := range c.Docs {
		if delete(b.docs, d.Key); d.Body != nil {
			b.docs[d.Key] = d.Body
		}
	}
	for _, m := range c.Members {
		if b.sets[m.Set] == nil {
			b.sets[m.Set] = map[string]bool{}
		}
		if delete(b.sets[m.Set], m.Member); !m.Gone {
			b.sets[m.Set][m.Member] = true
		}
	}
}

// Docs implements [engine.Backend].
func (b *Memory) Docs(ctx context.Context, keys []string) (map[string][]byte, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	found := map[string][]byte{}
	for _, key := range keys {
		if body := b.docs[key]; body != nil {
			found[key] = body
		}
	}
	return found, ctx.Err()
}

// Members implements [engine.Backend].
func (b *Memory) Members(ctx context.Context, ranges []engine.Range) ([][]string, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	lists := make([][]string, len(ranges))
	for i, of := range ranges {
		for _, member := range slices.Sorted(maps.Keys(b.sets[of.Set])) {
			if member > of.After && len(lists[i]) < of.Limit {
				lists[i] = append(lists[i], member)
			}
		}
	}
	return lists, ctx.Err()
}

// Parts implements [engine.Backend].
func (b *Memory) Parts(ctx context.Context, keys []engine.PartKey) ([][]byte, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	bodies := make([][]byte, len(keys))
	for i, key := range keys {
		bodies[i] = b.parts[key]
	}
	return bodies, ctx.Err()
}
