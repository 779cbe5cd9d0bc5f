package redisstore

import (
	"context"
	"slices"
	"time"

	"missioncontrol/missions"
)

// Lost implements [missions.Agents]. Each partition looks for itself whether it has
// heard of the agent.
func (s *Store) Lost(ctx context.Context, id, reason string, silence time.Duration) (missions.LostResult, error) {
	answers := make([][]any, len(s.partitions))
	err := s.everywhere(ctx, func(ctx context.Context, p *partition) error {
		answer, err := p.call(ctx, scripts.lost, id, reason, silence.Microseconds())
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
