package redisstore

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// all returns all partitions.
func (b *Backend) all() []*partition { return append([]*partition{b.partition}, b.others...) }

// whole reports whether all partitions can be used.
func (b *Backend) whole() bool {
	return !slices.ContainsFunc(b.others, func(p *partition) bool { return p.outage.err() != nil })
}

// fromAll reads in all partitions at once. What is in a partition that cannot be used is left out.
func fromAll[T any](b *Backend, read func(*partition) (T, error)) ([]T, error) {
	if len(b.others) == 0 {
		one, err := read(b.partition)
		return []T{one}, err
	}
	found, errs := make([]T, 1+len(b.others)), make([]error, 1+len(b.others))
	var all sync.WaitGroup
	for i, p := range b.all() {
		all.Go(func() { found[i], errs[i] = read(p) })
	}
	all.Wait()
	for i, p := range b.all() {
		if errs[i] != nil && (p.outage.err() == nil || engine.IsStale(errs[i])) {
			return found, errs[i]
		}
	}
	return found, nil
}

// Records implements [engine.Backend].
func (b *Backend) Records(ctx context.Context, ids []string) ([]*engine.Record, error) {
	if len(b.others) == 0 {
		return b.partition.records(ctx, ids)
	}
	if len(ids) == 0 {
		return nil, b.answers(ctx)
	}
	byHome := make([][]string, 1+len(b.others))
	for _, id := range ids {
		n := b.home(id).number
		byHome[n] = append(byHome[n], id)
	}
	errs := make([]error, len(byHome))
	found, err := fromAll(b, func(p *partition) (found []*engine.Record, err error) {
		if p.number == 0 || len(byHome[p.number]) > 0 {
			found, err = p.records(ctx, byHome[p.number])
		}
		errs[p.number] = err
		return found, err
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	if err := b.leasesOf(ctx, all); err != nil {
		return nil, err
	}
	var cut engine.Unreachable
	for n, err := range errs {
		switch {
		case err != nil:
			cut.IDs, cut.Err = append(cut.IDs, byHome[n]...), err
		case n > 0 && b.others[n-1].outage.full.Load():
			cut.NoRoom = append(cut.NoRoom, missing(byHome[n], found[n])...)
		}
	}
	if len(cut.IDs)+len(cut.NoRoom) == 0 {
		return all, nil
	}
	cut.Full = missions.Refused(toldFull, nil)
	if cut.Err == nil {
		cut.Err = cut.Full
	}
	return all, &cut
}

// missing returns the ids of which there is no record.
func missing(ids []string, found []*engine.Record) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		return slices.ContainsFunc(found, func(r *engine.Record) bool { return r.ID == id })
	})
}

// answers returns an error if a partition does not answer.
func (b *Backend) answers(ctx context.Context) error {
	for _, p := range b.others {
		if err := p.outage.err(); err != nil {
			return err
		}
	}
	_, err := fromAll(b, func(p *partition) ([]*engine.Record, error) { return p.records(ctx, nil) })
	for _, p := range b.others {
		err = cmp.Or(err, p.outage.err())
	}
	return err
}

// leasesOf supplies when the leases of missions end: they are in partition 0.
func (b *Backend) leasesOf(ctx context.Context, records []*engine.Record) error {
	var running []*missions.Mission
	for _, r := range records {
		running = append(running, &r.Mission)
	}
	return b.supplyLeases(ctx, running)
}

// withLeases is leasesOf for missions.
func (b *Backend) withLeases(ctx context.Context, list []missions.Mission) error {
	if len(b.others) == 0 {
		return nil
	}
	all := make([]*missions.Mission, len(list))
	for i := range list {
		all[i] = &list[i]
	}
	return b.supplyLeases(ctx, all)
}

func (b *Backend) supplyLeases(ctx context.Context, list []*missions.Mission) error {
	list = slices.DeleteFunc(list, func(m *missions.Mission) bool { return m.Status != missions.Running || m.LeaseExpiresAt != 0 })
	for some := range slices.Chunk(list, missions.MaxBatch) {
		ids := make([]any, len(some))
		for i, m := range some {
			ids[i] = m.ID
		}
		answer, err := b.run(ctx, scripts.leases, ids...)
		if err != nil {
			return err
		}
		leases := texts(answer)
		for i, m := range some {
			stored := leases[i]
			if stored == "" { // the lease has ended meanwhile
				continue
			}
			l, err := readLease(m.ID, stored)
			if err != nil {
				return b.damaged(err)
			}
			m.LeaseExpiresAt = l.ExpiresAt
		}
	}
	return nil
}

// Queue implements [engine.Backend].
func (b *Backend) Queue(ctx context.Context, missionType string, limit int) ([]engine.Head, error) {
	found, err := fromAll(b, func(p *partition) ([]engine.Head, error) { return p.queue(ctx, missionType, limit) })
	return merged(found, limit, func(x, y engine.Head) int { return cmp.Or(cmp.Compare(y.Rank, x.Rank), cmp.Compare(x.Seq, y.Seq)) }), err
}

// Planned implements [engine.Backend].
func (b *Backend) Planned(ctx context.Context, limit int) ([]engine.Planned, error) {
	found, err := fromAll(b, func(p *partition) ([]engine.Planned, error) { return p.planned(ctx, limit) })
	return merged(found, limit, func(x, y engine.Planned) int { return cmp.Or(cmp.Compare(x.At, y.At), cmp.Compare(x.Seq, y.Seq)) }), err
}

// Ended implements [engine.Backend].
func (b *Backend) Ended(ctx context.Context, upTo missions.Time, limit int) (ids []string, err error) {
	found, err := fromAll(b, func(p *partition) ([]endedMission, error) { return p.ended(ctx, upTo, limit) })
	for _, m := range merged(found, limit, func(x, y endedMission) int { return cmp.Compare(x.at, y.at) }) {
		ids = append(ids, m.id)
	}
	return ids, err
}

// merged returns the first items of sorted lists.
func merged[T any](lists [][]T, limit int, compare func(T, T) int) []T {
	if len(lists) == 1 {
		return lists[0]
	}
	all := slices.Concat(lists...)
	slices.SortFunc(all, compare)
	return all[:min(limit, len(all))]
}

// Log implements [engine.Backend].
func (b *Backend) Log(ctx context.Context, id string, after int64, limit int) (missions.LogPage, error) {
	return b.home(id).entriesOf(ctx, id, after, limit)
}

// Oldest implements [engine.Backend].
func (b *Backend) Oldest(ctx context.Context, missionType string) (oldest missions.Time, err error) {
	found, err := fromAll(b, func(p *partition) (missions.Time, error) { return p.oldest(ctx, missionType) })
	for _, at := range found {
		if at != 0 && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	return oldest, err
}

// Fronts implements [engine.Backend].
func (b *Backend) Fronts(ctx context.Context, types []string) (map[string]missions.Time, error) {
	found, err := fromAll(b, func(p *partition) (map[string]map[int]front, error) { return p.fronts(ctx, types) })
	if err != nil {
		return nil, err
	}
	waiting := map[string]missions.Time{}
	for _, missionType := range types {
		for rank := range priorities {
			var first front
			for _, in := range found {
				if f, there := in[missionType][rank]; there && (first.seq == 0 || f.seq < first.seq) {
					first = f
				}
			}
			if since, there := waiting[missionType]; first.seq != 0 && (!there || first.readyAt < since) {
				waiting[missionType] = first.readyAt
			}
		}
	}
	return waiting, nil
}
