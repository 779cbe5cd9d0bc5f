package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const (
	// replyHead is what a reply has beside its missions: names of fields and a cursor.
	replyHead = 256

	// claimedExtra is how much a mission may grow when it is claimed: its agent, its lease
	// and times.
	claimedExtra = 512

	// escaped is how many bytes a byte of text has in JSON at most.
	escaped = 6
)

// room returns how many bytes of missions fit into a reply; 0 for no limit. It leaves space
// for what is only estimated.
func (s *Service) room() int {
	limit := s.cfg.ReplyLimit()
	return max(limit/2, limit-16<<10)
}

// fits reports whether a reply to a claim can carry a new mission. If the limit is not known,
// because no broker has been connected yet, it does.
func (s *Service) fits(m *missions.Mission) error {
	limit := s.cfg.ReplyLimit()
	claimed := asClaimed(m)
	if limit <= 0 || sizeAtMost(claimed)+replyHead <= limit {
		return nil
	}
	size, err := sizeOf(claimed)
	if err == nil && size+replyHead+claimedExtra > limit {
		err = missions.TooLarge("mission", "has %d bytes, and no reply could carry it to an agent: the broker's max_payload is %d; make its data smaller, or raise max_payload", size, limit)
	}
	return err
}

// asClaimed returns a new mission with the conditions that it has once it is claimed.
func asClaimed(m *missions.Mission) *missions.Mission {
	if m.Flow == nil || len(m.After) == 0 {
		return m
	}
	claimed, flow := *m, *m.Flow
	claimed.Flow = &flow
	for _, c := range m.After {
		flow.WaitedFor = append(flow.WaitedFor, missions.Wait{Condition: c, Met: true, Status: missions.Completed})
	}
	return &claimed
}

// sizeOf returns the size of a mission in a reply.
func sizeOf(m *missions.Mission) (int, error) {
	body, err := api.Encode(m)
	return len(body), err
}

// sizeAtMost returns an upper bound of sizeOf that costs little.
func sizeAtMost(m *missions.Mission) int {
	text := len(m.ID) + len(m.Name) + len(m.Description) + len(m.Type) + len(m.CorrelationID) + len(m.Traceparent) +
		len(m.AgentID) + len(m.Error)
	if m.Progress != nil {
		text += len(m.Progress.Message)
	}
	for _, tag := range m.Tags {
		text += len(tag) + 1
	}
	const fields = 1 << 10 // names, numbers and times
	return len(m.Data) + len(m.Result) + escaped*text + fields + claimedExtra + flowAtMost(m)
}

// flowAtMost is sizeAtMost of what a mission waits for, keeps and is told.
func flowAtMost(m *missions.Mission) int {
	size := len(m.Checkpoint)
	f := m.Flow
	if f == nil {
		return size
	}
	const each = 512 // names, numbers and ids
	size += 4*each + each*(len(f.WaitingFor)+len(f.WaitedFor)+len(f.Signals)+len(f.Inputs))
	for wait := range waitsOf(f) {
		size += escaped * len(wait.Prompt)
		for _, choice := range wait.Choices {
			size += escaped*len(choice) + 3
		}
	}
	for i := range f.Signals {
		size += len(f.Signals[i].Data) + escaped*len(f.Signals[i].By)
	}
	for _, input := range f.Inputs {
		size += len(input.Result)
	}
	return size
}

// carry returns those of the missions of a claim that one reply can carry. A mission that no
// reply can carry fails once and for all: handed out again and again, it would use up its
// attempts, and nobody would know why. Missions that do not fit beside others go back.
func (s *Service) carry(ctx context.Context, agentID string, claimed []missions.Mission) ([]missions.Mission, error) {
	limit := s.cfg.ReplyLimit() - replyHead
	most := 0
	for i := range claimed {
		most += sizeAtMost(&claimed[i])
	}
	if limit+replyHead <= 0 || most <= limit {
		return claimed, nil
	}
	var fitting []missions.Mission
	var ends []missions.Finish
	used := 0
	for _, m := range claimed {
		size, err := shorten(&m, limit)
		if err != nil {
			return nil, err
		}
		end := missions.Finish{AgentID: agentID, LeaseRef: missions.LeaseRef{MissionID: m.ID, Lease: m.Lease}, Outcome: missions.OutcomeRelease}
		switch {
		case size > limit:
			end.Outcome = missions.OutcomeFail
			end.Error = fmt.Sprintf("the mission has %d bytes, and no reply can carry it to an agent: the broker's max_payload is %d; raise it, and retry the mission", size, limit+replyHead)
			ends = append(ends, end)
		case used+size > limit:
			ends = append(ends, end)
		default:
			used += size
			fitting = append(fitting, m)
		}
	}
	if len(ends) == 0 {
		return fitting, nil
	}
	return fitting, s.giveUp(ctx, ends)
}

// shorten leaves out of a claimed mission what its agent can do without or ask for, until it
// fits, and returns its size.
func shorten(m *missions.Mission, limit int) (size int, err error) {
	size, err = sizeOf(m)
	if err == nil && size > limit && m.Error != "" { // of an earlier attempt
		m.Error, m.Trimmed = "", append(m.Trimmed, "error")
		size, err = sizeOf(m)
	}
	if err != nil || size <= limit || m.Flow == nil {
		return size, err
	}
	flow := *m.Flow
	m.Flow = &flow
	if excess := size - limit + len(`,"trimmed":["inputs"]`); hasResults(flow.Inputs) {
		flow.Inputs = withoutLargest(flow.Inputs, excess)
		m.Trimmed = append(m.Trimmed, "inputs")
		size, err = sizeOf(m)
	}
	if err == nil && size > limit && len(flow.Signals) > 0 {
		flow.Signals = slices.Clone(flow.Signals)
		for i := range flow.Signals {
			flow.Signals[i].Data = nil
		}
		m.Trimmed = append(m.Trimmed, "signals")
		size, err = sizeOf(m)
	}
	return size, err
}

// hasResults reports whether any input has a result.
func hasResults(inputs map[string]missions.Input) bool {
	for _, input := range inputs {
		if len(input.Result) > len("null") {
			return true
		}
	}
	return false
}

// withoutLargest leaves out the largest results of inputs, of which there are more bytes than
// fit.
func withoutLargest(inputs map[string]missions.Input, excess int) map[string]missions.Input {
	inputs = maps.Clone(inputs)
	sources := slices.SortedFunc(maps.Keys(inputs), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(inputs[b].Result), len(inputs[a].Result)), cmp.Compare(a, b))
	})
	for _, source := range sources {
		input := inputs[source]
		if excess <= 0 || len(input.Result) <= len("null") {
			break
		}
		excess -= len(input.Result) - len("null")
		input.Result = nil
		inputs[source] = input
	}
	return inputs
}

// giveUp ends attempts that no agent has begun.
func (s *Service) giveUp(ctx context.Context, ends []missions.Finish) error {
	ended, err := s.cfg.Store.Finish(context.WithoutCancel(ctx), ends)
	if err != nil {
		return err
	}
	for i := range ended {
		if ended[i].Err != nil {
			continue // the lease has ended meanwhile
		}
		if ended[i].Mission.Status.Terminal() {
			s.log.Warn("a mission failed because no reply can carry it", "mission", ends[i].MissionID, "reason", ends[i].Error)
		}
		s.finished(&ended[i].Mission)
	}
	s.outboxGrew()
	return nil
}
