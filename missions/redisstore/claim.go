package redisstore

import (
	"context"
	"fmt"
	"strings"

	"missioncontrol/missions"
)

// Claim implements [missions.Leases].
func (s *scripted) Claim(ctx context.Context, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.calls.Done()
	if len(batch) == 0 {
		return []missions.ClaimResult{}, nil
	}
	if len(s.partitions) > 1 {
		return s.claimAcross(ctx, batch)
	}
	return claimIn(ctx, s.partitions[0], batch)
}

func claimIn(ctx context.Context, p *oldPartition, batch []missions.ClaimRequest) ([]missions.ClaimResult, error) {
	answer, err := p.call(ctx, scripts.claim, appendClaims(nil, batch)...)
	if err != nil {
		return nil, err
	}
	return allClaimed(batch, answer)
}

// appendClaims appends what claim.lua is given.
func appendClaims(args []any, batch []missions.ClaimRequest) []any {
	for i := range batch {
		q := &batch[i]
		alive := ""
		if q.Alive {
			alive = "1"
		}
		args = append(args, q.AgentID, strings.Join(q.Types, ","), max(q.Max, 0), q.MaxBytes, q.Lease.Microseconds(), alive)
	}
	return args
}

// allClaimed reads what claim.lua answers.
func allClaimed(batch []missions.ClaimRequest, answer any) (results []missions.ClaimResult, err error) {
	results = make([]missions.ClaimResult, len(batch))
	for i, item := range items(answer) {
		if results[i], err = claimed(items(item), batch[i].AgentID); err != nil {
			return nil, broken(err)
		}
	}
	return results, nil
}

// claimed reads what claim.lua says of one request.
func claimed(answer []any, agent string) (r missions.ClaimResult, err error) {
	switch verdict := text(answer[0]); verdict {
	case "ok":
	case "not_found":
		r.Err = missions.NotFound("registered agent", agent)
		return r, nil
	case "left":
		r.Err = missions.Conflict("agent %q has left; it must register to come back", agent)
		return r, nil
	case "draining":
		r.Err = missions.Conflict("agent %q is draining and takes no more missions", agent)
		return r, nil
	default:
		return r, fmt.Errorf("a script returned %q for agent %q", verdict, agent)
	}
	r.Types, r.More = list(text(answer[1])), text(answer[2]) == "1"
	taken := items(answer[3])
	r.Missions = make([]missions.Mission, len(taken))
	for i := range taken {
		if r.Missions[i], err = given(taken[i]); err != nil {
			return r, err
		}
	}
	return r, nil
}
