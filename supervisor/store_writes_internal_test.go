package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
	"missioncontrol/wakeup"
)

// A store counts as full for some time after it had no room for a step, however often its
// check succeeds, and no longer.
func TestAFullStoreIsFullForSomeTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &storeWrites{
			check: func(context.Context) error { return nil }, every: time.Second, fullFor: 30 * time.Second,
			log: slog.New(slog.DiscardHandler), failed: wakeup.New(),
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.run(ctx)
		}()
		w.wrote(missions.Full("the disk is full", errors.New("a cause")))
		for range 2 { // the second one begins the time anew
			time.Sleep(20 * time.Second)
			if w.problem() != "the disk is full" {
				t.Errorf("the problem is %q", w.problem())
			}
			w.wrote(missions.Full("the disk is full", nil))
		}
		time.Sleep(32 * time.Second)
		if w.problem() != "" {
			t.Errorf("with room again, the problem is %q", w.problem())
		}
		stop()
		<-ended
	})
}
