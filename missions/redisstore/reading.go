package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// What follows reads in one partition. See partitions.go for what reads in several.

func (p *partition) records(ctx context.Context, ids []string) (found []*engine.Record, err error) {
	if len(ids) == 0 { // somebody wants to know whether Redis answers
		_, err := p.run(ctx, scripts.records, 0)
		return nil, err
	}
	for len(ids) > 0 {
		args := []any{recordsBytes}
		for _, id := range ids[:min(len(ids), missions.MaxBatch)] {
			args = append(args, id)
		}
		answer, err := p.run(ctx, scripts.records, args...)
		if err != nil {
			return nil, err
		}
		for _, item := range items(answer) {
			if said := texts(item); len(said) > 0 {
				r, err := recordOf(said)
				if err != nil {
					return nil, p.damaged(err)
				}
				found = append(found, r)
			}
		}
		ids = ids[max(1, len(items(answer))):]
	}
	return found, ctx.Err()
}

// recordsBytes is about how many bytes of missions a script answers: Redis does nothing else
// meanwhile.
const recordsBytes = 4 << 20

// recordOf reads a mission as lua/stored.lua answers it.
func recordOf(said []string) (*engine.Record, error) {
	id, lease := said[0], said[2]
	conditions, checkpoint := "", ""
	if len(said) > 6 {
		conditions, checkpoint = said[5], said[6]
	}
	r, err := readMission(id, said[1], said[3], said[4], conditions, checkpoint)
	if err == nil && lease != "" {
		var l engine.Lease
		l, err = readLease(id, lease)
		r.LeaseExpiresAt = l.ExpiresAt
	}
	return r, err
}

// besides is more than a record has on the wire beside its text.
const besides = 1024

func (p *partition) queue(ctx context.Context, missionType string, limit int) (heads []engine.Head, err error) {
	answer, err := p.run(ctx, scripts.queue, missionType, limit)
	if err != nil {
		return nil, err
	}
	said := texts(answer)
	for i := 0; i+3 < len(said); i += 4 {
		heads = append(heads, engine.Head{Rank: int(number(said[i])), Seq: number(said[i+1]), ID: said[i+2], Size: besides + int(number(said[i+3]))})
	}
	return heads, nil
}

func (p *partition) planned(ctx context.Context, limit int) (planned []engine.Planned, err error) {
	answer, err := p.run(ctx, scripts.planned, limit)
	if err != nil {
		return nil, err
	}
	said := texts(answer)
	for i := 0; i+1 < len(said); i += 2 {
		seq, id, _ := strings.Cut(said[i], ":")
		planned = append(planned, engine.Planned{At: score(said[i+1]), Seq: number(seq), ID: id})
	}
	return planned, nil
}

// score reads the time by which a mission stands in a sorted set: 0 for what is none.
func score(text string) missions.Time {
	at, _ := strconv.ParseFloat(text, 64) // large ones have an exponent
	return missions.Time(at)
}

// endedMission is a terminal mission.
type endedMission struct {
	id string
	at missions.Time
}

func (p *partition) ended(ctx context.Context, upTo missions.Time, limit int) (ended []endedMission, err error) {
	answer, err := p.run(ctx, scripts.ended, int64(upTo), limit)
	if err != nil {
		return nil, err
	}
	said := texts(answer)
	for i := 0; i+1 < len(said); i += 2 {
		ended = append(ended, endedMission{said[i], score(said[i+1])})
	}
	return ended, nil
}

func (p *partition) entriesOf(ctx context.Context, id string, after int64, limit int) (page missions.LogPage, err error) {
	after = max(after, 0)
	// The creation is the first entry, and one more than asked for tells whether there is more.
	answer, err := p.run(ctx, scripts.log, id, max(after-1, 0), after+int64(limit)-1)
	if err != nil {
		return page, err
	}
	said := items(answer)
	if len(said) == 0 {
		return page, missions.NotFound("mission", id)
	}
	page.Entries = []missions.LogEntry{}
	if after == 0 {
		page.Entries = append(page.Entries, missions.CreatedEntry(moment(text(said[0]))))
	}
	for _, text := range texts(said[1]) {
		entry, err := readLine(text)
		if err != nil {
			return page, p.damaged(fmt.Errorf("the log of mission %q: %w", id, err))
		}
		page.Entries = append(page.Entries, entry)
	}
	if len(page.Entries) > limit {
		page.Entries = page.Entries[:limit]
		page.Next = after + int64(limit)
	}
	return page, nil
}

// Pending implements [engine.Backend].
func (b *Backend) Pending(ctx context.Context, after int64, limit int) (events []missions.Event, err error) {
	for len(events) < limit {
		answer, err := b.run(ctx, scripts.outbox, after, limit-len(events))
		if err != nil {
			return nil, err
		}
		said := items(answer)
		after = max(after, number(text(said[0])))
		if events == nil {
			events = make([]missions.Event, 0, min(limit+eventsAtOnce, 16*len(said)))
		}
		b.called(text(said[1]))
		for _, item := range said[2:] {
			entry := texts(item)
			some, err := engine.DecodeEvents([]byte(entry[1]))
			if err != nil {
				return nil, b.damaged(fmt.Errorf("the outbox's entry %s: %w", entry[0], err))
			}
			last := number(entry[0])
			for i := range some {
				some[i].Seq = last - int64(len(some)-1-i)
			}
			events = append(events, some[max(0, len(some)-int(last-after)):]...)
			after = max(after, last)
		}
		if len(said) == 2 {
			break
		}
	}
	if len(events) == 0 {
		return nil, nil
	}
	return events[:min(limit, len(events))], nil
}

// Notices implements [engine.Backend].
func (b *Backend) Notices(ctx context.Context, limit int) (events []missions.Event, err error) {
	all, err := b.connection.client.HGetAll(ctx, b.key("notices")).Result()
	if err != nil {
		return nil, b.refused(ctx, "notices", err)
	}
	for position, encoded := range all {
		some, err := engine.DecodeEvents([]byte(encoded))
		if err != nil || len(some) != 1 {
			return nil, b.damaged(fmt.Errorf("the notice %s: %w", position, err))
		}
		some[0].Seq = number(position)
		events = append(events, some[0])
	}
	slices.SortFunc(events, func(a, b missions.Event) int { return int(a.Seq - b.Seq) })
	return events[:min(limit, len(events))], nil
}

func (p *partition) oldest(ctx context.Context, missionType string) (missions.Time, error) {
	answer, err := p.run(ctx, scripts.oldest, missionType)
	return moment(text(answer)), err
}

// front is the first claimable mission of a type and priority.
type front struct {
	seq     int64
	readyAt missions.Time
}

// fronts returns the front of each type, by the rank of its priority.
func (p *partition) fronts(ctx context.Context, types []string) (map[string]map[int]front, error) {
	fronts := map[string]map[int]front{}
	for some := range slices.Chunk(types, missions.MaxBatch) {
		args := make([]any, len(some))
		for i := range some {
			args[i] = some[i]
		}
		answer, err := p.run(ctx, scripts.fronts, args...)
		if err != nil {
			return nil, err
		}
		for i, item := range items(answer) {
			for _, record := range texts(item) {
				r, err := readHeadOf("", record)
				if err != nil {
					return nil, p.damaged(err)
				}
				if fronts[some[i]] == nil {
					fronts[some[i]] = map[int]front{}
				}
				fronts[some[i]][r.Priority.Rank()] = front{r.Seq, r.ReadyAt}
			}
		}
	}
	return fronts, ctx.Err()
}

// Points implements [engine.Backend].
func (b *Backend) Points(ctx context.Context, series engine.Series, missionType string, from int64) (map[int64]engine.Point, error) {
	answer, err := b.run(ctx, scripts.points, int(series), missionType, from)
	if err != nil {
		return nil, err
	}
	said := texts(answer)
	points := make(map[int64]engine.Point, len(said)/2)
	for i := 0; i+1 < len(said); i += 2 {
		if points[number(said[i])], err = engine.DecodePoint([]byte(said[i+1])); err != nil {
			return nil, b.damaged(fmt.Errorf("a point of %q: %w", missionType, err))
		}
	}
	return points, nil
}
