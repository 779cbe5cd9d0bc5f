package redisstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions/engine"
)

// convert converts missions that are still those of schema 3, and indexes all. No two of them have
// the same age: ages of partition k leave k when divided by the number of partitions.
func (m *migration) convert(ctx context.Context) error {
	is, err := m.summary(ctx)
	if err != nil {
		return err
	}
	done := int64(0)
	return m.each(ctx, "m:", func(ctx context.Context, keys []oldKey) error {
		for partition, names := range split(keys) {
			if err := m.convertSome(ctx, m.partitions[partition], names); err != nil {
				return err
			}
		}
		done += int64(len(keys))
		m.report(MigrationProgress{Doing: "converting missions", Done: done, Of: is.Missions})
		return nil
	})
}

// converting is what is to be written of some missions of a partition.
type converting struct {
	part    *oldPart
	leases  []any // ids and leases
	indexes map[string][]redis.Z
	old     []*oldRecord
}

// convertSome converts missions of a partition, by the names of their records.
func (m *migration) convertSome(ctx context.Context, part *oldPart, names []string) error {
	records := make([]*redis.StringCmd, len(names))
	err := m.ask(ctx, func(p redis.Pipeliner) {
		for i, name := range names {
			records[i] = p.Get(ctx, part.key(name))
		}
	})
	if err != nil {
		return err
	}
	c := &converting{part: part, indexes: map[string][]redis.Z{}}
	for i, name := range names {
		if err := c.add(strings.TrimPrefix(name, "m:"), records[i].Val()); err != nil {
			return err
		}
	}
	if err := m.measure(ctx, c); err != nil {
		return err
	}
	for _, r := range c.old {
		if r.logGoesOn {
			if err := m.convertLog(ctx, part, r); err != nil {
				return err
			}
		}
	}
	if len(c.leases) > 0 {
		if err := m.setFields(ctx, "leases", c.leases); err != nil {
			return err
		}
	}
	return m.write(ctx, part.number, func(p redis.Pipeliner) { c.write(ctx, p) })
}

// add adds a mission. One that was converted before may still be missing in indexes.
func (c *converting) add(id, record string) error {
	var is *engine.Record
	switch {
	case record == "":
		return nil // it is gone
	case isOld(record):
		r, err := readOld(id, record)
		if err != nil {
			return err
		}
		if lease := r.leaseOf(); lease != nil {
			c.leases = append(c.leases, id, writeLease(lease))
		}
		c.old, is = append(c.old, r), &r.Record
	default:
		var err error
		if is, err = readHeadOf(id, record); err != nil {
			return fmt.Errorf("%w: %w", errOldDamaged, err)
		}
	}
	for _, e := range c.part.entries(is) {
		c.indexes[e.key] = append(c.indexes[e.key], redis.Z{Score: float64(e.score), Member: e.member})
	}
	return nil
}

// measure learns how long data and results are that have keys of their own.
func (m *migration) measure(ctx context.Context, c *converting) error {
	type length struct {
		of  *oldRecord
		to  *[]byte
		cmd *redis.IntCmd
	}
	var lengths []length
	err := m.ask(ctx, func(p redis.Pipeliner) {
		for _, r := range c.old {
			if r.largeData {
				lengths = append(lengths, length{r, (*[]byte)(&r.Data), p.StrLen(ctx, c.part.key("d:", r.ID))})
			}
			if r.largeResult {
				lengths = append(lengths, length{r, (*[]byte)(&r.Result), p.StrLen(ctx, c.part.key("r:", r.ID))})
			}
		}
	})
	if err != nil {
		return err
	}
	for _, l := range lengths {
		n := int(l.cmd.Val())
		if n <= large {
			return fmt.Errorf("the data or the result of mission %q of schema 3: %w", l.of.ID, errOldDamaged)
		}
		if n > len(m.blank) {
			m.blank = make([]byte, n)
		}
		*l.to = m.blank[:n] // only its length is written
	}
	return nil
}

// migratedLog is the key of a log that is not in place yet.
func (p *oldPart) migratedLog(id string) string { return p.key("migrating:g:", id) }

// linesOf are the entries of a log that are in the record.
func linesOf(r *oldRecord) []any {
	lines := make([]any, len(r.log))
	for i := range r.log {
		lines[i] = writeLine(&r.log[i])
	}
	return lines
}

// convertLog writes the log of a mission that goes on in a list, beside that list.
func (m *migration) convertLog(ctx context.Context, part *oldPart, r *oldRecord) error {
	to := part.migratedLog(r.ID)
	if err := m.write(ctx, part.number, func(p redis.Pipeliner) { p.Unlink(ctx, to) }); err != nil {
		return err
	}
	lines := linesOf(r)
	for from := int64(0); ; from += m.most.lines {
		entries, err := m.client.LRange(ctx, part.key("g:", r.ID), from, from+m.most.lines-1).Result()
		if err != nil {
			return err
		}
		for _, entry := range entries {
			e, err := readOldLine(entry)
			if err != nil {
				return fmt.Errorf("the log of mission %q: %w", r.ID, err)
			}
			lines = append(lines, writeLine(&e))
		}
		r.Entries += int64(len(entries))
		if len(lines) > 0 {
			if err := m.write(ctx, part.number, func(p redis.Pipeliner) { p.RPush(ctx, to, lines...) }); err != nil {
				return err
			}
		}
		if lines = lines[:0]; int64(len(entries)) < m.most.lines {
			return nil
		}
	}
}

// write writes missions with their logs, and their indexes.
func (c *converting) write(ctx context.Context, p redis.Pipeliner) {
	for key, members := range c.indexes {
		p.ZAdd(ctx, key, members...)
	}
	for _, r := range c.old {
		log := c.part.key("g:", r.ID)
		p.Unlink(ctx, log)
		switch {
		case r.logGoesOn && r.Entries > 1:
			p.Rename(ctx, c.part.migratedLog(r.ID), log)
		case len(r.log) > 0:
			p.RPush(ctx, log, linesOf(r)...)
		}
		p.Set(ctx, c.part.key("m:", r.ID), writeMission(&r.Record), 0)
	}
}
