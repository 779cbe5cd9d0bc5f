package serve

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"missioncontrol/cmd/supervisor/config"
)

// A supervisor that is told to stop while it starts has stopped cleanly.
func TestAStopDuringTheStartIsClean(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	must(t, Run(ctx, config.Config{
		Listen: "127.0.0.1:0", HTTP: "off", DataDir: t.TempDir(),
		Lease: 5 * time.Second, Heartbeat: 500 * time.Millisecond, Retention: time.Hour, OutboxLimit: 100_000, Replicas: 1,
	}, slog.New(slog.DiscardHandler), func(Info) { t.Error("it has started") }))
}
