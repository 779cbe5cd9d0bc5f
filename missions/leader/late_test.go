package leader_test

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
	"missioncontrol/missions/engine/enginetest"
	"missioncontrol/missions/leader"
)

// TestWhatWasRefusedIsNotDoneLater delivers a copy of a message once more after its request was refused,
// when it would no longer be.
func TestWhatWasRefusedIsNotDoneLater(t *testing.T) {
	t.Parallel()
	f := &fleet{backend: enginetest.NewMemory(), cfg: engine.Config{OutboxLimit: 1 << 40}, now: time.Now, elector: &elector{now: time.Now}, stores: map[string]*leader.Shared{}}
	first := f.join(t, "leader")
	lead(t, first, "leader")
	var mu sync.Mutex
	var sent [][]byte
	front, err := leader.OpenShared(t.Context(), leader.SharedConfig{
		Config:  leader.Config{Engine: f.cfg, Identity: identity, Now: f.now, Logger: quiet},
		Backend: f.backend, Leaders: f.elector,
		Send: func(ctx context.Context, holder string, message []byte) ([]byte, error) {
			mu.Lock()
			sent = append(sent, slices.Clone(message))
			mu.Unlock()
			return f.send(ctx, holder, message)
		},
	})
	must(t, err)
	t.Cleanup(func() { must(t, front.Close()) })
	lead(t, front, "front") // it learns who leads

	ask := missions.Mission{ID: "m", Name: "m", Flow: &missions.Flow{After: []missions.Condition{{Signal: "approved", Choices: []string{"yes", "no"}}}}}
	ask.Normalize()
	created, err := front.Create(t.Context(), []missions.Mission{ask})
	must(t, err)
	must(t, created[0].Err)
	mu.Lock()
	from := len(sent)
	mu.Unlock()
	if result := signal(t, front, `"maybe"`); result.Err == nil {
		t.Fatal("an answer that is none is accepted")
	}
	must(t, signal(t, front, `"yes"`).Err)
	mu.Lock()
	late := sent[from]
	mu.Unlock()
	first.Answer(t.Context(), late)
	m, err := front.Get(t.Context(), "m")
	must(t, err)
	if len(m.Signals) != 1 {
		t.Errorf("a signal that was refused is stored: %+v", m.Signals)
	}
}

func signal(t *testing.T, s *leader.Shared, data string) missions.SignalResult {
	t.Helper()
	results, err := s.Signal(t.Context(), []missions.SignalRequest{{MissionID: "m", Name: "approved", Data: json.RawMessage(data)}})
	must(t, err)
	return results[0]
}
