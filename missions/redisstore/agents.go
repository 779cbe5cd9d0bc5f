package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"missioncontrol/missions"
)

var agentStates = missions.AgentStates()

// Register implements [missions.Agents]. Every partition hears of the agent; what
// fails halfway is made whole by registering again, as an agent does.
func (s *scripted) Register(ctx context.Context, agent missions.Agent, silence time.Duration) (missions.Agent, error) {
	if agent.Types == nil {
		agent.Types = []string{}
	}
	if agent.Labels == nil {
		agent.Labels = map[string]string{}
	}
	labels, err := json.Marshal(agent.Labels)
	if err != nil {
		return missions.Agent{}, missions.Invalid("labels", "cannot be written")
	}
	answers := make([][]string, len(s.partitions))
	err = s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		answer, err := p.call(ctx, scripts.register, agent.ID, agent.Name, agent.Role, strings.Join(agent.Types, ","),
			agent.Capacity, agent.Version, agent.Host, labels, silence.Microseconds())
		answers[p.number] = texts(answer)
		return err
	})
	if err != nil {
		return missions.Agent{}, err
	}
	agent.State, agent.CPU, agent.MemoryBytes, agent.MissionsRunning = missions.Online, nil, nil, 0
	agent.LastHeartbeat, agent.RegisteredAt = moment(answers[0][0]), moment(answers[0][1])
	for _, answer := range answers {
		agent.MissionsRunning += int(number(answer[2]))
	}
	return agent, nil
}

// Leave implements [missions.Agents].
func (s *scripted) Leave(ctx context.Context, id, reason string) (missions.LeaveResult, error) {
	answers := make([][]any, len(s.partitions))
	err := s.everywhere(ctx, func(ctx context.Context, p *oldPartition) error {
		answer, err := p.call(ctx, scripts.leave, id, reason)
		answers[p.number] = items(answer)
		return err
	})
	if err != nil {
		return missions.LeaveResult{}, err
	}
	if text(answers[0][0]) == "not_found" {
		return missions.LeaveResult{}, missions.NotFound("registered agent", id)
	}
	var result missions.LeaveResult
	for _, answer := range answers {
		if len(answer) > 1 {
			result.GivenBack = append(result.GivenBack, texts(answer[1])...)
		}
	}
	return result, nil
}

// ListAgents implements [missions.Agents].
func (s *scripted) ListAgents(ctx context.Context, f missions.AgentFilter) (missions.AgentPage, error) {
	if err := s.begin(ctx); err != nil {
		return missions.AgentPage{}, err
	}
	defer s.calls.Done()
	state := ""
	if f.State != "" {
		state = strconv.Itoa(slices.Index(agentStates, f.State))
	}
	answer, err := s.partitions[0].call(ctx, scripts.listAgents, state, f.Type, f.Limit, f.Cursor)
	if err != nil {
		return missions.AgentPage{}, err
	}
	said := items(answer)
	page := missions.AgentPage{Agents: []missions.Agent{}, Count: number(text(said[0]))}
	for _, row := range items(said[2]) {
		a, err := hash(items(row)[0]).agent()
		if err != nil {
			return page, broken(err)
		}
		a.MissionsRunning = int(number(text(items(row)[1])))
		page.Agents = append(page.Agents, a)
	}
	if text(said[1]) == "1" {
		page.Next = page.Agents[len(page.Agents)-1].ID
	}
	return page, s.addRunning(ctx, page.Agents)
}

// addRunning adds what agents hold in the other partitions.
func (s *scripted) addRunning(ctx context.Context, agents []missions.Agent) error {
	ids := make([]any, len(agents))
	for i := range agents {
		ids[i] = agents[i].ID
	}
	for _, p := range s.partitions[1:] {
		answer, err := p.call(ctx, scripts.running, ids...)
		if err != nil {
			return err
		}
		for i, n := range texts(answer) {
			agents[i].MissionsRunning += int(number(n))
		}
	}
	return nil
}

func (f fields) agent() (missions.Agent, error) {
	state := number(f["S"])
	if state < 0 || state >= int64(len(agentStates)) {
		return missions.Agent{}, fmt.Errorf("the hash of agent %q is damaged", f["id"])
	}
	a := missions.Agent{
		ID: f["id"], Name: f["n"], Role: f["r"], State: agentStates[state], LastHeartbeat: moment(f["b"]),
		Capacity: int(number(f["c"])), Types: list(f["t"]), Version: f["v"], Host: f["h"], RegisteredAt: moment(f["R"]),
	}
	if err := json.Unmarshal([]byte(f["j"]), &a.Labels); err != nil {
		return a, fmt.Errorf("the labels of agent %q are damaged: %w", a.ID, err)
	}
	if cpu, ok := f["u"]; ok {
		value, err := strconv.ParseFloat(cpu, 64)
		if err != nil {
			return a, fmt.Errorf("the cpu of agent %q is damaged: %w", a.ID, err)
		}
		a.CPU = &value
	}
	if memory, ok := f["m"]; ok {
		value := number(memory)
		a.MemoryBytes = &value
	}
	return a, nil
}
