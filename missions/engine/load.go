package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Load supplies what a step needs from a backend.
func (e *Engine) Load(ctx context.Context, backend Backend, need *Need) error {
	for missionType, n := range need.Queues {
		limit := max(n, e.cfg.QueueWindow)
		heads, err := backend.Queue(ctx, missionType, limit)
		if err != nil {
			return err
		}
		e.queue(missionType).load(heads, len(heads) < limit)
	}
	if need.Planned > 0 {
		limit := max(need.Planned, e.cfg.PlanWindow)
		planned, err := backend.Planned(ctx, limit)
		if err != nil {
			return err
		}
		e.planned.load(planned, len(planned) < limit)
	}
	if err := e.loadFlow(ctx, backend, need); err != nil || len(need.IDs) == 0 {
		return err
	}
	slices.Sort(need.IDs)
	need.IDs = slices.Compact(need.IDs)
	found, err := backend.Records(ctx, need.IDs)
	var some *Unreachable
	if errors.As(err, &some) {
		for _, id := range some.IDs {
			e.records.unreachable[id] = some.Err
		}
		for _, id := range some.NoRoom {
			e.records.unreachable[id] = some.Full
		}
	} else if err != nil {
		return err
	}
	for _, r := range found {
		e.records.supply(r)
	}
	for _, id := range need.IDs {
		if !e.records.known(id) {
			e.records.absent[id] = true
		}
	}
	return nil
}

// loadFlow supplies documents and parts of sets.
func (e *Engine) loadFlow(ctx context.Context, backend Backend, need *Need) error {
	if len(need.Ranges) > 0 {
		lists, err := backend.Members(ctx, need.Ranges)
		if err != nil {
			return err
		}
		for i, of := range need.Ranges {
			list, all := lists[i], len(lists[i]) < of.Limit
			switch of.Set {
			case setWakes:
				e.wakes.load(list, all)
			case setDue:
				e.due.load(list, all)
			case setUntil:
				e.until.load(list, all)
			default:
				if kind := of.Set[:2]; kind == setTurns || kind == setQueue {
					e.window(of.Set, false).load(list, all)
					continue
				}
				e.members[cmp.Or(of.of, of.Set)] = memberList{list, all}
			}
		}
	}
	if len(need.Docs) == 0 {
		return nil
	}
	slices.Sort(need.Docs)
	need.Docs = slices.Compact(need.Docs)
	found, err := backend.Docs(ctx, need.Docs)
	if err != nil {
		return err
	}
	for _, key := range need.Docs {
		if err := e.supplyDoc(key, found[key]); err != nil {
			return err
		}
	}
	return nil
}
