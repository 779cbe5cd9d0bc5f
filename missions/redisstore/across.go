package redisstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"missioncontrol/missions"
)

// claimAcross claims from several partitions: it looks at the heads of all queues
// in one round trip and takes the best of them in the next.
func (s *scripted) claimAcross(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	first, err := s.peek(ctx, batch)
	if err != nil {
		return nil, err
	}
	parts := make([][]missions.ClaimResult, len(s.partitions))
	asks, more := s.plan(batch, first)
	err = s.inEach(func(p *oldPartition) (err error) {
		parts[p.number], err = claimIn(ctx, p, asks[p.number])
		return err
	})
	if err != nil && !anyGiven(parts) {
		return nil, err
	}
	results := make([]missions.ClaimResult, len(batch))
	for i := range results {
		results[i] = merge(parts, i)
		results[i].More = more[i]
	}
	return results, nil
}

// inEach does something in each partition, all at once, within a call under way.
func (s *scripted) inEach(do func(*oldPartition) error) error {
	errs := make(chan error, len(s.partitions))
	for _, p := range s.partitions {
		go func() { errs <- do(p) }()
	}
	var first error
	for range s.partitions {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func anyGiven(parts [][]missions.ClaimResult) bool {
	return slices.ContainsFunc(parts, func(part []missions.ClaimResult) bool {
		return slices.ContainsFunc(part, func(r missions.ClaimResult) bool { return len(r.Missions) > 0 })
	})
}

// headOf is one claimable mission as peek.lua tells of it.
type headOf struct {
	rank, seq int64
	bytes     int
	partition int
}

// heads are the claimable missions that come first in all partitions, best first,
// by type; and the types that each request looks for.
type heads struct {
	byType map[string][]headOf
	wanted [][]string
}

// peek looks at the heads of the queues in all partitions. A partition that does
// not answer has none, unless none answers.
func (s *scripted) peek(ctx context.Context, batch []missions.ClaimRequest) (heads, error) {
	args, most := make([]any, 1, 1+2*len(batch)), 0
	for i := range batch {
		args = append(args, batch[i].AgentID, strings.Join(batch[i].Types, ","))
		most += max(batch[i].Max, 0)
	}
	args[0] = min(most, missions.MaxBatch)
	answers := make([][]any, len(s.partitions))
	err := s.inEach(func(p *oldPartition) error {
		answer, err := p.call(ctx, scripts.peek, args...)
		answers[p.number] = items(answer)
		return err
	})
	all := heads{byType: map[string][]headOf{}, wanted: make([][]string, len(batch))}
	reached := false
	for place, answer := range answers {
		if answer == nil {
			continue
		}
		reached = true
		all.add(place, answer)
	}
	if !reached {
		return all, err
	}
	for _, list := range all.byType {
		slices.SortFunc(list, better)
	}
	return all, nil
}

func better(a, b headOf) int { return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.seq, b.seq)) }

// add reads what peek.lua says of one partition.
func (h *heads) add(place int, answer []any) {
	for i, types := range texts(answer[0]) {
		if types != "" {
			h.wanted[i] = list(types)
		}
	}
	rows := items(answer[1])
	for i := 0; i+1 < len(rows); i += 2 {
		kind, row := text(rows[i]), texts(rows[i+1])
		for j := 0; j+2 < len(row); j += 3 {
			h.byType[kind] = append(h.byType[kind], headOf{number(row[j]), number(row[j+1]), int(number(row[j+2])), place})
		}
	}
}

// next returns the best mission of some types, and the type to take it from; none
// when there is no more.
func (h *heads) next(types []string) (best headOf, from string) {
	for _, kind := range types {
		if list := h.byType[kind]; len(list) > 0 && (from == "" || better(list[0], best) < 0) {
			best, from = list[0], kind
		}
	}
	return best, from
}

// plan shares each request out over the partitions that hold the best missions for
// it. Every partition is asked, if for nothing, so that each hears of the agent.
func (s *scripted) plan(batch []missions.ClaimRequest, h heads) (asks [][]missions.ClaimRequest, more []bool) {
	asks, more = make([][]missions.ClaimRequest, len(s.partitions)), make([]bool, len(batch))
	for i, q := range batch {
		shares, bytes := make([]int, len(s.partitions)), 0
		for count := 0; count < q.Max; count++ {
			best, from := h.next(h.wanted[i])
			if from == "" {
				break
			}
			if bytes += best.bytes + besidesData; q.MaxBytes > 0 && bytes > q.MaxBytes && count > 0 {
				more[i] = true
				break
			}
			h.byType[from] = h.byType[from][1:]
			shares[best.partition]++
		}
		q.MaxBytes = 0
		for place := range asks {
			q.Max = shares[place]
			asks[place] = append(asks[place], q)
		}
	}
	return asks, more
}

// besidesData is more than a mission has on the wire beside its data, but for a
// long description.
const besidesData = 8 << 10

// merge puts together what the partitions gave for one request. Where some gave
// missions, another one's refusal does not count: they must reach the agent.
func merge(parts [][]missions.ClaimResult, i int) (r missions.ClaimResult) {
	r.Missions = []missions.Mission{}
	for _, part := range parts {
		if part == nil {
			continue
		}
		if part[i].Err != nil {
			r.Err = part[i].Err
			continue
		}
		r.Missions, r.Types = append(r.Missions, part[i].Missions...), part[i].Types
	}
	if len(r.Missions) > 0 {
		r.Err = nil
	}
	slices.SortFunc(r.Missions, func(a, b missions.Mission) int {
		return cmp.Or(cmp.Compare(b.Priority.Rank(), a.Priority.Rank()), cmp.Compare(a.CreatedAt, b.CreatedAt))
	})
	return r
}
