package sqlitestore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions"
)

// agentRow is an agent as it stands in the table.
type agentRow struct {
	missions.Agent
	left     bool
	silence  time.Duration
	draining bool // what the next sign of life says of it
	changed  missions.Time
}

const agentColumns = `id, name, role, state, has_left, last_heartbeat, silence_us, capacity, types,
	version, host, labels, cpu, memory_bytes, registered_at, updated_at`

const agentQuery = "SELECT " + agentColumns + ", running FROM agents "

func scanAgent(s *sqlite3.Stmt) (a agentRow, err error) {
	a.ID, a.Name, a.Role = s.ColumnText(0), s.ColumnText(1), s.ColumnText(2)
	a.State = agentStates[s.ColumnInt(3)]
	a.draining = a.State == missions.Draining
	a.left = s.ColumnBool(4)
	a.LastHeartbeat = scanTime(s, 5)
	a.silence = time.Duration(s.ColumnInt64(6)) * time.Microsecond
	a.Capacity = s.ColumnInt(7)
	if err := json.Unmarshal(s.ColumnRawText(8), &a.Types); err != nil {
		return a, err
	}
	a.Version, a.Host = s.ColumnText(9), s.ColumnText(10)
	if err := json.Unmarshal(s.ColumnRawText(11), &a.Labels); err != nil {
		return a, err
	}
	if s.ColumnType(12) != sqlite3.NULL {
		cpu := s.ColumnFloat(12)
		a.CPU = &cpu
	}
	if s.ColumnType(13) != sqlite3.NULL {
		memory := s.ColumnInt64(13)
		a.MemoryBytes = &memory
	}
	a.RegisteredAt, a.changed = scanTime(s, 14), scanTime(s, 15)
	a.MissionsRunning = s.ColumnInt(16)
	return a, nil
}

// loadAgent returns an agent, or an ErrNotFound.
func (c *conn) loadAgent(id string) (a agentRow, err error) {
	found := false
	err = c.query(agentQuery+"WHERE id = ?", func(s *sqlite3.Stmt) (bool, error) {
		found = true
		var err error
		a, err = scanAgent(s)
		return false, err
	}, id)
	if err == nil && !found {
		err = missions.NotFound("registered agent", id)
	}
	return a, err
}

// Register implements [missions.Agents].
func (s *Store) Register(ctx context.Context, agent missions.Agent, silence time.Duration) (registered missions.Agent, err error) {
	err = s.write(ctx, laneBeat, func(t *tx) error {
		old, err := t.loadAgent(agent.ID)
		if internal(err) {
			return err
		}
		known := err == nil
		a := agentRow{Agent: agent, silence: silence}
		if a.Types == nil {
			a.Types = []string{}
		}
		if a.Labels == nil {
			a.Labels = map[string]string{}
		}
		a.State, a.LastHeartbeat, a.RegisteredAt = missions.Online, t.now, t.now
		a.MissionsRunning = old.MissionsRunning
		if known {
			a.RegisteredAt = old.RegisteredAt
		}
		if err := t.saveAgent(&a, old.Types); err != nil {
			return err
		}
		registered = a.Agent
		registered.MissionsRunning += int(t.running[agent.ID])
		if known && old.State != missions.Offline {
			t.counters[counterKey{allTypes, countSlots}] += int64(a.Capacity - old.Capacity)
			return nil
		}
		return t.arrived(&a, "registered")
	})
	return registered, err
}

func (t *tx) saveAgent(a *agentRow, oldTypes []string) error {
	types, _ := json.Marshal(a.Types) // strings always marshal
	labels, _ := json.Marshal(a.Labels)
	for _, kind := range oldTypes {
		if err := t.exec("DELETE FROM agent_types WHERE type = ? AND agent_id = ?", kind, a.ID); err != nil {
			return err
		}
	}
	for _, kind := range a.Types {
		if err := t.exec("INSERT OR IGNORE INTO agent_types (type, agent_id) VALUES (?, ?)", kind, a.ID); err != nil {
			return err
		}
	}
	return t.exec(`INSERT OR REPLACE INTO agents (id, name, role, state, has_left, last_heartbeat, silence_us, due_at,
		running, capacity, types, version, host, labels, cpu, memory_bytes, registered_at, updated_at)
		VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		a.ID, a.Name, a.Role, slices.Index(agentStates, a.State), int64(a.LastHeartbeat),
		a.silence.Microseconds(), int64(t.now.Add(a.silence)), a.MissionsRunning, a.Capacity,
		string(types), a.Version, a.Host, string(labels), number(a.CPU), number(a.MemoryBytes),
		int64(a.RegisteredAt), int64(t.now))
}

// number unwraps an optional number for binding.
func number[T int64 | float64](n *T) any {
	if n == nil {
		return nil
	}
	return *n
}

// signOfLife notes that an agent has just been heard of.
func (t *tx) signOfLife(a *agentRow, reason string) error {
	was := a.State
	a.State = missions.Online
	if a.draining {
		a.State = missions.Draining
	}
	a.LastHeartbeat = t.now
	err := t.exec(`UPDATE agents SET state = ?, last_heartbeat = ?, silence_us = ?, due_at = ?, cpu = ?, memory_bytes = ?,
		updated_at = ? WHERE id = ?`,
		slices.Index(agentStates, a.State), int64(t.now), a.silence.Microseconds(), int64(t.now.Add(a.silence)),
		number(a.CPU), number(a.MemoryBytes), int64(t.now), a.ID)
	if err == nil && was == missions.Offline {
		err = t.arrived(a, reason)
	}
	return err
}

func (t *tx) arrived(a *agentRow, reason string) error {
	t.counters[counterKey{allTypes, countAgents}]++
	t.counters[counterKey{allTypes, countSlots}] += int64(a.Capacity)
	return t.emit(agentEvent(missions.EventAgentOnline, a, reason))
}

func agentEvent(kind missions.EventKind, a *agentRow, reason string) missions.Event {
	return missions.Event{Kind: kind, AgentID: a.ID, Name: a.Name, Role: a.Role, Types: slices.Clone(a.Types), Reason: reason}
}

// departed takes an agent that is not offline yet offline.
func (t *tx) departed(a *agentRow, left bool, reason string) error {
	t.counters[counterKey{allTypes, countAgents}]--
	t.counters[counterKey{allTypes, countSlots}] -= int64(a.Capacity)
	a.State = missions.Offline
	err := t.exec("UPDATE agents SET state = ?, has_left = ?, due_at = NULL, updated_at = ? WHERE id = ?",
		slices.Index(agentStates, missions.Offline), left, int64(t.now), a.ID)
	if err != nil {
		return err
	}
	return t.emit(agentEvent(missions.EventAgentOffline, a, reason))
}

// Leave implements [missions.Agents].
func (s *Store) Leave(ctx context.Context, id, reason string) (result missions.LeaveResult, err error) {
	err = s.write(ctx, laneBeat, func(t *tx) error {
		result = missions.LeaveResult{}
		a, err := t.loadAgent(id)
		if err != nil {
			return err
		}
		held, err := t.leasesOf(id)
		if err != nil {
			return err
		}
		for _, l := range held {
			r, err := t.loadSeq(l.seq)
			if err != nil {
				return err
			}
			r.Attempt--
			if err := t.giveBack(&r, fmt.Sprintf("agent %s left", id), t.now); err != nil {
				return err
			}
			result.GivenBack = append(result.GivenBack, r.Type)
		}
		if a.State == missions.Offline {
			return t.exec("UPDATE agents SET has_left = 1 WHERE id = ?", id)
		}
		return t.departed(&a, true, reason)
	})
	return result, err
}

// ListAgents implements [missions.Agents].
func (s *Store) ListAgents(ctx context.Context, f missions.AgentFilter) (page missions.AgentPage, err error) {
	err = s.readPage(ctx, func(c *conn) error {
		page = missions.AgentPage{Agents: []missions.Agent{}}
		sql, args := agentsQuery(f)
		err := c.query(sql, func(s *sqlite3.Stmt) (bool, error) {
			if f.Limit > 0 && len(page.Agents) == f.Limit {
				page.Next = page.Agents[f.Limit-1].ID
				return false, nil
			}
			a, err := scanAgent(s)
			page.Agents = append(page.Agents, a.Agent)
			return true, err
		}, args...)
		if err != nil {
			return err
		}
		page.Count, err = c.countAgents(f)
		return err
	})
	return page, err
}

func agentsQuery(f missions.AgentFilter) (string, []any) {
	switch {
	case f.Type != "" && f.State != "":
		return agentQuery + "WHERE id IN (SELECT agent_id FROM agent_types WHERE type = ?) AND state = ? AND id > ? ORDER BY id",
			[]any{f.Type, slices.Index(agentStates, f.State), f.Cursor}
	case f.Type != "":
		return agentQuery + "WHERE id IN (SELECT agent_id FROM agent_types WHERE type = ?) AND id > ? ORDER BY id",
			[]any{f.Type, f.Cursor}
	case f.State != "":
		return agentQuery + "WHERE state = ? AND id > ? ORDER BY id",
			[]any{slices.Index(agentStates, f.State), f.Cursor}
	}
	return agentQuery + "WHERE id > ? ORDER BY id", []any{f.Cursor}
}

// countAgents counts the agents that match. There are as many as processes, not
// as missions, so that walking an index of them is cheap.
func (c *conn) countAgents(f missions.AgentFilter) (int64, error) {
	state := slices.Index(agentStates, f.State)
	switch {
	case f.Type != "" && f.State != "":
		return c.number(`SELECT count(*) FROM agent_types t CROSS JOIN agents a ON a.id = t.agent_id
			WHERE t.type = ? AND a.state = ?`, f.Type, state)
	case f.Type != "":
		return c.number("SELECT count(*) FROM agent_types WHERE type = ?", f.Type)
	case f.State != "":
		return c.number("SELECT count(*) FROM agents WHERE state = ?", state)
	}
	return c.number("SELECT count(*) FROM agents")
}
