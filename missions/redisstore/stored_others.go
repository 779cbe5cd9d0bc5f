package redisstore

import (
	"encoding/json"
	"fmt"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// storedLine is an entry of a mission's log. Its first entry, the creation, is not stored.
type storedLine struct {
	At      int64           `json:"at"`
	From    missions.Status `json:"from,omitempty"` // of a change of status
	To      missions.Status `json:"to,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Level   string          `json:"level,omitempty"` // of an agent's entry
	Message string          `json:"message,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
}

func writeLine(e *missions.LogEntry) string {
	o := newObject()
	o.number("at", int64(e.Timestamp))
	if e.By == missions.BySupervisor {
		o.text("from", string(e.OldStatus))
		o.text("to", string(e.NewStatus))
		o.text("reason", e.Reason)
		return o.end()
	}
	o.text("level", e.Level)
	o.text("message", e.Message)
	o.json("data", e.Data)
	return o.end()
}

func readLine(text string) (missions.LogEntry, error) {
	var s storedLine
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return missions.LogEntry{}, err
	}
	if s.To != "" {
		return missions.ChangeEntry(missions.Time(s.At), s.From, s.To, s.Reason), nil
	}
	return missions.LogEntry{Timestamp: missions.Time(s.At), Level: s.Level, Message: s.Message, Data: s.Data, By: missions.ByAgent}, nil
}

// storedLease is a lease, by its mission's id.
type storedLease struct {
	Seq       int64  `json:"seq"`
	Type      string `json:"type"`
	AgentID   string `json:"agent_id"`
	Token     int64  `json:"token"`
	ExpiresAt int64  `json:"expires_at"`
	EndsAt    int64  `json:"ends_at"`
	StallsAt  int64  `json:"stalls_at"`
	Missed    int    `json:"missed"`
	Signal    int    `json:"signal"`

	Key    string   `json:"key"`
	Limits []string `json:"limits"`
}

func writeLease(l *engine.Lease) string {
	o := newObject()
	o.number("expires_at", int64(l.ExpiresAt)) // first, for the scripts
	o.number("seq", l.Seq)
	o.text("type", l.Type)
	o.text("agent_id", l.AgentID)
	o.number("token", l.Token)
	o.number("ends_at", int64(l.EndsAt))
	o.number("stalls_at", int64(l.StallsAt))
	o.number("missed", int64(l.Missed))
	o.number("signal", int64(l.Signal))
	o.text("key", l.Key)
	o.texts("limits", l.Limits)
	return o.end()
}

func readLease(id, text string) (engine.Lease, error) {
	var s storedLease
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return engine.Lease{}, fmt.Errorf("the lease of mission %q: %w", id, err)
	}
	return engine.Lease{Seq: s.Seq, MissionID: id, Type: s.Type, AgentID: s.AgentID, Token: s.Token, ExpiresAt: missions.Time(s.ExpiresAt),
		EndsAt: missions.Time(s.EndsAt), StallsAt: missions.Time(s.StallsAt), Missed: s.Missed, Signal: s.Signal,
		Key: s.Key, Limits: s.Limits}, nil
}

// storedAgent is an agent, by its id.
type storedAgent struct {
	Name          string              `json:"name,omitempty"`
	Role          string              `json:"role,omitempty"`
	State         missions.AgentState `json:"state"`
	Left          bool                `json:"left,omitempty"`
	Capacity      int                 `json:"capacity"`
	Types         []string            `json:"types"`
	Version       string              `json:"version,omitempty"`
	Host          string              `json:"host,omitempty"`
	Labels        map[string]string   `json:"labels"`
	CPU           *float64            `json:"cpu,omitempty"`
	MemoryBytes   *int64              `json:"memory_bytes,omitempty"`
	LastHeartbeat int64               `json:"last_heartbeat"`
	RegisteredAt  int64               `json:"registered_at"`
	ChangedAt     int64               `json:"changed_at"`
	Silence       int64               `json:"silence_ns"`
}

func writeAgent(a *engine.Agent) (string, error) {
	text, err := json.Marshal(storedAgent{
		Name: a.Name, Role: a.Role, State: a.State, Left: a.Left, Capacity: a.Capacity, Types: a.Types, Version: a.Version, Host: a.Host,
		Labels: a.Labels, CPU: a.CPU, MemoryBytes: a.MemoryBytes, LastHeartbeat: int64(a.LastHeartbeat), RegisteredAt: int64(a.RegisteredAt),
		ChangedAt: int64(a.ChangedAt), Silence: int64(a.Silence),
	})
	return string(text), err
}

func readAgent(id, text string) (engine.Agent, error) {
	var s storedAgent
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return engine.Agent{}, fmt.Errorf("agent %q: %w", id, err)
	}
	a := engine.Agent{Left: s.Left, ChangedAt: missions.Time(s.ChangedAt)}
	a.Agent = missions.Agent{
		ID: id, Name: s.Name, Role: s.Role, State: s.State, Capacity: s.Capacity, Types: s.Types, Version: s.Version, Host: s.Host,
		Labels: s.Labels, CPU: s.CPU, MemoryBytes: s.MemoryBytes,
		LastHeartbeat: missions.Time(s.LastHeartbeat), RegisteredAt: missions.Time(s.RegisteredAt),
	}
	a.Silence = time.Duration(s.Silence)
	return a, nil
}

// storedAlert is an alert, by its rule.
type storedAlert struct {
	Metric    string              `json:"metric"`
	Threshold float64             `json:"threshold"`
	State     missions.AlertState `json:"state"`
	Since     int64               `json:"since"`
	RaisedAt  int64               `json:"raised_at,omitempty"`
	ClearedAt int64               `json:"cleared_at,omitempty"`
	CheckedAt int64               `json:"checked_at"`
	Revision  int64               `json:"revision"`
}

func writeAlert(a *missions.Alert) (string, error) {
	text, err := json.Marshal(storedAlert{Metric: a.Metric, Threshold: a.Threshold, State: a.State, Since: int64(a.Since),
		RaisedAt: int64(a.RaisedAt), ClearedAt: int64(a.ClearedAt), CheckedAt: int64(a.CheckedAt), Revision: a.Revision})
	return string(text), err
}

func readAlert(rule, text string) (missions.Alert, error) {
	var s storedAlert
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return missions.Alert{}, fmt.Errorf("alert %q: %w", rule, err)
	}
	return missions.Alert{Rule: rule, Metric: s.Metric, Threshold: s.Threshold, State: s.State, Since: missions.Time(s.Since),
		RaisedAt: missions.Time(s.RaisedAt), ClearedAt: missions.Time(s.ClearedAt), CheckedAt: missions.Time(s.CheckedAt), Revision: s.Revision}, nil
}
