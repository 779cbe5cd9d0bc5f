package embedded_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sys/unix"
)

// A stream that could not be written accepts messages again once there is space,
// and has everything it acknowledged.
func TestAFullDiskIsOutlived(t *testing.T) {
	t.Parallel()
	dir, ctx := t.TempDir(), testContext(t)
	child, js := startChild(t, dir)
	if _, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}); err != nil {
		t.Fatal(err)
	}
	limit := func(bytes uint64) {
		t.Helper()
		if err := unix.Prlimit(child.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	publish := func() error {
		ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		defer cancel()
		_, err := js.Publish(ctx, "s.a", []byte(strings.Repeat("x", 1<<10)))
		return err
	}
	stored := 0
	for limit(64 << 10); publish() == nil; stored++ {
		if stored > 1000 {
			t.Fatal("the limit has no effect")
		}
	}
	limit(unix.RLIM_INFINITY)
	for err := publish(); err != nil; err = publish() {
		if ctx.Err() != nil {
			t.Fatalf("the stream stays out of use: %v", err)
		}
	}
	stream, err := js.Stream(ctx, "S")
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().State.Msgs; got <= uint64(stored) {
		t.Errorf("the stream has %d messages; %d and one more were acknowledged", got, stored)
	}
}
