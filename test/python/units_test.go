package python

import (
	"testing"
)

// The SDK's own tests, against a supervisor with a script.
func TestUnits(t *testing.T) {
	t.Parallel()
	tests := python(t, "", "-W", "error::ResourceWarning", "-m", "unittest", "discover", "-t", ".", "-s", "tests")
	if code := tests.code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}

// Every request of the client, and agents with children, batches, usage and large results,
// against a real supervisor.
func TestEveryRequest(t *testing.T) {
	t.Parallel()
	s := start(t)
	if code := python(t, s.HTTP, "-m", "unittest", "tests.live").code(); code != 0 {
		t.Fatalf("exit code %d", code)
	}
}
