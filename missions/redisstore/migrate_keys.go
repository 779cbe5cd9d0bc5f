package redisstore

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// oldKey is a key of the data set.
type oldKey struct {
	partition int
	name      string // behind the partition's prefix
}

// each finds the keys whose name in a partition begins with a text, in every partition. A key may
// be found several times.
func (m *migration) each(ctx context.Context, beginning string, do func(context.Context, []oldKey) error) error {
	nodes, err := m.nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if err := m.eachOf(ctx, node, beginning, do); err != nil {
			return err
		}
	}
	return nil
}

// nodes returns every Redis that has a part of the data set.
func (m *migration) nodes(ctx context.Context) (nodes []redis.Cmdable, err error) {
	of, ok := m.client.(*redis.ClusterClient)
	if !ok {
		return []redis.Cmdable{m.client}, nil
	}
	var mu sync.Mutex
	err = of.ForEachMaster(ctx, func(_ context.Context, node *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, node)
		return nil
	})
	return nodes, err
}

// errRestarted is for a Redis whose cursors are void.
var errRestarted = errors.New("redis was restarted, or another node has taken its place, while its keys were read")

func (m *migration) eachOf(ctx context.Context, node redis.Cmdable, beginning string, do func(context.Context, []oldKey) error) error {
	began, err := runID(ctx, node)
	if err != nil {
		return err
	}
	for cursor := uint64(0); ; {
		var names []string
		names, cursor, err = node.Scan(ctx, cursor, "{"+m.where.prefix+":*}:"+beginning+"*", m.most.keys).Result()
		if err != nil {
			return err
		}
		slices.Sort(names)
		for some := range slices.Chunk(slices.Compact(names), int(m.most.keys)) {
			if err := m.hold(ctx); err != nil {
				return err
			}
			if err := do(ctx, m.parse(some)); err != nil {
				return err
			}
		}
		if cursor == 0 {
			break
		}
	}
	if ended, err := runID(ctx, node); err != nil || ended != began {
		return errors.Join(err, errRestarted)
	}
	return nil
}

// runID returns what a Redis is called until it ends.
func runID(ctx context.Context, node redis.Cmdable) (string, error) {
	text, err := node.Info(ctx, "server").Result()
	if err != nil {
		return "", err
	}
	_, rest, _ := strings.Cut(text, "run_id:")
	id, _, _ := strings.Cut(rest, "\r\n")
	return id, nil
}

// runIDs returns what all are called that have a part of the data set.
func (m *migration) runIDs(ctx context.Context) (string, error) {
	nodes, err := m.nodes(ctx)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(nodes))
	for i, node := range nodes {
		if ids[i], err = runID(ctx, node); err != nil {
			return "", err
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, " "), nil
}

// parse takes keys apart. Those of no partition are left out, and those of one that is complete.
func (m *migration) parse(names []string) []oldKey {
	keys := make([]oldKey, 0, len(names))
	for _, name := range names {
		number, rest, found := strings.Cut(strings.TrimPrefix(name, "{"+m.where.prefix+":"), "}:")
		partition, err := strconv.Atoi(number)
		if found && err == nil && partition >= 0 && partition < len(m.partitions) && strconv.Itoa(partition) == number && !m.partitions[partition].switched() {
			keys = append(keys, oldKey{partition, rest})
		}
	}
	return keys
}

// split puts keys by their partitions.
func split(keys []oldKey) map[int][]string {
	names := map[int][]string{}
	for _, k := range keys {
		names[k.partition] = append(names[k.partition], k.name)
	}
	return names
}

// drop deletes indexes, and what was read when the shared data was written.
func (m *migration) drop(ctx context.Context) error {
	done := int64(0)
	return m.each(ctx, "", func(ctx context.Context, keys []oldKey) error {
		keys = slices.DeleteFunc(keys, func(k oldKey) bool { return !dropped(k.name) })
		for partition, names := range split(keys) {
			for i := range names {
				names[i] = m.prefix(partition) + names[i]
			}
			if err := m.write(ctx, partition, func(p redis.Pipeliner) { p.Unlink(ctx, names...) }); err != nil {
				return err
			}
		}
		done += int64(len(keys))
		m.report(MigrationProgress{Doing: "deleting indexes", Done: done})
		return nil
	})
}

// dropped reports whether a key is deleted before missions are converted. Some names of indexes
// are those of schema 4, too.
func dropped(name string) bool {
	kind, _, more := strings.Cut(name, ":")
	kinds := []string{"as", "ad", "ao", "ct", "hs", "l", "w", "f"}
	if more {
		kinds = []string{"a", "ah", "h", "n", "s", "q", "i", "ia", "ig"}
	}
	return slices.Contains(kinds, kind)
}
