package sqlitestore

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// read runs body with a connection, in one snapshot.
func (b *Backend) read(ctx context.Context, body func(*conn) error) error {
	c, err := b.readers.take(ctx)
	if err != nil {
		return err
	}
	defer b.readers.give(c)
	return b.readError(ctx, c.snapshot(ctx, body))
}

// readSettled is read with tables that have everything that was committed before it, for what
// may take long. On a full disk it reads the tables as they are.
func (b *Backend) readSettled(ctx context.Context, body func(*conn) error) error {
	c, err := b.readers.takeLong(ctx)
	if err != nil {
		return err
	}
	defer b.readers.giveLong(c)
	if err := b.beginSettled(c, true); err != nil {
		return b.unavailable(err)
	}
	return b.readError(ctx, c.inSnapshot(ctx, body))
}

// readExactly is readSettled for the leader: it is short, goes before what may take long, and
// fails on a full disk.
func (b *Backend) readExactly(ctx context.Context, body func(*conn) error) error {
	c, err := b.readers.take(ctx)
	if err != nil {
		return err
	}
	defer b.readers.give(c)
	if err := b.beginSettled(c, false); err != nil {
		return b.unavailable(err)
	}
	return b.readError(ctx, c.inSnapshot(ctx, body))
}

// beginSettled settles what was committed before it, unless somebody has, and begins a
// snapshot before others settle more. evenFull begins it even if the disk is full.
func (b *Backend) beginSettled(c *conn, evenFull bool) error {
	row := b.committed.Load()
	b.settling.Lock()
	defer b.settling.Unlock()
	if b.done < row {
		if err := b.settleLocked(); err != nil && !(evenFull && errors.Is(err, sqlite3.FULL)) {
			return err
		}
	}
	if err := c.begin("BEGIN"); err != nil {
		return err
	}
	_, err := c.number("SELECT 1 FROM identity") // with which the snapshot begins
	return err
}

func (b *Backend) readError(ctx context.Context, err error) error {
	if internal(err) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return b.unavailable(err)
	}
	return err
}

// recordQuery selects a mission in the order that scanRecord reads.
const recordQuery = "SELECT " + missionColumns + `, o.lease, o.agent_id,
	CASE WHEN m.logged THEN (SELECT max(n) FROM log WHERE log.seq = m.seq) END` + flowColumns + missionTables

func scanRecord(s *sqlite3.Stmt) (*engine.Record, error) {
	r, err := scanMission(s)
	if err != nil {
		return nil, err
	}
	const next = 32 // column
	record := &engine.Record{
		Mission: r.Mission, Seq: r.seq, Token: r.lease, Ready: r.ready, ReadyAt: r.readyAt, DueAt: r.dueAt,
		Entries: max(r.log.entries(), s.ColumnInt64(next+2)),
	}
	if agent := s.ColumnText(next + 1); agent != "" {
		record.Report = engine.Report{AgentID: agent, Token: s.ColumnInt64(next)}
	}
	return record, scanFlowOf(record, s, next+3)
}

// Records implements [engine.Backend]. Each record is read as of some commit since the call
// began.
func (b *Backend) Records(ctx context.Context, ids []string) ([]*engine.Record, error) {
	b.mu.RLock()
	found, stored := b.unsettledRecords(ids)
	b.mu.RUnlock()
	if len(found)+len(stored) == 0 {
		return nil, b.readers.usable(ctx)
	}
	c, err := b.readers.take(ctx)
	if err != nil {
		return nil, err
	}
	defer b.readers.give(c)
	err = c.interruptible(ctx, func() error {
		for _, id := range stored {
			err := c.query(recordQuery+"WHERE m.id = ?", func(row *sqlite3.Stmt) (bool, error) {
				r, err := scanRecord(row)
				found = append(found, r)
				return false, err
			}, id)
			if err != nil {
				return err
			}
		}
		return b.setExpiries(c, found)
	})
	if err := b.readError(ctx, err); err != nil {
		return nil, err
	}
	return found, nil
}

// unsettledRecords returns the missions that have changed, and the ids of the others.
func (b *Backend) unsettledRecords(ids []string) (found []*engine.Record, others []string) {
	for _, id := range ids {
		m := b.fresh.byID[id]
		if m == nil && b.frozen != nil {
			m = b.frozen.byID[id]
		}
		switch {
		case m == nil:
			others = append(others, id)
		case m.after != nil:
			r := *m.after
			r.Mission, r.LeaseExpiresAt = m.after.Copied(), 0
			found = append(found, &r)
		}
	}
	return found, others
}

// setExpiries sets the ends of leases: in memory if they have changed, or else in the table.
// While mu is held, what is in memory stays there.
func (b *Backend) setExpiries(c *conn, records []*engine.Record) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, r := range records {
		if r.Status != missions.Running {
			continue
		}
		l, changed := b.fresh.leases[r.Seq]
		if !changed && b.frozen != nil {
			l, changed = b.frozen.leases[r.Seq]
		}
		switch {
		case l != nil:
			r.LeaseExpiresAt = l.ExpiresAt
		case !changed:
			at, err := c.number("SELECT expires_at FROM leases WHERE seq = ?", r.Seq)
			if err != nil {
				return err
			}
			r.LeaseExpiresAt = missions.Time(at)
		}
	}
	return nil
}

// Queue implements [engine.Backend].
func (b *Backend) Queue(ctx context.Context, missionType string, limit int) (heads []engine.Head, err error) {
	err = b.readExactly(ctx, func(c *conn) error {
		heads = nil
		return c.query(`SELECT m.priority, m.seq, m.id, octet_length(m.name), octet_length(p.description), octet_length(p.data),
			json_array_length(m.tags) FROM missions m INDEXED BY missions_ready LEFT JOIN payloads p ON p.seq = m.seq
			WHERE m.type = ? AND m.ready = 1 ORDER BY m.priority DESC, m.seq LIMIT ?`, func(row *sqlite3.Stmt) (bool, error) {
			size := missions.SizeOf(row.ColumnInt(5), row.ColumnInt(3)+row.ColumnInt(4), row.ColumnInt(6))
			heads = append(heads, engine.Head{Rank: row.ColumnInt(0), Seq: row.ColumnInt64(1), ID: row.ColumnText(2), Size: size})
			return true, nil
		}, missionType, limit)
	})
	return heads, err
}

// Planned implements [engine.Backend].
func (b *Backend) Planned(ctx context.Context, limit int) (planned []engine.Planned, err error) {
	err = b.readExactly(ctx, func(c *conn) error {
		planned = nil
		return c.query(`SELECT due_at, seq, id FROM missions INDEXED BY missions_due WHERE due_at IS NOT NULL
			ORDER BY due_at, seq LIMIT ?`, func(row *sqlite3.Stmt) (bool, error) {
			planned = append(planned, engine.Planned{At: scanTime(row, 0), Seq: row.ColumnInt64(1), ID: row.ColumnText(2)})
			return true, nil
		}, limit)
	})
	return planned, err
}

// Ended implements [engine.Backend].
func (b *Backend) Ended(ctx context.Context, upTo missions.Time, limit int) (ids []string, err error) {
	err = b.readExactly(ctx, func(c *conn) error {
		ids = nil
		return c.query(`SELECT id FROM missions INDEXED BY missions_finished WHERE finished_at IS NOT NULL AND finished_at <= ?
			ORDER BY finished_at, seq LIMIT ?`, func(row *sqlite3.Stmt) (bool, error) {
			ids = append(ids, row.ColumnText(0))
			return true, nil
		}, int64(upTo), limit)
	})
	return ids, err
}

// List implements [engine.Backend].
func (b *Backend) List(ctx context.Context, filter missions.Filter) (page missions.Page, err error) {
	err = b.readSettled(ctx, func(c *conn) (err error) {
		page, err = c.list(&filter)
		return err
	})
	return page, err
}

// Log implements [engine.Backend].
func (b *Backend) Log(ctx context.Context, id string, after int64, limit int) (page missions.LogPage, err error) {
	err = b.readSettled(ctx, func(c *conn) (err error) {
		page, err = c.logOf(id, after, limit)
		return err
	})
	return page, err
}

// Pending implements [engine.Backend].
func (b *Backend) Pending(ctx context.Context, after int64, limit int) (events []missions.Event, err error) {
	// What is in memory leaves it for the tables, so they are read later.
	b.mu.RLock()
	recent := slices.Clone(b.fresh.events)
	after = max(after, b.fresh.marks.Forgotten)
	if b.frozen != nil {
		recent = append(slices.Clone(b.frozen.events), recent...)
		after = max(after, b.frozen.marks.Forgotten)
	}
	b.mu.RUnlock()
	before := int64(math.MaxInt64)
	if len(recent) > 0 {
		before = recent[0][0].Seq
	}
	if after+1 < before {
		err := b.read(ctx, func(c *conn) (err error) {
			events, err = c.pending(after, before, limit)
			return err
		})
		if err != nil || len(events) == limit {
			return events, err
		}
	} else if err := b.readers.usable(ctx); err != nil {
		return nil, err
	}
	for _, list := range recent {
		if last := list[len(list)-1].Seq; last <= after {
			continue
		}
		list = list[max(0, after+1-list[0].Seq):]
		events = append(events, list[:min(len(list), limit-len(events))]...)
		if len(events) == limit {
			break
		}
	}
	return events, nil
}

// Notices implements [engine.Backend].
func (b *Backend) Notices(ctx context.Context, limit int) (events []missions.Event, err error) {
	err = b.readSettled(ctx, func(c *conn) (err error) {
		events, err = c.notices(limit)
		return err
	})
	return events, err
}

// Oldest implements [engine.Backend].
func (b *Backend) Oldest(ctx context.Context, missionType string) (oldest missions.Time, err error) {
	err = b.readSettled(ctx, func(c *conn) error {
		seq, err := c.oldest(missionType)
		oldest = missions.Time(seq)
		return err
	})
	return oldest, err
}

// Fronts implements [engine.Backend].
func (b *Backend) Fronts(ctx context.Context, types []string) (fronts map[string]missions.Time, err error) {
	err = b.readSettled(ctx, func(c *conn) error {
		fronts = map[string]missions.Time{}
		for _, name := range types {
			for rank := range priorities {
				at, err := c.number(`SELECT ready_at FROM missions INDEXED BY missions_ready
					WHERE type = ? AND priority = ? AND ready = 1 ORDER BY seq LIMIT 1`, name, rank)
				if err != nil {
					return err
				}
				if since, there := fronts[name]; at != 0 && (!there || missions.Time(at) < since) {
					fronts[name] = missions.Time(at)
				}
			}
		}
		return nil
	})
	return fronts, err
}

// Points implements [engine.Backend].
func (b *Backend) Points(ctx context.Context, series engine.Series, missionType string, from int64) (points map[int64]engine.Point, err error) {
	err = b.readSettled(ctx, func(c *conn) error {
		points = map[int64]engine.Point{}
		return c.query("SELECT slot, body FROM points WHERE series = ? AND type = ? AND slot >= ?", func(row *sqlite3.Stmt) (bool, error) {
			p, err := engine.DecodePoint(row.ColumnRawBlob(1))
			points[row.ColumnInt64(0)] = p
			return true, err
		}, int64(series), missionType, from)
	})
	return points, err
}

// oldest returns the seq of the oldest PENDING mission of a type, 0 if there is none.
func (c *conn) oldest(kind string) (int64, error) {
	if kind != allTypes {
		return c.number("SELECT min(seq) FROM missions INDEXED BY missions_type WHERE type = ? AND status = 0", kind)
	}
	return c.number("SELECT min(seq) FROM missions INDEXED BY missions_status WHERE status = 0")
}
