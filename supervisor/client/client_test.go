package client_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"missioncontrol/supervisor/client"
)

// overdue is a context just after its deadline, before its timer has fired.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now().Add(-time.Second), true }

func TestWaitThatIsOverdueSaysSo(t *testing.T) {
	t.Parallel()
	m, err := client.New(nil).Wait(overdue{t.Context()}, "m")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("mission %q and the error %v, want %v", m.ID, err, context.DeadlineExceeded)
	}
}
