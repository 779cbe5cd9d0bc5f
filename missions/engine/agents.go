package engine

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"missioncontrol/missions"
)

// editAgent returns an agent for changes.
func (e *Engine) editAgent(id string) *Agent {
	fork := *e.agents[id]
	e.agents[id] = &fork
	e.agentChanged[id] = true
	return &fork
}

// Register adds an agent or updates it. See [missions.Agents].
func (e *Engine) Register(agent missions.Agent, silence time.Duration) missions.Agent {
	old := e.agents[agent.ID]
	a := &Agent{Agent: agent, Silence: silence, ChangedAt: e.now}
	if a.Types == nil {
		a.Types = []string{}
	}
	if a.Labels == nil {
		a.Labels = map[string]string{}
	}
	a.State, a.LastHeartbeat, a.RegisteredAt = missions.Online, e.now, e.now
	if old != nil {
		a.RegisteredAt = old.RegisteredAt
	}
	if e.agents[agent.ID] = a; old == nil {
		e.agentIDs = nil
	}
	e.followAgent(a.ID)
	e.agentChanged[agent.ID] = true
	e.silent.set(agent.ID, a.due())
	if old != nil && old.State != missions.Offline {
		e.totals("").Slots += int64(a.Capacity - old.Capacity)
	} else {
		e.arrived(a, "registered")
	}
	return e.outputAgent(a)
}

// signOfLife notes that an agent was heard of. a is for changes.
func (e *Engine) signOfLife(a *Agent, reason string) {
	was := a.State
	if was == missions.Offline {
		a.State = missions.Online
		e.followAgent(a.ID)
	}
	a.LastHeartbeat, a.ChangedAt = e.now, e.now
	e.silent.set(a.ID, a.due())
	if was == missions.Offline {
		e.arrived(a, reason)
	}
}

// drains sets whether an agent drains. An agent that is offline comes back first.
func (e *Engine) drains(a *Agent, draining bool) {
	if a.State == missions.Offline {
		e.signOfLife(a, "heartbeats resumed")
	}
	was := a.State
	if a.State = missions.Online; draining {
		a.State = missions.Draining
	}
	if a.State != was {
		e.followAgent(a.ID)
	}
}

func (e *Engine) arrived(a *Agent, reason string) {
	all := e.totals("")
	all.Agents++
	all.Slots += int64(a.Capacity)
	e.emit(agentEvent(missions.EventAgentOnline, a, reason))
}

func agentEvent(kind missions.EventKind, a *Agent, reason string) missions.Event {
	return missions.Event{Kind: kind, AgentID: a.ID, Name: a.Name, Role: a.Role, Types: slices.Clone(a.Types), Reason: reason}
}

// departed marks an agent offline that is not. a is for changes.
func (e *Engine) departed(a *Agent, left bool, reason string) {
	all := e.totals("")
	all.Agents--
	all.Slots -= int64(a.Capacity)
	a.State, a.Left, a.ChangedAt = missions.Offline, left, e.now
	e.followAgent(a.ID)
	e.silent.set(a.ID, 0)
	e.emit(agentEvent(missions.EventAgentOffline, a, reason))
}

// Leave marks an agent offline. See [missions.Agents]. It needs the missions that the agent
// holds.
func (e *Engine) Leave(id, reason string) (missions.LeaveResult, error) {
	if e.agents[id] == nil {
		return missions.LeaveResult{}, missions.NotFound("registered agent", id)
	}
	var result missions.LeaveResult
	for _, l := range e.heldBy(id) {
		r := e.heldRecord(l)
		if r == nil {
			continue
		}
		uncount(r)
		e.giveBack(r, fmt.Sprintf("agent %s left", id), e.now)
		result.GivenBack = append(result.GivenBack, r.Type)
	}
	a := e.editAgent(id)
	if a.State == missions.Offline {
		a.Left = true
		return result, nil
	}
	e.departed(a, true, reason)
	result.Ready = e.takeAnnounced(nil)
	return result, nil
}

// Lost marks an agent offline that ended without leaving. See [missions.Agents]. It needs
// the missions that the agent holds.
func (e *Engine) Lost(id, reason string, since missions.Time) (missions.LostResult, error) {
	a := e.agents[id]
	if a == nil {
		return missions.LostResult{}, missions.NotFound("registered agent", id)
	}
	if a.LastHeartbeat > since {
		return missions.LostResult{}, nil
	}
	taken := takenBack{engine: e}
	for _, l := range e.heldBy(id) {
		taken.end(l, func(r *Record) { e.attemptLost(r, fmt.Sprintf("agent %s is gone: %s", id, reason)) })
	}
	result := missions.LostResult{Ready: taken.ready, Stop: taken.stop}
	if a.State != missions.Offline {
		result.Gone = true
		e.departed(e.editAgent(id), false, reason)
		result.Ready = e.takeAnnounced(result.Ready)
	}
	return result, nil
}

// outputAgent returns an agent as callers see it.
func (e *Engine) outputAgent(a *Agent) missions.Agent {
	out := a.Agent
	out.MissionsRunning = len(e.held[a.ID])
	out.Types, out.Labels = slices.Clone(a.Types), maps.Clone(a.Labels)
	return out
}

// sortedAgents returns the ids of all agents, in order.
func (e *Engine) sortedAgents() []string {
	if e.agentIDs == nil {
		e.agentIDs = slices.Sorted(maps.Keys(e.agents))
	}
	return e.agentIDs
}

// ListAgents returns agents. See [missions.Agents].
func (e *Engine) ListAgents(f missions.AgentFilter) missions.AgentPage {
	page := missions.AgentPage{Agents: []missions.Agent{}}
	for _, id := range e.sortedAgents() {
		a := e.agents[id]
		if f.State != "" && a.State != f.State || f.Type != "" && !slices.Contains(a.Types, f.Type) {
			continue
		}
		page.Count++
		switch {
		case id <= f.Cursor:
		case f.Limit > 0 && len(page.Agents) == f.Limit:
			page.Next = page.Agents[f.Limit-1].ID
		default:
			page.Agents = append(page.Agents, e.outputAgent(a))
		}
	}
	return page
}
