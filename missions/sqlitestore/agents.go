package sqlitestore

import (
	"encoding/json"
	"time"

	"github.com/ncruces/go-sqlite3"

	"missioncontrol/missions/engine"
)

const agentColumns = `id, name, role, state, has_left, last_heartbeat, silence_us, capacity, types,
	version, host, labels, cpu, memory_bytes, registered_at, updated_at`

func scanAgent(s *sqlite3.Stmt) (a engine.Agent, err error) {
	a.ID, a.Name, a.Role = s.ColumnText(0), s.ColumnText(1), s.ColumnText(2)
	a.State = agentStates[s.ColumnInt(3)]
	a.Left = s.ColumnBool(4)
	a.LastHeartbeat = scanTime(s, 5)
	a.Silence = time.Duration(s.ColumnInt64(6)) * time.Microsecond
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
	a.RegisteredAt, a.ChangedAt = scanTime(s, 14), scanTime(s, 15)
	return a, nil
}

// number unwraps an optional number for binding.
func number[T int64 | float64](n *T) any {
	if n == nil {
		return nil
	}
	return *n
}
