package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"missioncontrol/missions/engine"
)

// pointsBack is how many minutes before the newest point the points begin that an engine begins
// with: a sample looks at so many.
const pointsBack = 64

// Peek implements [engine.SharedBackend]. Whoever only looks has no use for receipts.
func (b *Backend) Peek(ctx context.Context) (*engine.Snapshot, error) {
	s, _, err := b.snapshot(ctx, 0)
	return s, err
}

// snapshot returns what a term begins with, with receipts if that is 1, and the meta hash.
func (b *Backend) snapshot(ctx context.Context, receipts int) (*engine.Snapshot, fields, error) {
	answer, err := b.run(ctx, scripts.snapshot, receipts, int(engine.Minutes), pointsBack, int(engine.ShortSamples), 0, int(engine.LongSamples), 0)
	if err != nil {
		return nil, nil, err
	}
	said := items(answer)
	meta := hash(said[0])
	s := &engine.Snapshot{Marks: readMarks(meta)}
	if s.Agents, err = readAll(hash(said[1]), readAgent); err == nil {
		s.Leases, err = readAll(hash(said[2]), readLease)
	}
	if err == nil {
		s.Totals, err = readTotals(hash(said[3]))
	}
	if err == nil {
		s.Alerts, err = readAll(hash(said[4]), readAlert)
	}
	if err == nil {
		s.Receipts, err = readAll(hash(said[5]), readReceipt)
	}
	if err == nil {
		s.Points, err = readPoints(items(said[7]))
	}
	if err != nil {
		return nil, nil, b.damaged(err)
	}
	for _, position := range texts(said[6]) {
		s.Notices = append(s.Notices, number(position))
	}
	slices.Sort(s.Notices)
	return s, meta, nil
}

// Overview implements [engine.SharedBackend].
func (b *Backend) Overview(ctx context.Context) (*engine.Totals, engine.Marks, error) {
	answer, err := b.run(ctx, scripts.overview)
	if err != nil {
		return nil, engine.Marks{}, err
	}
	said := items(answer)
	totals := &engine.Totals{}
	if encoded := text(said[0]); encoded != "" {
		if totals, err = engine.DecodeTotals([]byte(encoded)); err != nil {
			return nil, engine.Marks{}, b.damaged(err)
		}
	}
	return totals, readMarks(hash(said[1])), nil
}

func readMarks(meta fields) engine.Marks {
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
	r := engine.Receipt{ID: id, At: moment(at)}
	if reply != "" {
		r.Reply = []byte(reply)
	}
	return r, nil
}

// readAll reads the values of a hash, in the order of its fields.
func readAll[T any](hash fields, read func(field, value string) (T, error)) (list []T, err error) {
	for _, field := range slices.Sorted(maps.Keys(hash)) {
		value, err := read(field, hash[field])
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

func readTotals(hash fields) (map[string]*engine.Totals, error) {
	totals := make(map[string]*engine.Totals, len(hash))
	for name, encoded := range hash {
		t, err := engine.DecodeTotals([]byte(encoded))
		if err != nil {
			return nil, fmt.Errorf("totals of type %q: %w", name, err)
		}
		totals[name] = t
	}
	return totals, nil
}

func readPoints(slots []any) (map[engine.PointKey]engine.Point, error) {
	points := map[engine.PointKey]engine.Point{}
	for _, of := range slots {
		said := items(of)
		for name, encoded := range hash(said[2]) {
			p, err := engine.DecodePoint([]byte(encoded))
			if err != nil {
				return nil, fmt.Errorf("a point of %q: %w", name, err)
			}
			points[engine.PointKey{Series: engine.Series(number(text(said[0]))), Type: name, Slot: number(text(said[1]))}] = p //nolint:gosec // one of ours
		}
	}
	return points, nil
}
