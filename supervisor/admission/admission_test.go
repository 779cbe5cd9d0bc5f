package admission_test

import (
	"context"
	"errors"
	"testing"

	"missioncontrol/missions"
	"missioncontrol/supervisor/admission"
	"missioncontrol/supervisor/api"
	"missioncontrol/test/fatal"
)

func TestABoundCountsRequestsAndTheirBytes(t *testing.T) {
	t.Parallel()
	b := admission.For(api.KindBrief)
	var leaves []func()
	for i := range 8 {
		leave, err := b.Enter(api.MaxBody)
		if err != nil {
			t.Fatalf("body %d of 8 MiB: %v", i, err)
		}
		leaves = append(leaves, leave)
	}
	if _, err := b.Enter(1); !errors.Is(err, missions.ErrOverloaded) {
		t.Errorf("a body beyond 64 MiB: %v", err)
	}
	if leave, err := b.Enter(0); err != nil {
		t.Errorf("a request without a body: %v", err)
	} else {
		leave()
	}
	leaves[0]()
	if leave, err := b.Enter(api.MaxBody); err != nil {
		t.Errorf("once there is room again: %v", err)
	} else {
		leave()
	}
	if n := b.UnderWay(); n != 7 {
		t.Errorf("%d are under way, want 7", n)
	}
}

// Bytes that arrive in parts count like bytes that arrive at once.
func TestABoundHoldsBytes(t *testing.T) {
	t.Parallel()
	b := admission.For(api.KindBrief)
	must(t, b.Hold(60<<20))
	if err := b.Hold(5 << 20); !errors.Is(err, missions.ErrOverloaded) {
		t.Errorf("65 MiB: %v", err)
	}
	must(t, b.Hold(4<<20))
	b.Release(64 << 20)
	must(t, b.Hold(64<<20))
}

// A share is smaller than the whole, so that no client takes all of it.
func TestAShareOfABound(t *testing.T) {
	t.Parallel()
	part, large := admission.For(api.KindPage).Share(), admission.For(api.KindBrief).Share()
	requests := 0
	for ; ; requests++ {
		if _, err := part.Enter(0); err != nil {
			break
		}
	}
	if requests != 256 {
		t.Errorf("%d requests", requests)
	}
	if err := part.Hold(17 << 20); !errors.Is(err, missions.ErrOverloaded) {
		t.Errorf("17 MiB: %v", err)
	}
	must(t, part.Hold(16<<20))

	ctx, cancel := context.WithCancel(t.Context())
	for range 4 {
		_, err := part.Turn(ctx, 0)
		must(t, err)
	}
	_, err := large.Turn(ctx, 1<<20)
	must(t, err)
	cancel()
	if _, err := part.Turn(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("the fifth page: %v", err)
	}
	if _, err := large.Turn(ctx, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("the second large body: %v", err)
	}
}

// However many pages are requested, only a few are in memory.
func TestPagesHaveTheirTurn(t *testing.T) {
	t.Parallel()
	b := admission.For(api.KindPage)
	ctx, cancel := context.WithCancel(t.Context())
	var first func()
	for i := range 8 {
		done, err := b.Turn(ctx, 0)
		must(t, err)
		if i == 0 {
			first = done
		}
	}
	cancel()
	if _, err := b.Turn(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("the ninth: %v", err)
	}
	first()
	if done, err := b.Turn(t.Context(), 0); err != nil {
		t.Error(err)
	} else {
		done()
	}
}

// Large bodies are read a few at a time, and do not delay small ones.
func TestLargeBodiesHaveTheirTurn(t *testing.T) {
	t.Parallel()
	b := admission.For(api.KindBrief)
	ctx, cancel := context.WithCancel(t.Context())
	for range 2 {
		_, err := b.Turn(ctx, 1<<20)
		must(t, err)
	}
	for range 100 {
		_, err := b.Turn(ctx, 1<<10)
		must(t, err)
	}
	cancel()
	if _, err := b.Turn(ctx, 1<<20); !errors.Is(err, context.Canceled) {
		t.Errorf("a third large body: %v", err)
	}
}

var must = fatal.If
