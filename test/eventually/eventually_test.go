package eventually_test

import (
	"testing"

	"missioncontrol/test/eventually"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	asked := 0
	eventually.Holds(t, func() bool { asked++; return asked == 3 }, func() string { return "it does not hold" })
	if asked != 3 {
		t.Errorf("it was asked %d times, want 3", asked)
	}
}
