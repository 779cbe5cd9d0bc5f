package leader

import (
	"context"

	"missioncontrol/missions"
	"missioncontrol/missions/engine"
)

// Panic runs a step that changes something and panics.
func (s *Store) Panic(ctx context.Context) error {
	return s.do(ctx, laneHouse, nil, func(e *engine.Engine) {
		e.Register(missions.Agent{ID: "a"}, 0)
		panic("a mistake")
	})
}
