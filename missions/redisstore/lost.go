package redisstore

import (
	"context"
	"slices"

	"missioncontrol/missions"
)

// Now implements [missions.Store]: the clock is that of partition 0, where agents are
// at home.
func (s *scripted) Now(ctx context.Context) (missions.Time, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.calls.Done()
	answer, err := s.partitions[0].call(ctx, scripts.now)
	if err != nil {
		return 0, err
	}
	return moment(text(answer)), nil
}

// Lost implements [missions.Agents]. Each partition looks for itself whether it has
// heard of the agent, by its own clock: the nodes' differ by what NTP leaves.
func (s *scripted) Lost(ctx context.Context, id, reason string, since missions.Time) (missions.LostResult, error) {
	answers := make([][]any, len(s.partitions))
	err := s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		answer, err := p.call(ctx, scripts.lost, id, reason, int64(since))
		answers[p.number] = items(answer)
		return err
	})
	if err != nil {
		return missions.LostResult{}, err
	}
	if text(answers[0][0]) == "not_found" {
		return missions.LostResult{}, missions.NotFound("registered agent", id)
	}
	var result missions.LostResult
	for number, answer := range answers {
		if text(answer[0]) != "ok" {
			continue
		}
		result.Gone = result.Gone || number == 0 && text(answer[1]) == "1"
		for _, kind := range texts(answer[2]) {
			if !slices.Contains(result.Ready, kind) {
				result.Ready = append(result.Ready, kind)
			}
		}
		for _, mission := range texts(answer[3]) {
			result.Stop = append(result.Stop, missions.Stopped{AgentID: id, MissionID: mission})
		}
	}
	return result, nil
}

// SteadyDurations implements [missions.Store]: Redis' clock counts, and it can be set.
func (s *scripted) SteadyDurations() bool { return false }
