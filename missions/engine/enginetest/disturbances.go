package enginetest

import (
	"fmt"
	"time"

	"missioncontrol/missions"
)

// disturb does what happens to leaders and to what is stored.
func (w *world) disturb(a Action) error {
	switch a.Kind {
	case "lose":
		return w.lose()
	case "take over":
		return w.takeOver(a)
	case "stale":
		return w.stale()
	}
	return fmt.Errorf("unknown action %q", a.Kind)
}

// takeOver makes another supervisor the leader, whose clock differs. The old one does not
// notice yet.
func (w *world) takeOver(a Action) error {
	if err := w.commit(noFault); err != nil {
		return err
	}
	w.old, w.oldAt, w.engine = w.engine, w.epoch, nil
	w.skew = time.Duration(a.A)%(2*simulatedSkew) - simulatedSkew
	w.counted.Takeovers++
	return w.lead()
}

// stale has a leader that was replaced without noticing commit something: it is refused.
func (w *world) stale() error {
	if w.old == nil {
		return nil
	}
	if err := w.commit(noFault); err != nil {
		return err
	}
	w.counted.Stale++
	w.old.Begin(w.now(), [32]byte{1})
	w.old.Register(missions.Agent{ID: "stale", Types: []string{"x"}}, simulatedLease)
	err := w.backend.Commit(w.ctx, w.oldAt, w.old.End())
	w.old = nil
	if answer(err, "stored") != string(missions.CodeUnavailable) {
		return fmt.Errorf("the commit of a leader that was replaced: %w", err)
	}
	return w.compare()
}
