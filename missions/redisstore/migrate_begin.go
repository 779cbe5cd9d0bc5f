package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// noDataSet says why there is none: the user may not be allowed to see it.
func (m *migration) noDataSet(ctx context.Context) error {
	if err := m.client.HGet(ctx, m.metaKey(0), "schema").Err(); err != nil && !errors.Is(err, redis.Nil) {
		return m.failure(err)
	}
	return fmt.Errorf("%w: Redis has no key %s", ErrNoDataSet, m.metaKey(0))
}

// permitted tries on every Redis what a migration does, before any change is made: each node of a
// cluster has permissions of its own.
func (m *migration) permitted(ctx context.Context) error {
	nodes, err := m.nodes(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		if err := node.Scan(ctx, 0, m.prefix(0)+"migrating:none", 1).Err(); err != nil {
			return err
		}
	}
	tried := map[*redis.Client]bool{}
	for number := range m.partitions {
		if of, ok := m.client.(*redis.ClusterClient); ok {
			node, err := of.MasterForKey(ctx, m.metaKey(number))
			if err != nil {
				return err
			}
			if tried[node] {
				continue
			}
			tried[node] = true
		} else if number > 0 {
			break
		}
		if err := m.permittedIn(ctx, number); err != nil {
			return err
		}
	}
	return nil
}

// permittedIn tries the commands that name keys with those of a partition: those of supervisors,
// and those that only a migration uses.
func (m *migration) permittedIn(ctx context.Context, partition int) error {
	usual := permissions{where: &m.where, client: m.client, meta: m.metaKey(partition)}
	if err := usual.usable(ctx); err != nil {
		return err
	}
	if _, err := eval(ctx, m.client, m.metaKey(partition), fenceScript, []any{""}); err != nil {
		return err
	}
	none := m.prefix(partition) + "migrating:none"
	if err := m.client.Rename(ctx, none, none).Err(); err != nil && !strings.Contains(err.Error(), "no such key") {
		return err
	}
	if err := m.client.Unlink(ctx, none).Err(); err != nil {
		return err
	}
	return m.client.HLen(ctx, none).Err()
}

// fenceScript is in no list of scripts: supervisors do not run it.
var fenceScript = bare("fence")

// The schema of a partition that is not complete, and of one that is.
var oldSchema, newSchema = strconv.Itoa(migratable), strconv.Itoa(engineSchema)

// look reads the heads of all partitions, before any of them is changed.
func (m *migration) look(ctx context.Context) error {
	for number := range m.partitions {
		if err := m.begin(ctx, number, ""); err != nil {
			return err
		}
	}
	return nil
}

// fence keeps supervisors of earlier versions, and earlier migrations, from every partition, and
// reads the heads of all again.
func (m *migration) fence(ctx context.Context) error {
	for number := range m.partitions {
		if err := m.begin(ctx, number, m.name); err != nil {
			return err
		}
	}
	return nil
}

// begin reads the head of a partition, and puts a name into it.
func (m *migration) begin(ctx context.Context, number int, name string) error {
	if err := m.hold(ctx); err != nil {
		return err
	}
	answer, err := eval(ctx, m.client, m.metaKey(number), fenceScript, []any{name})
	if err != nil {
		return err
	}
	said := texts(answer)
	seen := m.partitions[number]
	if seen != nil && seen.schema != said[0] || number == 0 && said[0] == newSchema {
		return errReplaced // by one that is complete, or nearly so
	}
	if number == 0 {
		m.next, m.masters = said[5], said[6]
	}
	part, err := m.head(number, said)
	if err != nil {
		if schema, asked := m.schema(ctx); asked == nil && schema == engineSchema {
			return errReplaced // after the first head was read
		}
		return err
	}
	m.partitions[number] = part
	return nil
}

// head reads the head of a partition, as fence.lua answers it.
func (m *migration) head(number int, said []string) (part *oldPart, err error) {
	partitions := len(m.partitions)
	part = &oldPart{partition: newPartition(m.connection, number), schema: said[0]}
	part.outbox, err = uuid.Parse(said[1])
	if err == nil && m.next == toShare {
		part.state, err = readOldState(said[4])
	}
	known := !part.switched() || m.next == toSwitch && number > 0 && part.schema == newSchema
	if err != nil || !known || said[2] != strconv.Itoa(number) || said[3] != strconv.Itoa(partitions) {
		return nil, foreign(m.metaKey(number), "is the damaged head of a data set")
	}
	return part, nil
}
