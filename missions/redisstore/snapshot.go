package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions/engine"
)

// snapshot reads what an engine begins with, once no other term can commit.
func (b *Backend) snapshot(ctx context.Context) (*engine.Snapshot, error) {
	var meta, agents, leases, totals, alerts, receipts *redis.MapStringStringCmd
	var notices *redis.StringSliceCmd
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		meta, agents, leases = p.HGetAll(ctx, b.key("meta")), p.HGetAll(ctx, b.key("agents")), p.HGetAll(ctx, b.key("leases"))
		totals, alerts, notices = p.HGetAll(ctx, b.key("totals")), p.HGetAll(ctx, b.key("alerts")), p.HKeys(ctx, b.key("notices"))
		receipts = p.HGetAll(ctx, b.key("receipts"))
		return nil
	})
	if err != nil {
		return nil, b.failed(ctx, "begin", err)
	}
	s := &engine.Snapshot{Marks: readMarks(meta.Val()), Totals: map[string]*engine.Totals{}, Points: map[engine.PointKey]engine.Point{}}
	for _, position := range notices.Val() {
		s.Notices = append(s.Notices, number(position))
	}
	slices.Sort(s.Notices)
	if s.Agents, err = readAll(agents.Val(), readAgent); err == nil {
		s.Leases, err = readAll(leases.Val(), readLease)
	}
	if err == nil {
		s.Alerts, err = readAll(alerts.Val(), readAlert)
	}
	if err == nil {
		s.Receipts, err = readAll(receipts.Val(), readReceipt)
	}
	for name, encoded := range totals.Val() {
		t, bad := engine.DecodeTotals([]byte(encoded))
		if s.Totals[name] = t; bad != nil {
			err = fmt.Errorf("totals of type %q: %w", name, bad)
		}
	}
	if err != nil {
		return nil, b.damaged(err)
	}
	return s, b.latestPoints(ctx, s)
}

func readMarks(meta map[string]string) engine.Marks {
	return engine.Marks{
		Outbox: number(meta["outbox"]), Acknowledged: number(meta["acknowledged"]), Mark: meta["mark"], Forgotten: number(meta["forgotten"]),
		Token: number(meta["token"]), Seq: number(meta["seq"]), Revision: number(meta["revision"]), Sampled: moment(meta["sampled"]),
	}
}

func readReceipt(id, value string) (engine.Receipt, error) {
	at, reply, found := strings.Cut(value, ":")
	if !found {
		return engine.Receipt{}, fmt.Errorf("the receipt %q is damaged", id)
	}
	return engine.Receipt{ID: id, At: moment(at), Reply: []byte(reply)}, nil
}

// readAll reads the values of a hash, in the order of its fields.
func readAll[T any](hash map[string]string, read func(field, value string) (T, error)) (list []T, err error) {
	for _, field := range slices.Sorted(maps.Keys(hash)) {
		value, err := read(field, hash[field])
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// pointsBack is how many minutes before the newest point the points begin that an engine begins
// with: a sample looks at so many.
const pointsBack = 64

// latestPoints reads the points from which new points continue.
func (b *Backend) latestPoints(ctx context.Context, s *engine.Snapshot) error {
	for series, back := range map[engine.Series]int64{engine.Minutes: pointsBack, engine.ShortSamples: 0, engine.LongSamples: 0} {
		key := b.key("slots:", decimal(int64(series)))
		newest, err := b.client.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: 0, Stop: 0, Rev: true}).Result()
		if err != nil {
			return b.failed(ctx, "begin", err)
		}
		if len(newest) == 0 {
			continue
		}
		slots, err := b.client.ZRangeArgs(ctx, redis.ZRangeArgs{Key: key, Start: decimal(number(newest[0]) - back), Stop: "+inf", ByScore: true}).Result()
		if err != nil {
			return b.failed(ctx, "begin", err)
		}
		for _, slot := range slots {
			points, err := b.client.HGetAll(ctx, b.key("p:", decimal(int64(series)), ":", slot)).Result()
			if err != nil {
				return b.failed(ctx, "begin", err)
			}
			for name, encoded := range points {
				p, err := engine.DecodePoint([]byte(encoded))
				if err != nil {
					return b.damaged(fmt.Errorf("a point of %q: %w", name, err))
				}
				s.Points[engine.PointKey{Series: series, Type: name, Slot: number(slot)}] = p
			}
		}
	}
	return nil
}
