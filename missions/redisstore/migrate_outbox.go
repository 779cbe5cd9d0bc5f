package redisstore

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// eventsAnEntry is how many events an entry gets at most.
const eventsAnEntry = 16

// oldOutbox reads the outbox of a partition.
type oldOutbox struct {
	part  *oldPart
	after int64 // up to here, everything was read
	ended bool
	next  []*missions.Event
}

// fill reads on unless there is a next event; without one, the outbox is at its end.
func (o *oldOutbox) fill(ctx context.Context, m *migration) error {
	for len(o.next) == 0 && !o.ended {
		// A client's XRange drops all but one of the fields with the same name.
		answer, err := m.client.Do(ctx, "XRANGE", o.part.key("o"), decimal(o.after+1)+"-0", "+", "COUNT", m.most.entries).Slice()
		if err != nil {
			return err
		}
		for _, entry := range answer {
			if err := o.read(entry); err != nil {
				return err
			}
		}
		o.ended = int64(len(answer)) < m.most.entries
	}
	return nil
}

// read reads an entry: its id is the position of its last event.
func (o *oldOutbox) read(entry any) error {
	said := items(entry)
	if len(said) != 2 {
		return errOldDamaged
	}
	id, _, _ := strings.Cut(text(said[0]), "-")
	fields, last := texts(said[1]), number(id)
	for i := 1; i < len(fields); i += 2 {
		position := last - int64(len(fields)-1-i)/2
		if position <= o.after {
			continue
		}
		e, err := readOldEvent(o.part.outbox, position, fields[i])
		if err != nil {
			return err
		}
		o.next = append(o.next, e)
	}
	o.after = last
	return nil
}

// shareOutbox writes the outbox and the marks. With one partition, positions stay as they are.
// Otherwise, what waits in all outboxes is put behind the position that partition 0's has reached,
// in the order of time. IDs of events stay as they are, so that the stream has none of them twice;
// notices keep their positions, which no later event gets.
func (m *migration) shareOutbox(ctx context.Context) error {
	outboxes := make([]*oldOutbox, len(m.partitions))
	var token, seq int64
	for i, part := range m.partitions {
		outboxes[i] = &oldOutbox{part: part, after: part.state.acknowledged}
		seq = max(seq, part.state.seq)
		token = max(token, part.state.leases*int64(len(m.partitions))+int64(i))
	}
	home := m.partitions[0].state
	marks := []any{"token", token, "seq", seq}
	if len(m.partitions) == 1 {
		outboxes[0].after = home.forgotten // the stream may lose what it has acknowledged
		if err := m.copyOutbox(ctx, outboxes[0]); err != nil {
			return err
		}
		marks = append(marks, "outbox", home.position, "acknowledged", home.acknowledged, "forgotten", home.forgotten)
	} else {
		last, err := m.mergeOutboxes(ctx, outboxes, home.position)
		if err != nil {
			return err
		}
		// The relay's mark tells of another outbox.
		marks = append(marks, "outbox", last, "acknowledged", home.position, "forgotten", home.position, "mark", "")
	}
	return m.setFields(ctx, "meta", marks)
}

// copyOutbox writes the events of an outbox at their positions.
func (m *migration) copyOutbox(ctx context.Context, o *oldOutbox) error {
	for {
		if err := o.fill(ctx, m); err != nil || len(o.next) == 0 {
			return err
		}
		n := 1 // an entry holds events in a row
		for n < min(len(o.next), eventsAnEntry) && o.next[n].Seq == o.next[n-1].Seq+1 {
			n++
		}
		if err := m.appendEvents(ctx, o.next[:n], o.next[n-1].Seq); err != nil {
			return err
		}
		o.next = o.next[n:]
	}
}

// mergeOutboxes writes the events of several outboxes behind a position, the oldest first, and
// returns the position of the last one.
func (m *migration) mergeOutboxes(ctx context.Context, outboxes []*oldOutbox, position int64) (last int64, err error) {
	var some []*missions.Event
	for {
		var first *oldOutbox
		for _, o := range outboxes {
			if err := o.fill(ctx, m); err != nil {
				return 0, err
			}
			if len(o.next) > 0 && (first == nil || o.next[0].At < first.next[0].At) {
				first = o
			}
		}
		if len(some) == eventsAnEntry || first == nil {
			if err := m.appendEvents(ctx, some, position); err != nil {
				return 0, err
			}
			some = some[:0]
		}
		if first == nil {
			return position, nil
		}
		position++
		some, first.next = append(some, first.next[0]), first.next[1:]
	}
}

// appendEvents appends an entry to the new outbox.
func (m *migration) appendEvents(ctx context.Context, events []*missions.Event, last int64) error {
	if len(events) == 0 {
		return nil
	}
	return m.write(ctx, 0, func(p redis.Pipeliner) {
		p.XAdd(ctx, &redis.XAddArgs{Stream: m.partitions[0].key("migrating:o"), ID: decimal(last) + "-0",
			Values: []any{"n", len(events), "e", engine.EncodeEvents(events)}})
	})
}
