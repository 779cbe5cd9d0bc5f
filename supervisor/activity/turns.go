// Package activity tells what agents worked on in the last hour, from the events of the
// stream. It is bounded: of many turns it keeps the latest, and knows since when it has all.
package activity

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"missioncontrol/charter"
	"missioncontrol/eventstream"
	"missioncontrol/missions"
	"missioncontrol/supervisor/api"
)

const (
	span       = time.Hour
	maxTurns   = 3000
	maxChanges = 1000   // of agents that came and went
	maxKnown   = 20_000 // missions whose type is remembered
	maxName    = 80     // characters
	maxSlow    = 20     // types whose run times are told
)

// about is what a turn says of its mission.
type about struct{ name, missionType string }

// turns are the turns that events tell of.
type turns struct {
	seq     uint64           // of the last event
	list    []*api.AgentTurn // in the order of the events that they are known from
	open    map[string]*api.AgentTurn
	unknown []*api.AgentTurn // whose mission is not known yet
	known   map[string]about
	order   []string // of known, the oldest first
	agents  []api.AgentChange
	from    missions.Time // turns that ended earlier were forgotten, or not read
	behind  uint64        // of the last event that was: who knows only what was before has missed it
}

func newTurns() *turns {
	return &turns{open: map[string]*api.AgentTurn{}, known: map[string]about{}}
}

// filter has the types of events that tell of turns.
var filter = []string{charter.TypeMissionStatusChanged, charter.TypeMissionCreated, charter.TypeAgentOnline, charter.TypeAgentOffline}

// envelope is what is read of an event.
type envelope struct {
	Payload struct {
		MissionID string          `json:"mission_id"`
		Name      string          `json:"name"`
		Type      string          `json:"type"`
		AgentID   *string         `json:"agent_id"`
		OldStatus missions.Status `json:"old_status"`
		NewStatus missions.Status `json:"new_status"`
		Attempt   int64           `json:"attempt"`
		ChangedAt missions.Time   `json:"changed_at"`
		Reason    string          `json:"reason"`
	} `json:"payload"`
}

// take takes the next event.
func (t *turns) take(e *eventstream.Stored) {
	t.seq = e.Seq
	var event envelope
	if json.Unmarshal(e.Data, &event) != nil {
		return // it is of no use to anybody
	}
	p := &event.Payload
	switch {
	case e.Type == charter.TypeMissionCreated:
		t.learn(p.MissionID, p.Name, p.Type)
	case p.AgentID == nil:
	case e.Type == charter.TypeAgentOnline || e.Type == charter.TypeAgentOffline:
		t.agents = append(t.agents, api.AgentChange{AgentID: *p.AgentID, Online: e.Type == charter.TypeAgentOnline, At: p.ChangedAt, Sequence: e.Seq})
	case p.OldStatus == missions.Running:
		turn := t.open[p.MissionID]
		if turn == nil || turn.AgentID != *p.AgentID {
			turn = t.begin(&api.AgentTurn{MissionID: p.MissionID, AgentID: *p.AgentID, Attempt: p.Attempt})
		}
		delete(t.open, p.MissionID)
		turn.EndedAt, turn.Sequence, turn.Outcome = p.ChangedAt, e.Seq, outcome(p.NewStatus, p.Reason)
		if turn.Outcome != api.TurnCompleted {
			turn.Reason = shortened(missions.FirstLine(p.Reason))
		}
	case p.NewStatus == missions.Running:
		if old := t.open[p.MissionID]; old != nil { // its end was removed from the stream
			t.list = slices.DeleteFunc(t.list, func(turn *api.AgentTurn) bool { return turn == old })
			t.behind = e.Seq
		}
		t.open[p.MissionID] = t.begin(&api.AgentTurn{MissionID: p.MissionID, AgentID: *p.AgentID, Attempt: p.Attempt, StartedAt: p.ChangedAt, Sequence: e.Seq})
	}
}

// begin adds a turn.
func (t *turns) begin(turn *api.AgentTurn) *api.AgentTurn {
	t.list = append(t.list, turn)
	if is, known := t.known[turn.MissionID]; known {
		turn.Name, turn.Type = is.name, is.missionType
	} else {
		t.unknown = append(t.unknown, turn)
	}
	return turn
}

// learn remembers what a mission is. One that had the id before was deleted.
func (t *turns) learn(id, name, missionType string) {
	_, known := t.known[id]
	if t.known[id] = (about{shortened(name), missionType}); known {
		return
	}
	t.order = append(t.order, id)
	if len(t.order) > maxKnown {
		delete(t.known, t.order[0])
		t.order = t.order[1:]
	}
}

// outcome returns what became of a turn. Of those that end with a mission in the queue, the
// reason tells an agent's wish from a failure.
func outcome(status missions.Status, reason string) string {
	switch status {
	case missions.Completed:
		return api.TurnCompleted
	case missions.Cancelled:
		return api.TurnCancelled
	case missions.Pending:
		if strings.HasPrefix(reason, "parked by ") || strings.HasPrefix(reason, "released by ") || strings.HasSuffix(reason, " left") {
			return api.TurnReturned
		}
	}
	return api.TurnFailed
}

func shortened(text string) string {
	if runes := []rune(text); len(runes) > maxName {
		return string(runes[:maxName-1]) + "…"
	}
	return text
}

// forget forgets what is too old or too much: of turns, those that ended first.
func (t *turns) forget(now missions.Time) {
	begin := now.Add(-span)
	t.list = slices.DeleteFunc(t.list, func(turn *api.AgentTurn) bool {
		gone := turn.EndedAt != 0 && turn.EndedAt < begin
		if gone {
			t.behind = max(t.behind, turn.Sequence)
		}
		return gone
	})
	if excess := len(t.list) - maxTurns; excess > 0 {
		var ends []uint64
		for _, turn := range t.list {
			if turn.EndedAt != 0 {
				ends = append(ends, turn.Sequence)
			}
		}
		slices.Sort(ends)
		last := slices.Max(append(ends[:min(excess, len(ends))], 0))
		t.list = slices.DeleteFunc(t.list, func(turn *api.AgentTurn) bool {
			gone := turn.EndedAt != 0 && turn.Sequence <= last
			if gone {
				t.from = max(t.from, turn.EndedAt)
			}
			return gone
		})
		t.behind = max(t.behind, last)
	}
	for len(t.agents) > maxChanges || len(t.agents) > 0 && t.agents[0].At < begin {
		t.behind = max(t.behind, t.agents[0].Sequence)
		t.agents = t.agents[1:]
	}
}

// since returns what has changed behind a sequence.
func (t *turns) since(after uint64, now missions.Time) api.Activity {
	if after > t.seq || after < t.behind {
		after = 0 // of a stream that no longer exists, or of too long ago
	}
	reply := api.Activity{
		From: max(t.from, now.Add(-span)), To: now, All: after == 0,
		Turns: []api.AgentTurn{}, Agents: []api.AgentChange{}, Slow: map[string]float64{}, Changes: api.Cursor(t.seq),
	}
	for _, turn := range t.list {
		if turn.EndedAt == 0 && turn.Type != "" && len(reply.Slow) < maxSlow {
			reply.Slow[turn.Type] = 0 // which the caller knows
		}
		if turn.Sequence > after {
			reply.Turns = append(reply.Turns, *turn)
		}
	}
	for _, change := range t.agents {
		if change.Sequence > after {
			reply.Agents = append(reply.Agents, change)
		}
	}
	return reply
}
