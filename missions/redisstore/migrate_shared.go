package redisstore

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// share writes what partition 0 has of all partitions, and each partition's counters. It reads
// what is of schema 3, and changes none of it: where names are the same, what is new has another
// name until the end.
func (m *migration) share(ctx context.Context) error {
	for _, part := range m.partitions {
		keys := []string{part.key("counts")}
		if part.number == 0 {
			for _, name := range []string{"leases", "agents", "totals", "migrating:alerts", "migrating:notices", "migrating:o"} {
				keys = append(keys, part.key(name))
			}
		}
		if err := m.write(ctx, part.number, func(p redis.Pipeliner) { p.Unlink(ctx, keys...) }); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		doing string
		do    func(context.Context) error
	}{
		{"converting counters", m.shareTotals}, {"converting statistics", m.sharePoints}, {"converting agents", m.shareAgents},
		{"converting alerts", m.shareAlerts}, {"converting events", m.shareOutbox},
	} {
		m.report(MigrationProgress{Doing: step.doing})
		if err := m.hold(ctx); err != nil {
			return err
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// setFields sets fields of a hash of partition 0: names and values.
func (m *migration) setFields(ctx context.Context, name string, fields []any) error {
	return m.setFieldsOf(ctx, m.partitions[0], name, fields)
}

// setFieldsOf sets fields of a hash of a partition.
func (m *migration) setFieldsOf(ctx context.Context, part *oldPart, name string, fields []any) error {
	for some := range slices.Chunk(fields, wordsAtOnce) {
		if err := m.write(ctx, part.number, func(p redis.Pipeliner) { p.HSet(ctx, part.key(name), some...) }); err != nil {
			return err
		}
	}
	return nil
}

// oldAgents reads the agents, some at a time.
func (m *migration) oldAgents(ctx context.Context, do func([]engine.Agent) error) error {
	home := m.partitions[0]
	for from := int64(0); ; from += m.most.keys {
		ids, err := m.client.ZRange(ctx, home.key("as"), from, from+m.most.keys-1).Result()
		if err != nil || len(ids) == 0 {
			return err
		}
		hashes := make([]*redis.MapStringStringCmd, len(ids))
		err = m.ask(ctx, func(p redis.Pipeliner) {
			for i, id := range ids {
				hashes[i] = p.HGetAll(ctx, home.key("a:", id))
			}
		})
		if err != nil {
			return err
		}
		agents := make([]engine.Agent, len(ids))
		for i, id := range ids {
			if agents[i], err = readOldAgent(id, hashes[i].Val()); err != nil {
				return err
			}
		}
		if err := do(agents); err != nil {
			return err
		}
	}
}

// present counts the agents that are not offline, and their slots.
func (m *migration) present(ctx context.Context) (agents, slots int64, err error) {
	err = m.oldAgents(ctx, func(some []engine.Agent) error {
		for i := range some {
			if some[i].State != missions.Offline {
				agents, slots = agents+1, slots+int64(some[i].Capacity)
			}
		}
		return nil
	})
	return agents, slots, err
}

func (m *migration) shareAgents(ctx context.Context) error {
	return m.oldAgents(ctx, func(some []engine.Agent) error {
		words := make([]any, 0, 2*len(some))
		for i := range some {
			text, err := writeAgent(&some[i])
			if err != nil {
				return err
			}
			words = append(words, some[i].ID, text)
		}
		return m.setFields(ctx, "agents", words)
	})
}

// shareAlerts writes alerts and notices. Notices keep their positions.
func (m *migration) shareAlerts(ctx context.Context) error {
	home := m.partitions[0]
	rules, err := m.client.HGetAll(ctx, home.key("alerts")).Result()
	if err != nil {
		return err
	}
	var words []any
	for rule, stands := range rules {
		a, err := readOldAlert(rule, stands)
		if err != nil {
			return err
		}
		text, err := writeAlert(&a)
		if err != nil {
			return err
		}
		words = append(words, rule, text)
	}
	if err := m.setFields(ctx, "migrating:alerts", words); err != nil {
		return err
	}
	notices, err := m.client.XRange(ctx, home.key("notices"), "-", "+").Result()
	if err != nil {
		return err
	}
	words = nil
	for _, entry := range notices {
		position, _, _ := strings.Cut(entry.ID, "-")
		packed, _ := entry.Values["e"].(string)
		e, err := readOldEvent(home.outbox, number(position), packed)
		if err != nil {
			return err
		}
		words = append(words, position, engine.EncodeEvents([]*missions.Event{e}))
	}
	return m.setFields(ctx, "migrating:notices", words)
}
