package supervisor

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"missioncontrol/wakeup"
)

// Two connections of one agent are reported, once, and not while one of them may be the
// agent's old one.
func TestTwoAgentsWithOneIDAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		b := &switchboard{connected: map[string]int{"alone": 1, "reconnecting": 2, "shared": 2}}
		s := &sharedIDs{
			connections: b, wait: testGrace, log: slog.New(slog.NewTextHandler(&log, nil)), wake: wakeup.New(),
			registered: map[string]bool{}, told: map[string]time.Time{},
		}
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { s.run(ctx) })
		all := func() {
			for _, agentID := range []string{"alone", "reconnecting", "shared"} {
				s.hasRegistered(agentID)
			}
		}
		all()
		after(testGrace - 1)
		b.set(func() { b.connected["reconnecting"] = 1 })
		after(time.Minute)
		all()
		after(time.Minute)
		b.set(func() { b.broken = errors.New("no answer") })
		all()
		after(time.Minute)
		cancel()
		loop.Wait()
		if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "agent=shared connections=2") {
			t.Errorf("the log is\n%s", text)
		}
	})
}
