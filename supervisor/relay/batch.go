package relay

import (
	"context"
	"strconv"
	"time"

	"missioncontrol/charter"
	"missioncontrol/missions"
)

// batch is a part of the relay's sequence.
type batch struct {
	events   []charter.Event
	origins  []Origin // of the events
	outboxes int
	since    time.Time // when it was first sent, or shortly before
}

// Origin is where an event comes from.
type Origin struct {
	outbox   int
	position int64
	Entry    *missions.Event
}

// take makes a batch of the next events of the outboxes. Each outbox gets an equal
// share, and leaves what it does not need to the outboxes after it. Each time another
// outbox is first, so that all are treated equally.
func (r *Relay) take(ctx context.Context) (*batch, error) {
	n := len(r.outboxes)
	b := &batch{outboxes: n, since: time.Now()}
	sent := append([]int64(nil), r.sent...)
	for k := range n {
		i := (r.first + k) % n
		part := (batchSize - len(b.events)) / (n - k)
		pending, err := r.outboxes[i].Pending(ctx, sent[i], max(part, 1))
		if err != nil {
			return nil, err
		}
		meta, err := newMetaTemplate(r.outboxes[i].Identity())
		if err != nil {
			return nil, err
		}
		var positions func([]byte, int64) []byte
		if n > 1 {
			positions = func(dst []byte, position int64) []byte {
				sent[i] = position
				return r.appendPositions(dst, sent)
			}
		}
		events, err := meta.envelopes(pending, positions)
		if err != nil {
			return nil, err
		}
		for j := range events {
			sent[i] = pending[j].Seq
			b.origins = append(b.origins, Origin{i, pending[j].Seq, &pending[j]})
		}
		b.events = append(b.events, events...)
	}
	r.sent, r.first = sent, (r.first+1)%n
	return b, nil
}

// appendPositions encodes how far the outboxes have come.
func (r *Relay) appendPositions(b []byte, sent []int64) []byte {
	b = append(b, '{')
	for i, position := range sent {
		if position == 0 {
			continue // none of its events are known to have been sent
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = strconv.AppendQuote(b, r.outboxes[i].Identity())
		b = append(b, ':')
		b = strconv.AppendInt(b, position, 10)
	}
	return append(b, '}')
}

// reached returns for each outbox the position of its last event among the first n, or
// 0 if it has none there.
func (b *batch) reached(n int) []int64 {
	positions := make([]int64, b.outboxes)
	for _, from := range b.origins[:n] {
		positions[from.outbox] = from.position
	}
	return positions
}

// rest returns the batch without its first n events.
func (b *batch) rest(n int) *batch {
	return &batch{events: b.events[n:], origins: b.origins[n:], outboxes: b.outboxes, since: b.since}
}
