package supervisor

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/missions"
	"missioncontrol/supervisor/alerts"
)

// board is a store whose notices come without a signal.
type board struct {
	missions.Store
	looks chan struct{}
}

func (b board) Notices(context.Context, int) ([]missions.Event, error) {
	b.looks <- struct{}{}
	return nil, nil
}

// A supervisor that has lost the store's answer, or its leadership, may have stored a
// notice without knowing it. The notice is found anyway.
func TestNoticesAreLookedForWithoutBeingToldOf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		webhook, err := alerts.NewWebhook("http://localhost/", "", "test")
		if err != nil {
			t.Fatal(err)
		}
		b := board{looks: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			newNotifier(b, "outbox", webhook, slog.New(slog.DiscardHandler)).run(ctx)
		}()
		begun := time.Now()
		for range 3 {
			<-b.looks
		}
		if waited := time.Since(begun); waited > time.Minute {
			t.Errorf("three looks took %s", waited)
		}
		cancel()
		<-done
	})
}
