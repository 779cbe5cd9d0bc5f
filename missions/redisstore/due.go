package redisstore

import (
	"context"
	"slices"
	"time"

	"missioncontrol/missions"
)

// Due implements [missions.Store].
func (s *scripted) Due(ctx context.Context, limit int) (missions.DueResult, error) {
	if err := s.begin(ctx); err != nil {
		return missions.DueResult{}, err
	}
	defer s.calls.Done()
	var result missions.DueResult
	left := limit
	for _, p := range s.partitions {
		answer, err := p.call(ctx, scripts.due, append(s.retryPolicy(nil), max(left, 0))...)
		if err != nil {
			return result, err
		}
		said := items(answer)
		left -= int(number(text(said[0])))
		p.due(said, &result)
	}
	result.More = left <= 0
	return result, nil
}

// due adds what due.lua says to a result.
func (p *oldPartition) due(said []any, result *missions.DueResult) {
	result.StoreNow = moment(text(said[1]))
	if next := moment(text(said[2])); next != 0 && (result.NextDue == 0 || next < result.NextDue) {
		result.NextDue = next
	}
	for _, kind := range texts(said[3]) {
		if !slices.Contains(result.Ready, kind) {
			result.Ready = append(result.Ready, kind)
		}
	}
	stop := texts(said[4])
	for i := 0; i+1 < len(stop); i += 2 {
		result.Stop = append(result.Stop, missions.Stopped{AgentID: stop[i], MissionID: stop[i+1]})
	}
	if p.number == 0 {
		result.Offline = append(result.Offline, texts(said[5])...)
	}
}

// Retain implements [missions.Store].
func (s *scripted) Retain(ctx context.Context, retention time.Duration, limit int) (int, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.calls.Done()
	cutoff, err := s.cutoff(ctx, retention, limit)
	if err != nil {
		return 0, err
	}
	deleted := 0
	for _, p := range s.partitions {
		answer, err := p.call(ctx, scripts.retain, cutoff, limit-deleted)
		if err != nil {
			return deleted, err
		}
		deleted += int(number(text(answer)))
	}
	return deleted, nil
}

// cutoff returns the time by which a mission must have ended to be among the limit
// that ended first, in whatever partition, and long enough ago.
func (s *scripted) cutoff(ctx context.Context, retention time.Duration, limit int) (int64, error) {
	var ended []int64
	cutoff := int64(0)
	for _, p := range s.partitions {
		answer, err := p.call(ctx, scripts.ended, retention.Microseconds(), limit)
		if err != nil {
			return 0, err
		}
		for i, at := range texts(answer) {
			if i == 0 {
				cutoff = max(cutoff, number(at))
			} else {
				ended = append(ended, number(at))
			}
		}
	}
	slices.Sort(ended)
	if limit > 0 && len(ended) > limit {
		cutoff = ended[limit-1]
	}
	return cutoff, nil
}
