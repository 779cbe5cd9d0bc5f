package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/hex"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// summary counts what the data set has.
func (m *migration) summary(ctx context.Context) (done Migrated, err error) {
	home := m.partitions[0]
	var counts *redis.MapStringStringCmd
	var leases, agents *redis.IntCmd
	var marks *redis.SliceCmd
	err = m.ask(ctx, func(p redis.Pipeliner) {
		counts, marks = p.HGetAll(ctx, home.key("counts")), p.HMGet(ctx, home.key("meta"), "outbox", "acknowledged")
		leases, agents = p.HLen(ctx, home.key("leases")), p.HLen(ctx, home.key("agents"))
	})
	if err != nil {
		return done, err
	}
	for _, n := range counts.Val() {
		done.Missions += number(n)
	}
	done.Leases, done.Agents = leases.Val(), agents.Val()
	said := texts(marks.Val())
	done.Events = number(said[0]) - number(said[1])
	return done, nil
}

// complete puts everything in place. From then on, the data set has the new schema.
func (m *migration) complete(ctx context.Context) error {
	for _, part := range m.partitions[1:] {
		if part.switched() {
			continue
		}
		err := m.write(ctx, part.number, func(p redis.Pipeliner) {
			p.Unlink(ctx, part.key("o"))
			p.HDel(ctx, part.key("meta"), "schema3_state", "mark", "revision", "sampled", "migrator")
			p.HSet(ctx, part.key("meta"), "schema", engineSchema)
		})
		if err != nil {
			return err
		}
	}
	home, names := m.partitions[0], []string{"alerts", "notices", "o"}
	there := make([]*redis.IntCmd, len(names))
	err := m.ask(ctx, func(p redis.Pipeliner) {
		for i, name := range names {
			there[i] = p.Exists(ctx, home.key("migrating:", name))
		}
	})
	if err != nil {
		return err
	}
	head, err := m.newHead()
	if err != nil {
		return err
	}
	m.held = m.held.Add(-heldFor)
	return m.write(ctx, 0, func(p redis.Pipeliner) {
		for i, name := range names {
			p.Unlink(ctx, home.key(name)) // RENAME would delete it at once, however much it holds
			if there[i].Val() == 1 {
				p.Rename(ctx, home.key("migrating:", name), home.key(name))
			}
		}
		p.Unlink(ctx, home.key("leader"))
		p.HDel(ctx, home.key("meta"), "schema3_state", "migration", "masters", "migrator")
		p.HSet(ctx, home.key("meta"), head...)
	})
}

// newHead is what partition 0's meta hash gets at the end.
func (m *migration) newHead() ([]any, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	head := []any{"schema", engineSchema, "secret", hex.EncodeToString(secret), "epoch", 0}
	if len(m.partitions) == 1 {
		return head, nil
	}
	identity, err := uuid.NewV7() // positions are other ones
	return append(head, "identity", identity.String()), err
}
